"""What `evaluate` and `compare` share: their options, a project's answers with a progress bar, files as a whole."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
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
    from llm_interactive.label_studio.records import Project
    from llm_interactive.store.store import Store

NOTHING = 1
"""Exit code: nothing could be measured, or it is worse than asked for."""

WRONG = 2
"""Exit code: the arguments, the settings or Label Studio do not allow it."""

_EXTRA = ("sklearn", "scipy", "nervaluate", "nltk")
_INSTALL = "Evaluation needs more packages: pip install 'llm-interactive[evaluation]'"


def _in_a_folder(path: Path | None) -> Path | None:
    if path is not None and not path.absolute().parent.is_dir():
        raise typer.BadParameter(f"There is no folder {path.absolute().parent}.")
    return path


ProjectId = Annotated[int, typer.Option("--project", help="The project's number, as in Label Studio's address.")]
Reference = Annotated[
    str | None,
    typer.Option(
        help="What is right: ground-truth, majority, or a user by e-mail address or id. Default: ground truth if "
        "there is any, else the majority.",
        show_default=False,
    ),
]
HeldOut = Annotated[
    bool, typer.Option("--held-out", help="Only tasks that no example in a prompt is taken from: half of all.")
]
HtmlFile = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Write the report there.", callback=_in_a_folder)
]
JsonFile = Annotated[
    Path | None,
    typer.Option("--json", metavar="FILE", help="Write all figures there; - is the output.", callback=_in_a_folder),
]


@dataclass(frozen=True)
class AnnotatedProject:
    """A project with all answers in it, and what counts as right."""

    studio: LabelStudio
    project: Project
    material: Material
    reference: str
    spent: Mapping[str, Spent]
    store: Store | None

    @property
    def heading(self) -> Heading:
        """What the reports say of it."""
        from llm_interactive.evaluation.documents import Heading

        words = {"ground-truth": "the ground truth", "majority": "what most annotators say"}
        right = words.get(self.reference, f"what user {self.reference} says")
        return Heading(self.project, right, self._link, self.material.subjects)

    def _link(self, task: int | None) -> str:
        address = f"{self.studio.url}/projects/{self.project.id}/data"
        return address if task is None else self.studio.link(self.project.id, task)


@contextmanager
def annotated(number: int, reference: str | None, *, held_out: bool) -> Iterator[AnnotatedProject]:
    """The project with its answers, read with a progress bar; every error within is one line and an exit code."""
    if not all(map(importlib.util.find_spec, _EXTRA)):
        raise stopped(_INSTALL, WRONG)
    from llm_interactive.label_studio.client import LabelStudio

    try:
        settings = Settings.from_environment()
        with LabelStudio(settings) as studio, _store(settings) as store:
            project, material = _read(studio, settings, number, held_out)
            reference = reference or ("ground-truth" if material.has_ground_truth else "majority")
            if "@" in reference:
                reference = str(studio.users().get(reference, reference))
            yield AnnotatedProject(studio, project, material, reference, _spent(store, settings, project.key), store)
    except (BackendError, SettingsError) as error:
        raise stopped(str(error), WRONG) from None


def _read(studio: LabelStudio, settings: Settings, number: int, held_out: bool) -> tuple[Project, Material]:
    from rich.console import Console
    from rich.progress import track

    from llm_interactive.evaluation.answers import gather
    from llm_interactive.predict.project import forms_of

    project = studio.project(number)
    forms = forms_of(project.labeling_config, settings.prompt_prefix, settings.response_prefix)
    console = Console(stderr=True)
    found, count = studio.tasks(number, annotated=True), studio.count(number, annotated=True)
    hidden = not console.is_terminal
    tasks = track(found, "Reading annotated tasks", count, console=console, transient=True, disable=hidden)
    return project, gather(forms, (task for task in tasks if is_held_out(task.id) or not held_out))


@contextmanager
def _store(settings: Settings) -> Iterator[Store | None]:
    """The backend's database, where it is; none is made where there is none."""
    from llm_interactive.store.store import Store

    if not settings.has_database:
        yield None
        return
    with closing(Store(settings.sqlalchemy_url, settings.reply_ttl)) as store:
        yield store


def _spent(store: Store | None, settings: Settings, key: str) -> Mapping[str, Spent]:
    """What the project's versions took, as far as the database knows."""
    from llm_interactive.evaluation.spending import spending
    from llm_interactive.llm.prices import Prices

    return spending(store.usage.calls(key), Prices(settings)) if store else {}


def write_whole(path: Path | None, content: str) -> None:
    """Write a file in one step, so that it is never half there; `-` is the output, None is nowhere."""
    if path is None:
        return
    if str(path) == "-":
        typer.echo(content, nl=False)
        return
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(content, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise stopped(f"{path} cannot be written: {error.strerror}.", WRONG) from None
    finally:
        part.unlink(missing_ok=True)


def stopped(message: str, code: int) -> typer.Exit:
    """The end of the command with an exit code, after saying why."""
    typer.echo(f"llm-interactive: {message}", err=True)
    return typer.Exit(code)
