"""`llm-interactive queue`: in which order annotators get a project's tasks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from llm_interactive.cli.annotated import WRONG, AsJson, ProjectId, stopped
from llm_interactive.errors import BackendError, InvalidRequest
from llm_interactive.settings import Settings, SettingsError

if TYPE_CHECKING:
    from llm_interactive.label_studio.records import Prediction

_NEEDS = """\
It holds while the project's model version stays the same (Settings, Predictions): switch with this command after you
label with another prompt or model. Label Studio picks at random where several people are members of the project. Its
settings page marks this order as one of Enterprise; llm-interactive queue --project {project} --sequential ends it."""


def queue(
    project: ProjectId,
    uncertainty: Annotated[
        bool,
        typer.Option(
            "--uncertainty/--sequential", help="First what the model is least sure of; or in the Data Manager's order."
        ),
    ],
    version: Annotated[
        str | None, typer.Option(help="Model version whose scores count. Default: the newest one with scores.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Choose in which order annotators get the tasks of a Label Studio project (Label All Tasks).

    \b
    Example:
      llm-interactive queue --project 7 --uncertainty
      llm-interactive queue --project 7 --sequential
    """
    # The SDK takes a second to load.
    from llm_interactive.label_studio.client import LabelStudio

    try:
        with LabelStudio(Settings.from_environment()) as studio:
            if not uncertainty:
                studio.ask_in_order(project)
                _say({"order": "sequential"}, "Annotators get tasks in the Data Manager's order.", as_json=as_json)
                return
            found = _scored(studio.predictions(project), version)
            chosen = found[-1].model_version
            studio.ask_uncertain_first(project, chosen)
            scored, count = len({one.task for one in found}), studio.count(project)
    except (BackendError, SettingsError) as error:
        raise stopped(str(error), WRONG) from None
    _say(
        {"order": "uncertainty", "model_version": chosen, "scored": scored, "tasks": count},
        f"Annotators get first what {chosen} is least sure of; {scored} of {count} tasks have its score.\n"
        + _NEEDS.format(project=project),
        as_json=as_json,
    )


def _say(found: Mapping[str, object], words: str, *, as_json: bool) -> None:
    typer.echo(json.dumps(found) if as_json else words)


def _scored(predictions: Sequence[Prediction], version: str | None) -> list[Prediction]:
    """The predictions with a score by `version`, else by the version of the newest one that has a score.

    Raises:
        InvalidRequest: there are none.
    """
    scored = [one for one in predictions if one.score is not None and one.model_version]
    wanted = version or (scored[-1].model_version if scored else "")
    found = [one for one in scored if one.model_version == wanted]
    if found:
        return found
    raise InvalidRequest(
        f"No prediction{f' of {version}' if version else ''} has a score. Label the tasks with a model that gives "
        "logprobs, or with NUM_RESPONSES of 3 or more."
    )
