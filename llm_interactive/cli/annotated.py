"""What reports share: options, a project's answers with a progress bar, files as a whole."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llm_interactive.errors import BackendError
from llm_interactive.labeling.split import is_held_out
from llm_interactive.settings import Settings, SettingsError

if TYPE_CHECKING:
    from llm_interactive.evaluation.answers import Material
    from llm_interactive.evaluation.documents import Heading
    from llm_interactive.evaluation.spending import Spent
    from llm_interactive.label_studio.client import LabelStudio
    from llm_interactive.label_studio.records import Project, Task
    from llm_interactive.store.store import Store

NOTHING = 1
"""Exit code: nothing could be measured, or it is worse than asked for."""

WRONG = 2
"""Exit code: the arguments, the settings or Label Studio do not allow it."""

_EXTRA = ("sklearn", "scipy", "nervaluate", "nltk", "evalica")
INSTALL = "Evaluation needs more packages: pip install 'llm-interactive[evaluation]'"
"""How to get what `is_installed` looks for."""


def in_a_folder(path: Path | None) -> Path | None:
    """The path of a file to write, checked before anything is read."""
    if path is not None and not path.absolute().parent.is_dir():
        raise typer.BadParameter(f"There is no folder {path.absolute().parent}.")
    return path


ProjectId = Annotated[int, typer.Option("--project", help="The project's number, as in Label Studio's address.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Reference = Annotated[
    str | None,
    typer.Option(
        help="What is right: ground-truth, majority, or a user by e-mail address or id. Default: ground truth if "
        "there is any, else the majority.",
        show_default=False,
    ),
]
HeldOut = Annotated[
    bool,
    typer.Option(
        "--held-out",
        help="Only tasks that no example in a prompt is taken from, half of all: so it is for versions with examples.",
    ),
]
HtmlFile = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Write the report there.", callback=in_a_folder)
]
JsonFile = Annotated[
    Path | None,
    typer.Option("--json", metavar="FILE", help="Write all figures there; - is the output.", callback=in_a_folder),
]


@dataclass(frozen=True)
class Opened:
    """What reports are read from: Label Studio, and the backend's database where it is there."""

    settings: Settings
    studio: LabelStudio
    store: Store | None

    def tasks(self, project: int) -> Iterable[Task]:
        """A project's annotated tasks, read with a progress bar."""
        from rich.console import Console
        from rich.progress import track

        console = Console(stderr=True)
        found, count = self.studio.tasks(project, annotated=True), self.studio.count(project, annotated=True)
        hidden = not console.is_terminal
        return track(found, "Reading annotated tasks", count, console=console, transient=True, disable=hidden)

    def spent(self, key: str, *, by_model: bool = False) -> Mapping[str, Spent]:
        """What the versions of a project took, or its models, as far as the database knows."""
        from llm_interactive.evaluation.spending import spending
        from llm_interactive.llm.prices import Prices

        calls = self.store.usage.calls(key) if self.store else []
        if by_model:
            calls = [replace(call, version=call.model) for call in calls]
        return spending(calls, Prices(self.settings))

    def link(self, project: int, task: int | None) -> str:
        """The address of a task, or of all tasks of the project."""
        return self.studio.link(project, task) if task is not None else f"{self.studio.url}/projects/{project}/data"


def is_installed() -> bool:
    """Whether the packages are there that reports take."""
    return all(map(importlib.util.find_spec, _EXTRA))


@contextmanager
def opened() -> Iterator[Opened]:
    """Label Studio and the database; every error within is one line and an exit code."""
    if not is_installed():
        raise stopped(INSTALL, WRONG)
    from llm_interactive.label_studio.client import LabelStudio

    try:
        settings = Settings.from_environment()
        with LabelStudio(settings) as studio, _store(settings) as store:
            yield Opened(settings, studio, store)
    except (BackendError, SettingsError) as error:
        raise stopped(str(error), WRONG) from None


@contextmanager
def _store(settings: Settings) -> Iterator[Store | None]:
    """The backend's database; none is made where there is none."""
    from llm_interactive.store.store import Store

    if not settings.has_database:
        yield None
        return
    with closing(Store(settings.sqlalchemy_url, settings.reply_ttl)) as store:
        yield store


@dataclass(frozen=True)
class AnnotatedProject:
    """A project with the answers that are measured, with all answers, and what counts as right."""

    opened: Opened
    project: Project
    material: Material
    everything: Material
    reference: str
    versions: Sequence[str]
    held_out: bool

    @property
    def spent(self) -> Mapping[str, Spent]:
        """What its versions took."""
        return self.opened.spent(self.project.key)

    @property
    def heading(self) -> Heading:
        """What the reports say of it."""
        from llm_interactive.evaluation.documents import Heading

        words = {"ground-truth": "the ground truth", "majority": "what most annotators say"}
        right = words.get(self.reference, f"what user {self.reference} says")
        right += ", on held-out tasks" if self.held_out else ""
        return Heading(self.project, right, partial(self.opened.link, self.project.id), self.material.subjects)


@contextmanager
def annotated(
    number: int, reference: str | None, versions: Sequence[str], *, held_out: bool
) -> Iterator[AnnotatedProject]:
    """The project with its answers, and those of the `versions` that there are, all when none is named.

    Versions with examples in their prompts are measured on held-out tasks only: the others may be the examples.
    """
    with opened() as found:
        from llm_interactive.evaluation.report import known_versions
        from llm_interactive.predict.versions import shows_examples

        project, material = _read(found, number)
        versions = known_versions(material, versions)
        if any(map(shows_examples, versions)) and not held_out:
            held_out = True
            typer.echo("There are examples in the prompts: only held-out tasks are measured.", err=True)
        measured = material.only(is_held_out) if held_out else material
        reference = reference or ("ground-truth" if measured.has_ground_truth else "majority")
        if "@" in reference:
            reference = str(found.studio.users().get(reference, reference))
        yield AnnotatedProject(found, project, measured, material, reference, versions, held_out)


def _read(found: Opened, number: int) -> tuple[Project, Material]:
    from llm_interactive.evaluation.answers import gather
    from llm_interactive.predict.project import forms_of

    project, settings = found.studio.project(number), found.settings
    forms = forms_of(project.labeling_config, settings.prompt_prefix, settings.response_prefix)
    return project, gather(forms, found.tasks(number))


def write_whole(path: Path | None, content: str) -> None:
    """Write a file in one step, so that it is never half there; `-` is the output, None is nowhere.

    Behind a link it is the linked file; a pipe or a device is written to, and stays.
    """
    if path is None:
        return
    if str(path) == "-":
        typer.echo(content, nl=False)
        return
    file = path.resolve()
    part = file.with_name(f".{file.name}.part")
    try:
        if file.is_fifo() or file.is_char_device():
            file.write_text(content, encoding="utf-8")
        else:
            part.write_text(content, encoding="utf-8")
            part.replace(file)
    except OSError as error:
        raise stopped(f"{path} cannot be written: {error.strerror}.", WRONG) from None
    finally:
        part.unlink(missing_ok=True)


def stopped(message: str, code: int) -> typer.Exit:
    """The end of the command with an exit code, after saying why."""
    typer.echo(f"llm-interactive: {message}", err=True)
    return typer.Exit(code)
