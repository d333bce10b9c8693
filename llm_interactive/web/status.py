"""What the operator and the team lead see: /status as JSON, and pages without scripts."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from llm_interactive import __version__
from llm_interactive.errors import SetupError
from llm_interactive.llm.prices import total
from llm_interactive.predict.overview import overview
from llm_interactive.predict.prompt_history import history
from llm_interactive.predict.running_batches import is_running, last_errors
from llm_interactive.services import Services
from llm_interactive.store.projects import Facts
from llm_interactive.store.runs import Run
from llm_interactive.store.tables import COUNTS
from llm_interactive.store.usage import Origin

_RUNS_SHOWN = 20
_LOOK_UP_SECONDS = 1.0  # a page with forms is not loaded again by itself


def status(services: Services) -> dict[str, Any]:
    """Model, problems, batches under way, totals by project and model version, and the last errors."""
    runs = services.running.newest()
    return {
        **_about(services),
        "batches": [_of_run(run) for run in runs if is_running(run)],
        "errors": [{**error, "at": _time(error["at"])} for error in last_errors(runs)],
        "projects": totals(services),
    }


def status_page(services: Services, *, can_act: bool) -> str:
    """All projects, batches and errors as HTML; every value is escaped. `can_act`: with buttons."""
    projects = {project: services.store.projects.facts(project) for project in services.store.projects.all()}
    services.facts.look_up(projects)
    found = totals(services)
    rows = [
        {
            **_sum(row for row in found if row["project"] == project),
            "id": project,
            "name": facts.name,
            "tasks": facts.tasks,
            "labelled": facts.labelled,
        }
        for project, facts in projects.items()
    ]
    runs = services.running.newest()
    shown = _shown(runs, projects)
    return _page(
        "status.html",
        **_about(services),
        title="llm-interactive",
        refresh=5 if any(run["state"] == "running" for run in shown) else 30,
        projects=rows,
        runs=shown,
        errors=[{**error, "name": _name(error["project"], projects)} for error in last_errors(runs)],
        can_act=can_act,
        root="",
    )


def project_page(services: Services, project: str, *, can_act: bool, is_private: bool) -> str:
    """One project as HTML. `is_private`: nobody else reads it, so that prompts may be shown."""
    store = services.store
    services.facts.look_up([project], wait=_LOOK_UP_SECONDS)
    found = overview(services.settings, store, project)
    facts = found.facts
    runs = services.running.newest(project)
    versions = [{**row, **_sum([row])} for row in totals(services, project)]
    known = facts.tasks is not None and facts.labelled is not None
    made_by = services.examples.added_to(found.project) if found.project else None
    names = {*store.versions(project), *(row["version"] for row in versions)}
    return _page(
        "project.html",
        title=facts.name,
        facts=facts,
        left=(facts.tasks or 0) - (facts.labelled or 0) if known else None,
        prompts=found.prompts,
        version=made_by.version if made_by and any(map(made_by.prompt_of, made_by.forms)) else None,
        earlier=history(made_by, store.earlier_prompts(project), names),
        evaluation=store.evaluations.newest(project),
        submissions=store.projects.submissions(project),
        filled=found.filled,
        unfilled=found.unfilled,
        problem=found.problem,
        versions=versions,
        total=_sum(versions),
        runs=_shown(runs, {project: facts}),
        errors=last_errors(runs),
        with_error_texts=store.projects.with_error_texts(project),
        label_studio=services.settings.label_studio_url,
        can_act=can_act,
        is_private=is_private,
        root="../",
    )


def _about(services: Services) -> dict[str, Any]:
    settings = services.settings
    problems = [f"The database fails: {services.store.failure}"] if services.store.failure else []
    problems += services.store.losses
    try:
        settings.require_access()
    except SetupError as error:
        problems.append(error.message)
    return {
        "version": __version__,
        "provider": settings.openai_provider,
        "model": settings.model,
        "problems": problems,
    }


def _of_run(run: Run) -> dict[str, Any]:
    left = run.seconds_left
    return {
        **{name: value for name, value in asdict(run).items() if name not in ("mode", "told_at")},
        "started_at": _time(run.started_at),
        "seconds": round(run.seconds, 1),
        "seconds_left": None if left is None else round(left, 1),
    }


def _shown(runs: Sequence[Run], projects: Mapping[str, Facts]) -> list[dict[str, Any]]:
    """The newest batches as the pages show them, those under way first."""
    batches = sorted((run for run in runs if run.mode == "batch"), key=is_running, reverse=True)
    return [
        {
            **asdict(run),
            "seconds": run.seconds,
            "seconds_left": run.seconds_left,
            "name": _name(run.project, projects),
            "state": "running" if is_running(run) else "interrupted" if run.left > 0 else "ended",
        }
        for run in batches[:_RUNS_SHOWN]
    ]


def _name(project: str, projects: Mapping[str, Facts]) -> str:
    return projects.get(project, Facts(project)).name


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def totals(services: Services, project: str | None = None) -> list[dict[str, Any]]:
    """The totals by project and version, each with its `cost` in US dollars, None where that is unknown."""
    return [
        {**row, "cost": services.prices.cost(Origin(row["project"], row["version"]).model, row, row["calls_ok"])}
        for row in services.usage.totals(project)
    ]


def _sum(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The sums of totals, with `done`, `failed` and `late` tasks of batches and annotators together."""
    found = list(rows)
    sums = {name: sum(row[name] for row in found) for name in COUNTS}
    return {
        **sums,
        "done": sums["batch_done"] + sums["interactive_done"],
        "failed": sums["batch_failed"] + sums["interactive_failed"],
        "late": sums["batch_late"],
        "cost": total(row["cost"] for row in found),
    }


def _number(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"


def _share(values: tuple[int | None, int | None]) -> str:
    return "unknown" if None in values else " of ".join(map(_number, values))


def _money(dollars: float | None) -> str:
    if dollars is None:
        return "unknown"
    return f"${dollars:,.2f}" if dollars >= 1 or not dollars else f"${dollars:.2g}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"


@cache
def _environment() -> Environment:
    environment = Environment(loader=PackageLoader("llm_interactive.web"), autoescape=True, trim_blocks=True)
    environment.filters.update(number=_number, share=_share, money=_money, duration=_duration, moment=_moment)
    environment.globals["style"] = Markup(_style())  # noqa: S704 - a file of the package
    return environment


def _style() -> str:
    loader = PackageLoader("llm_interactive.web")
    return loader.get_source(Environment(autoescape=True), "style.css")[0]


@cache
def page_policy() -> str:
    """Content-Security-Policy of the pages: their own style and forms, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    )


def _page(template: str, **values: Any) -> str:
    return _environment().get_template(template).render(**values)
