"""`llm-interactive export`: annotations as data to fine-tune models with."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from llm_interactive.errors import BackendError, SetupError
from llm_interactive.export.comparisons import Rankings
from llm_interactive.export.of_project import export_project
from llm_interactive.export.run import Destination, Summary
from llm_interactive.export.shapes import SOURCES, Format
from llm_interactive.label_studio.records import Task
from llm_interactive.settings import Settings, SettingsError

_LEAST = 10
"""Examples below which OpenAI and Azure refuse a file."""


def export(
    project: Annotated[int, typer.Option(help="Id of the Label Studio project.", show_default=False)],
    format: Annotated[Format, typer.Option(help="Shape of the lines.", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write (JSON lines).", show_default=False)],
    sources: Annotated[
        str | None,
        typer.Option(
            "--from",
            help=f"Where the replies of the dpo formats and kto come from, with commas between: {', '.join(SOURCES)}; "
            "corrections if not given, or what is ranked in a project without a prompt field.",
        ),
    ] = None,
    all_pairs: Annotated[
        bool, typer.Option("--all-pairs", help="Of a ranking, each two replies instead of the best and the last one.")
    ] = False,
    untouched: Annotated[
        bool, typer.Option("--untouched", help="Also rankings that were left as they were shown.")
    ] = False,
    holdout: Annotated[
        float, typer.Option(min=0, max=0.9, help="Part of the tasks to hold out in a file of their own.")
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Export submitted annotations as data to fine-tune models with.

    Each line holds the messages as the model is sent them, and the reply that an annotator submitted; in the dpo
    formats and kto, what annotators corrected or preferred. A second file, F.meta.jsonl, says where each line comes
    from. LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY say where to read.

    Exit code 0: written; 1: nothing to export, or failed; 2: wrong usage or settings.

    \b
    Example:
      llm-interactive export --project 3 --format chat -o train.jsonl --holdout 0.1
      llm-interactive export --project 3 --format dpo-trl --from corrections -o pairs.jsonl
    """
    if sources is not None and not format.judged:
        raise typer.BadParameter(f"{format} takes what was submitted.", param_hint="--from")
    names = tuple(dict.fromkeys(name.strip() for name in sources.split(","))) if sources else ()
    if wrong := [name for name in names if name not in SOURCES]:
        raise typer.BadParameter(f"{wrong[0]!r} is none of {', '.join(SOURCES)}.", param_hint="--from")
    if not output.parent.is_dir():
        raise typer.BadParameter(f"The folder {output.parent} does not exist.", param_hint="--output")
    destination = Destination(output, holdout)
    try:
        rankings = Rankings(all_pairs, untouched)
        summary = export_project(Settings.from_environment(), project, format, names, destination, _shown, rankings)
    except (SettingsError, SetupError) as error:
        raise _failed(str(error), 2) from None
    except (BackendError, OSError) as error:
        raise _failed(str(error), 1) from None
    if as_json:
        typer.echo(json.dumps(_as_json(summary, format, destination), ensure_ascii=False, indent=2))
    else:
        _say(summary, destination)
    if not summary.examples:
        raise typer.Exit(1)


def _shown(tasks: Iterable[Task], count: int) -> Iterable[Task]:
    console = Console(stderr=True)
    hidden = not console.is_terminal
    return track(tasks, "Exporting", count, console=console, transient=True, disable=hidden)


def _as_json(summary: Summary, format: Format, destination: Destination) -> dict[str, object]:
    return {
        "format": format,
        "file": str(destination.file),
        "examples": summary.written,
        "holdout_file": str(destination.held_out) if destination.held_out else None,
        "holdout_examples": summary.held_out,
        "meta_file": str(destination.meta),
        "tasks": summary.tasks,
        "annotations": summary.annotations,
        "left_out": dict(summary.left_out.most_common()),
    }


def _say(summary: Summary, destination: Destination) -> None:
    if summary.examples:
        held_out = f", {summary.held_out} held out to {destination.held_out}" if destination.held_out else ""
        typer.echo(f"{summary.written} examples written to {destination.file}{held_out}.")
        typer.echo(f"{destination.meta} says where each comes from.")
    else:
        typer.echo(f"Nothing to export in {summary.annotations} annotations of {summary.tasks} tasks.")
    if summary.left_out:
        typer.echo("Left out:")
    for reason, count in summary.left_out.most_common():
        typer.echo(f"{count:>6}  {reason}")
    if 0 < summary.written < _LEAST:
        typer.echo(f"OpenAI and Azure take files of at least {_LEAST} examples.")


def _failed(message: str, code: int) -> typer.Exit:
    typer.echo(f"llm-interactive: {message}", err=True)
    return typer.Exit(code)
