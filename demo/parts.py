"""The local LLM and this backend as child processes; Label Studio has a module of its own."""

from __future__ import annotations

from pathlib import Path

from demo import llm_server
from demo.paths import BACKEND_PYTHON, LLM_VENV, ROOT
from demo.processes import Child, clean_environment


def llm_child(port: int, *, log: Path, venv: Path = LLM_VENV) -> Child:
    """The local LLM on 127.0.0.1:`port`, not started yet."""
    command = [str(venv / "bin" / "python"), str(llm_server.__file__), str(port)]
    return Child("The local LLM", command, log=log, env=clean_environment())


def backend_settings(llm_url: str, data: Path) -> dict[str, str]:
    """The variables by which the backend and its commands ask the local LLM and keep what they know in `data`."""
    return {
        "MODEL_DIR": str(data),
        "OPENAI_BASE_URL": llm_url,
        "OPENAI_API_KEY": "local",
        "OPENAI_MODEL": llm_server.MODEL_NAME,
        # So that who follows the documentation sees what it shows.
        "TEMPERATURE": "0",
    }


def backend_child(port: int, *, llm_url: str, data: Path, log: Path, **settings: str) -> Child:
    """This backend on 127.0.0.1:`port`, not started yet, as the image starts it; `settings` are its variables."""
    env = clean_environment(HOST="127.0.0.1", PORT=str(port), **backend_settings(llm_url, data))
    data.mkdir(parents=True, exist_ok=True)
    command = [str(BACKEND_PYTHON), "-m", "llm_interactive", "serve"]
    return Child("The backend", command, log=log, env=env | settings, cwd=ROOT)
