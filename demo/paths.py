"""Where the parts of the demo live; the only place that knows. The end-to-end tests read it too."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"

# Each part has its own virtual environment, since Label Studio pins other versions of what the backend uses.
BACKEND_PYTHON = Path(sys.executable)
LABEL_STUDIO_VENV = Path(os.environ.get("DEMO_LABEL_STUDIO_VENV") or ROOT / ".venv-label-studio")
LLM_VENV = Path(os.environ.get("DEMO_LLM_VENV") or ROOT / ".venv-llm")

# What stays from one start to the next.
DATA = Path(os.environ.get("DEMO_DATA") or ROOT / ".demo")
