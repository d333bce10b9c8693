"""`python -m llm_interactive` is the command `llm-interactive`."""

from __future__ import annotations

from llm_interactive.cli.app import app

app(prog_name="llm-interactive")
