"""`llm-interactive clean`: error texts out of annotations."""

from __future__ import annotations

from typing import Annotated

import typer

from llm_interactive.cli.annotated import WRONG, ProjectId, stopped
from llm_interactive.cli.consent import ask
from llm_interactive.errors import BackendError
from llm_interactive.predict.manual_edits import holds_error, without_errors
from llm_interactive.settings import Settings, SettingsError


def clean(
    project: ProjectId,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before the start.")] = False,
) -> None:
    """Remove error texts (⚠ …) that were submitted as responses from a project's annotations; all else in them stays.

    LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY say where the project is.

    \b
    Example:
      llm-interactive clean --project 7
    """
    # The SDK takes a second to load.
    from llm_interactive.label_studio.client import LabelStudio

    try:
        with LabelStudio(Settings.from_environment()) as studio:
            found = [
                (task.id, annotation)
                for task in studio.tasks(project, annotated=True)
                for annotation in task.annotations
                if holds_error(annotation.result)
            ]
            for task, _ in found:
                typer.echo(studio.link(project, task))
            if found and not yes:
                ask(f"Clean these {len(found)} annotations?")
            for _, annotation in found:
                studio.change_annotation(annotation.id, without_errors(annotation.result))
    except (BackendError, SettingsError) as error:
        raise stopped(str(error), WRONG) from None
    typer.echo(f"Cleaned: {len(found)}." if found else "No annotation holds an error text.")
