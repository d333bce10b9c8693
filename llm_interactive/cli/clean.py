"""`llm-interactive clean`: error texts out of annotations."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from llm_interactive.cli.annotated import WRONG, AsJson, ProjectId, stopped
from llm_interactive.cli.consent import ask
from llm_interactive.errors import BackendError
from llm_interactive.predict.manual_edits import holds_error, without_errors
from llm_interactive.settings import Settings, SettingsError


def clean(
    project: ProjectId,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before the start.")] = False,
    as_json: AsJson = False,
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
            links = [studio.link(project, task) for task, _ in found]
            for link in links:
                typer.echo(link, err=as_json)
            if found and not yes:
                ask(f"Clean these {len(found)} annotations?")
            for _, annotation in found:
                studio.change_annotation(annotation.id, without_errors(annotation.result))
    except (BackendError, SettingsError) as error:
        raise stopped(str(error), WRONG) from None
    if as_json:
        cleaned = [
            {"task": task, "annotation": annotation.id, "link": link}
            for (task, annotation), link in zip(found, links, strict=True)
        ]
        typer.echo(json.dumps({"cleaned": cleaned}))
        return
    typer.echo(f"Cleaned: {len(found)}." if found else "No annotation holds an error text.")
