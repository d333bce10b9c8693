"""Writes the parts of the documentation that are made from the code: `make docs`.

Such a part stands between `<!-- NAME -->` and `<!-- /NAME -->`; a test fails when it is not what the code says.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path

from typer import Context
from typer.core import TyperGroup, TyperOption
from typer.main import get_command

from docs.failures import errors_table
from llm_interactive.cli.app import app
from llm_interactive.settings import SPEC_TEMPLATE, Settings
from testing.corpus import figures

ROOT = Path(__file__).resolve().parent.parent


def settings_table() -> str:
    """The table of settings."""
    rows = ["| variable | default | what it is | allowed |", "|---|---|---|---|"]
    for name, field in Settings.model_fields.items():
        extra = field.json_schema_extra
        allowed = extra["allowed"] if isinstance(extra, dict) else ""
        rows.append(f"| `{name.upper()}` | {_default(field.default)} | {field.description} | {allowed} |")
    return "\n".join(rows)


def options_table(command: str) -> str:
    """The table of a command's options."""
    rows = ["| option | what it is | default |", "|---|---|---|"]
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    found = group.get_command(Context(group), command)
    assert found is not None
    for option in found.params:
        assert isinstance(option, TyperOption)
        names = ", ".join(f"`{name}`" for name in reversed(option.opts))
        default = "required" if option.required else _default(None if option.is_flag else option.default)
        rows.append(f"| {names} | {option.help} | {default} |")
    return "\n".join(rows)


def label_figures() -> str:
    """What the fixed corpus of plain-text replies says about the labels."""
    total = figures()
    wrong = len(total.wrong) or "none"
    return (
        f"Of {total.rows:,} plain-text replies in a fixed corpus, {wrong} gives a wrong label; of the {total.named:,} "
        f"that name one, {total.found:,} are read and the rest stay without a label."
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
        ROOT / "docs/settings.md": {"settings": settings_table()},
        ROOT / "docs/labeling-configs.md": {"labels": label_figures()},
        ROOT / "docs/label.md": {"options": options_table("label")},
        ROOT / "docs/export.md": {"options": options_table("export")},
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
