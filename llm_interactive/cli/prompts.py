"""`llm-interactive prompts`: see, pin and reset the prompts of projects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llm_interactive.cli.annotated import AsJson
from llm_interactive.errors import BackendError
from llm_interactive.settings import Settings, SettingsError

if TYPE_CHECKING:
    from llm_interactive.predict.overview import Overview, PromptState
    from llm_interactive.store.store import Store

prompts = typer.Typer(
    add_completion=False,
    help="See, pin and reset the prompts of projects.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

ProjectName = Annotated[str, typer.Option("--project", help="The project's number in Label Studio.")]
FieldName = Annotated[str | None, typer.Option("--field", help="The prompt field, where a project has several.")]


@prompts.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the current prompts of all projects.

    \b
    Example:
      llm-interactive prompts list
    """
    with _opened() as prompts_of:
        _print([row for project in prompts_of.projects() for row in prompts_of.rows(project)], as_json)


@prompts.command()
def show(project: ProjectName, as_json: AsJson = False) -> None:
    """Show a project's prompts: the current ones, pinned or not, and those of before.

    \b
    Example:
      llm-interactive prompts show --project 4
    """
    with _opened() as prompts_of:
        id = prompts_of.project(project)
        _print(prompts_of.rows(id), as_json, earlier=prompts_of.earlier(id))


@prompts.command()
def pin(
    project: ProjectName,
    text: Annotated[str | None, typer.Option("--text", help="The prompt; the one used last if none is given.")] = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="A file that holds the prompt.", exists=True, dir_okay=False)
    ] = None,
    field: FieldName = None,
    as_json: AsJson = False,
) -> None:
    """Pin a project's prompt: batches use it whatever annotators type.

    \b
    Example:
      llm-interactive prompts pin --project 4 --text "Is the text sarcastic? Say why."
    """
    with _opened() as prompts_of:
        id, state = prompts_of.field(project, field)
        wanted = file.read_text(encoding="utf-8") if file else text
        wanted = (state.current if wanted is None else wanted) or ""
        if not wanted.strip():
            raise _refuse("There is no prompt to pin. Give one with --text or --file.")
        prompts_of.store.pin(id, state.field, wanted.strip())
        _print(prompts_of.rows(id), as_json)


@prompts.command()
def unpin(project: ProjectName, field: FieldName = None, as_json: AsJson = False) -> None:
    """Let a project's prompt again be the one that is used last.

    \b
    Example:
      llm-interactive prompts unpin --project 4
    """
    with _opened() as prompts_of:
        id, state = prompts_of.field(project, field)
        prompts_of.store.pin(id, state.field, "")
        _print(prompts_of.rows(id), as_json)


@prompts.command()
def reset(project: ProjectName, field: FieldName = None, as_json: AsJson = False) -> None:
    """Forget a project's prompt, pinned or not: DEFAULT_PROMPT holds until somebody uses the next one.

    \b
    Example:
      llm-interactive prompts reset --project 4
    """
    with _opened() as prompts_of:
        id, state = prompts_of.field(project, field)
        prompts_of.store.reset(id, state.field)
        _print(prompts_of.rows(id), as_json)


@dataclass(frozen=True)
class _Prompts:
    """The database of the backend, with what the commands ask of it."""

    settings: Settings
    store: Store

    def projects(self) -> list[str]:
        return self.store.projects.all()

    def project(self, name: str) -> str:
        from llm_interactive.predict.overview import project_named

        return project_named(self.store, name)

    def overview(self, project: str) -> Overview:
        from llm_interactive.predict.overview import overview

        return overview(self.settings, self.store, project)

    def field(self, name: str, field: str | None) -> tuple[str, PromptState]:
        project = self.project(name)
        return project, self.overview(project).prompt(field)

    def rows(self, project: str) -> list[dict[str, Any]]:
        found = self.overview(project)
        facts = {"project": found.facts.number, "id": project, "title": found.facts.title}
        return [
            {**facts, "field": state.field, "prompt": state.current, "pinned": bool(state.pinned), "used": state.used}
            for state in found.prompts
        ]

    def earlier(self, project: str) -> list[dict[str, Any]]:
        names = ("field", "prompt", "since")
        return [dict(zip(names, row, strict=True)) for row in self.store.earlier_prompts(project)]


@contextmanager
def _opened() -> Iterator[_Prompts]:
    from llm_interactive.store.store import Store

    try:
        settings = Settings.from_environment()
        store = Store(settings.sqlalchemy_url, settings.reply_ttl)
    except SettingsError as error:
        raise _refuse(str(error)) from None
    try:
        yield _Prompts(settings, store)
        if store.failure:
            raise _refuse(f"The database fails: {store.failure}")
    except BackendError as error:
        raise _refuse(error.message) from None
    finally:
        store.close()


def _print(rows: list[dict[str, Any]], as_json: bool, earlier: list[dict[str, Any]] | None = None) -> None:
    if as_json:
        found: Any = rows if earlier is None else {"prompts": rows, "earlier": earlier}
        typer.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    for row in rows:
        title = f" ({row['title']})" if row["title"] else ""
        kind = "pinned" if row["pinned"] else "used last" if row["used"] else "default" if row["prompt"] else "none yet"
        typer.echo(f"Project {row['project']}{title}, {row['field']}, {kind}:")
        typer.echo(_indented(row["prompt"] or "–"))
    for row in earlier or []:
        typer.echo(f"Before, {row['field'] or 'every field'}:\n{_indented(row['prompt'])}")
    if not rows:
        typer.echo("No prompt yet.", err=True)


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


def _refuse(message: str) -> typer.Exit:
    typer.echo(f"llm-interactive: {message}", err=True)
    return typer.Exit(2)
