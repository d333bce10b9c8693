"""`app` for a WSGI server, made from the environment's settings: `gunicorn llm_interactive.web.wsgi:app`."""

from __future__ import annotations

import logging
import sys

from llm_interactive.settings import Settings, SettingsError
from llm_interactive.web.app import create_app

# gunicorn stops for good on this exit code of a worker; on another one it would start workers for ever.
_APP_LOAD_ERROR = 4

# Only our own log follows LOG_LEVEL: the libraries' debug logs hold prompts and task data.
logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")

try:
    settings = Settings.from_environment()
    logging.getLogger("llm_interactive").setLevel(settings.log_level)
    app = create_app(settings)
except SettingsError as error:
    print(f"llm-interactive: {error}", file=sys.stderr)
    sys.exit(_APP_LOAD_ERROR)
