"""Writes the parts of the documentation that are made from the code: `make docs`.

Such a part stands between `<!-- NAME -->` and `<!-- /NAME -->`; a test fails when it is not what the code says.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path

from docs.failures import errors_table
from llm_interactive.settings import SPEC_TEMPLATE, Settings
from tests.unit.test_matching import corpus_figures

ROOT = Path(__file__).resolve().parent.parent


def settings_table() -> str:
    """The README's table of settings."""
    rows = ["| variable | default | what it is | allowed |", "|---|---|---|---|"]
    for name, field in Settings.model_fields.items():
        extra = field.json_schema_extra
        allowed = extra["allowed"] if isinstance(extra, dict) else ""
        rows.append(f"| `{name.upper()}` | {_default(field.default)} | {field.description} | {allowed} |")
    return "\n".join(rows)


def label_figures() -> str:
    """What the fixed corpus of replies says about the labels."""
    usual, misleading = corpus_figures()
    rows = usual.rows + misleading.rows
    wrong = len(usual.wrong + misleading.wrong) or "none"
    return (
        f"Of {rows:,} replies in a fixed corpus ([tests/unit/matching_corpus.json]"
        f"(tests/unit/matching_corpus.json), many scripts and forms), {wrong} gets a wrong label. Of the "
        f"{usual.named:,} that name one as models usually do, {len(usual.missed)} are missed; of "
        f"{misleading.named:,} in prose written to mislead, {len(misleading.missed)}. "
        "The rules were developed against it: in prose of another kind a wrong label remains possible."
    )


def _default(value: object) -> str:
    if value is None or value == ():
        return ""
    if isinstance(value, bool):
        return f"`{int(value)}`"
    if value == SPEC_TEMPLATE:
        return "`" + SPEC_TEMPLATE.replace("\n", "\\n") + "`"
    return f"`{value}`"


def parts() -> dict[Path, dict[str, str]]:
    """For each file its parts that are made from the code, by name."""
    return {
        ROOT / "README.md": {"settings": settings_table(), "labels": label_figures()},
        ROOT / "docs/errors.md": {"errors": errors_table()},
    }


def with_parts(text: str, made: dict[str, str]) -> str:
    """`text` with its parts replaced by those that are `made`."""
    for name, content in made.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        escaped = content.replace("\\", "\\\\")
        text, count = pattern.subn(rf"\g<1>{escaped}\n\g<2>", text)
        if count != 1:
            raise ValueError(f"The part {name} must stand in the document once, not {count} times.")
    return text


if __name__ == "__main__":
    logging.disable()  # of failures that are brought about for their sentences
    for path, made in parts().items():
        path.write_text(with_parts(path.read_text(encoding="utf-8"), made), encoding="utf-8")
