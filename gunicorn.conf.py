"""gunicorn finds its configuration here when it is started by hand: `gunicorn _wsgi:app`."""

from llm_interactive.web.gunicorn_conf import *  # noqa: F403
