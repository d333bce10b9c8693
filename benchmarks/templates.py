"""How many of Label Studio's own labeling templates are filled, and how many regions it would not show."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from llm_interactive.settings import Settings
from llm_interactive.web.app import create_app
from testing.llm import FakeLLM
from testing.region_rules import faults
from testing.schema_model import SERVERS
from testing.templates import Client, Template, ask, not_shown, templates

_COUNTS = "templates whole guessed controls filled batches failed faults errors_5xx"


def measure() -> dict[str, int]:
    """Templates filled whole and controls filled where the model obeys; faults and 5xx over all kinds of servers.

    A control counts where every task of its template has a region of it. Entries without a result are counted as
    `failed`: a server that talks instead of answering may leave some. `guessed` are the templates among the whole ones
    where something that the model is asked about, a picture or a text, was not sent to it.
    """
    counts = dict.fromkeys(_COUNTS.split(), 0)
    with tempfile.TemporaryDirectory(prefix="llm-interactive-templates-") as folder, FakeLLM() as llm:
        app = create_app(_settings(llm, Path(folder)))
        try:
            for server, make in SERVERS.items():
                llm.answer = make()
                for template in templates():
                    llm.forget()
                    _count(counts, app.test_client(), template, server, llm)
        finally:
            app.extensions["llm_interactive"].close()
    return counts


def _settings(llm: FakeLLM, folder: Path) -> Settings:
    return Settings(
        openai_api_key="sk-any",
        openai_base_url=llm.base_url,
        model_dir=folder / "data",
        default_prompt="Fill in all that the labeling interface asks for.",
        image_mode="vision",
        temperature=0,
        reply_ttl=0,
    )


def _count(counts: dict[str, int], client: Client, template: Template, server: str, llm: FakeLLM) -> None:
    status, entries = ask(client, template, f"{template.name.replace('/', '-')}-{server}")
    counts["batches"] += 1
    counts["errors_5xx"] += status >= 500
    # Entries that are missing are faults as much as regions that are wrong.
    counts["faults"] += abs(len(template.tasks) - len(entries)) if status == 200 else 0
    counts["failed"] += sum("result" not in entry for entry in entries)
    for task, entry in zip(template.tasks, entries, strict=False):
        counts["faults"] += len(faults(template.config, task["data"], entry.get("result", [])))
    if server == "obeys":
        filled = set(template.fillable).intersection(*(template.filled(entry.get("result", [])) for entry in entries))
        filled = filled if entries else set()
        counts["templates"] += 1
        counts["controls"] += len(template.controls)
        counts["filled"] += len(filled)
        whole = bool(template.fillable) and len(filled) == len(template.fillable)
        counts["whole"] += whole
        counts["guessed"] += whole and not all(
            any(not not_shown(template, task, call.messages) for call in llm.calls) for task in template.tasks
        )


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
