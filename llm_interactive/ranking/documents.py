"""The report of a ranking as one HTML file and as JSON."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from llm_interactive.evaluation.documents import Heading, as_json, page
from llm_interactive.evaluation.values import Kind
from llm_interactive.ranking.report import RankingReport
from llm_interactive.ranking.standing import Rate


def ranking_page(heading: Heading, report: RankingReport, *, as_pairs: bool) -> str:
    """The report as HTML; `as_pairs`: replies stand side by side, not in a list."""
    return page("ranking.html", heading, package=__package__, report=report, kind=Kind.LABEL, as_pairs=as_pairs)


def ranking_json(heading: Heading, report: RankingReport) -> str:
    """The report as JSON, with all tasks that each side wins."""
    plain = {field.name: getattr(report, field.name) for field in fields(report)}
    return as_json(
        heading,
        {
            "sentence": report.sentence,
            "cautions": report.cautions,
            **plain,
            "duels": [{"first": duel.first, "second": duel.second, **_rate(duel.rate)} for duel in report.duels],
            "first": _rate(report.first),
            "longer": _rate(report.longer),
        },
    )


def _rate(rate: Rate) -> dict[str, Any]:
    share = rate.share if rate.n else None
    return {**vars(rate), "tasks": rate.n, "share": share, "p": rate.p}
