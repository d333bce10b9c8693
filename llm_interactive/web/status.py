"""What the operator sees: /status as JSON, and the same as a page without scripts."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, Template

from llm_interactive import __version__
from llm_interactive.errors import SetupError
from llm_interactive.predict.running_batches import is_running, last_errors
from llm_interactive.services import Services
from llm_interactive.store.runs import Run
from llm_interactive.store.usage import Origin

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; color: #222 }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% }
th, td { border-bottom: 1px solid #ddd; padding: .3rem .6rem; text-align: left; overflow-wrap: anywhere }
.problem { background: #fff3cd; padding: .5rem 1rem }
"""

PAGE_POLICY = (
    f"default-src 'none'; style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
"""Content-Security-Policy of the page: its own style and nothing else."""


def status(services: Services) -> dict[str, Any]:
    """Model, problems, batches under way, counts by project and model version, and the last errors."""
    settings = services.settings
    problems = [f"The database fails: {services.store.failure}"] if services.store.failure else []
    try:
        settings.require_access()
    except SetupError as error:
        problems.append(error.message)
    runs = services.running.newest()
    return {
        "version": __version__,
        "provider": settings.openai_provider,
        "model": settings.model,
        "problems": problems,
        "batches": [_of_run(run) for run in runs if is_running(run)],
        "errors": [{**error, "at": _time(error["at"])} for error in last_errors(runs)],
        "projects": _totals(services),
    }


def _of_run(run: Run) -> dict[str, Any]:
    left = run.seconds_left
    return {
        **{name: value for name, value in asdict(run).items() if name not in ("mode", "told_at")},
        "started_at": _time(run.started_at),
        "seconds": round(run.seconds, 1),
        "seconds_left": None if left is None else round(left, 1),
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _totals(services: Services) -> list[dict[str, Any]]:
    """The totals of all projects and versions, each with its `cost` in US dollars, None where a price is unknown."""
    rows = services.usage.totals()
    return [
        {**row, "cost": services.prices.cost(Origin(row["project"], row["version"]).model, row, row["calls_ok"])}
        for row in rows
    ]


def status_page(services: Services) -> str:
    """`status` as HTML; every value is escaped."""
    return _template().render(**status(services), style=_STYLE)


@cache
def _template() -> Template:
    return Environment(loader=PackageLoader("llm_interactive.web"), autoescape=True).get_template("status.html")
