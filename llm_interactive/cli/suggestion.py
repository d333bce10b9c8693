"""What `evaluate` does with --suggest."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llm_interactive.cli.annotated import NOTHING, AnnotatedProject, in_a_folder, stopped, write_whole
from llm_interactive.deadline import Deadline

if TYPE_CHECKING:
    from llm_interactive.llm.client import ChatRequest, Reply

SuggestionFile = Annotated[
    Path | None,
    typer.Option(
        "--suggest",
        metavar="FILE",
        help="Ask the model for a better prompt, from at most 20 tasks that the first version has wrong, and write it "
        "there. Nothing else changes.",
        callback=in_a_folder,
    ),
]


def suggest_into(file: Path, found: AnnotatedProject, version: str, outputs: Sequence[str], *, to_stderr: bool) -> None:
    """Write a better prompt than that of `version` into a file; say why it is better, and how to find out.

    It is for the form that fills the first of `outputs`, else the first form.

    Raises:
        BackendError: the model fails.
    """
    from llm_interactive.evaluation.suggest import mistakes_of, suggest
    from llm_interactive.predict.project import forms_of

    settings = found.opened.settings
    forms = forms_of(found.project.labeling_config, settings.prompt_prefix, settings.response_prefix)
    named = [form for form in forms if any(output.control.name in outputs for output in form.outputs)]
    form = (named or forms)[0]
    prompt = found.everything.prompts.get(version, {}).get(form.name)
    if prompt is None:
        raise stopped(f"The predictions of {version} do not say by which prompt they were made.", NOTHING)
    mistakes = mistakes_of(found.everything, form, found.reference, version)
    if not mistakes:
        raise stopped(f"{version} has nothing wrong in the tasks that are not held out.", NOTHING)
    made = suggest(partial(_asked, found), settings, form, prompt, mistakes)
    write_whole(file, made.prompt + "\n")
    field = f"{form.name}=" if len(forms) > 1 else ""
    command = f"llm-interactive label --project {found.project.id} --prompt-file {field}{file}"
    reasons = "\n".join(f"- {reason}" for reason in made.reasons)
    typer.echo(
        f"A prompt by {settings.model}, from {len(mistakes)} mistakes of {version}, is in {file}:\n\n{made.prompt}\n\n"
        f"{reasons}\n\nNothing has changed. To try it: {command}\n"
        f"Then compare its version with {version}, by --held-out: the other tasks may have been shown to the model.",
        err=to_stderr,
    )


def _asked(found: AnnotatedProject, request: ChatRequest) -> Reply:
    """The reply; in the backend's database it counts for a version of its own."""
    from llm_interactive.llm.client import ChatClient
    from llm_interactive.llm.completion import TOKENS
    from llm_interactive.store.usage import Call

    settings, store = found.opened.settings, found.opened.store
    started = time.perf_counter()
    with closing(ChatClient(settings)) as client:
        reply = client.complete(request, Deadline.after(settings.llm_timeout))
    if store:
        tokens = {name: getattr(reply, name) for name in TOKENS}
        seconds = time.perf_counter() - started
        store.usage.keep(
            [Call(found.project.key, f"{request.model}/suggestion", "", request.model, "ok", seconds, **tokens)]
        )
    return reply
