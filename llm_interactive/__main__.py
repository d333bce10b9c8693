"""`python -m llm_interactive` is `llm-interactive serve`."""

from __future__ import annotations

import sys

from llm_interactive.cli.app import app

app(["serve", *sys.argv[1:]], prog_name="llm-interactive")
