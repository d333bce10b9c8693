"""`app` for a WSGI server that is started in this folder: `gunicorn _wsgi:app`."""

from llm_interactive.web.wsgi import app

__all__ = ["app"]
