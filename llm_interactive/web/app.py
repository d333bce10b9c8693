"""The SDK's Flask app made safe: our views, basic auth, bounded bodies, one message for each error."""

from __future__ import annotations

import hmac
import importlib.util
import logging
import re
import threading
from types import ModuleType

from flask import Flask, Response, current_app, jsonify, request
from werkzeug.exceptions import ClientDisconnected, HTTPException, MethodNotAllowed

from llm_interactive.errors import UNEXPECTED, BackendError, NoPromptYet
from llm_interactive.services import Services
from llm_interactive.settings import Settings
from llm_interactive.web import pages, views
from llm_interactive.web.bodies import Intake
from llm_interactive.web.hosts import is_allowed
from llm_interactive.web.protocol import SECURITY_HEADERS

log = logging.getLogger(__name__)

KEPT_THREADS = 8
"""Threads that predictions never take: Label Studio gives /health 1 s and /setup 3 s."""

_MAX_REASON = 300

_EVERYDAY = (401, 403, 404, 405)
"""Statuses that any stranger on the port can bring about."""


def create_app(settings: Settings) -> Flask:
    """The WSGI application for `settings`; everything is built once, here."""
    # The SDK's app is a global of its module; a fresh copy of the module gives one of our own. Our views make no use of
    # its model class.
    from label_studio_ml.model import LabelStudioMLBase

    app: Flask = _fresh_sdk_module().init_app(model_class=LabelStudioMLBase)
    app.extensions["llm_interactive"] = Services.build(settings)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_request_mb * 1_000_000
    app.config["INTAKE"] = Intake(settings)
    app.config["PREDICTIONS"] = threading.BoundedSemaphore(settings.threads - KEPT_THREADS)
    # The SDK's hooks log headers and bodies, its handlers answer with tracebacks.
    app.before_request_funcs.clear()
    app.after_request_funcs.clear()
    app.error_handler_spec.clear()
    app.before_request(_check_caller)
    app.after_request(_harden)
    app.register_error_handler(BackendError, _backend_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected_error)
    # The names are the SDK's, in 1.0.9 and 2.x.
    app.view_functions["_predict"] = views.predict
    app.view_functions["_setup"] = views.setup
    app.view_functions["webhook"] = views.webhook
    app.view_functions["health"] = views.health
    app.view_functions["metrics"] = views.metrics
    app.view_functions["get_version"] = views.versions
    for unused in ("_train", "_is_training", "static"):
        app.view_functions[unused] = views.not_served
    app.add_url_rule("/versions", "versions", views.versions, methods=["GET"])
    app.add_url_rule("/status", "status", views.status_json, methods=["GET"])
    app.add_url_rule("/projects/<project>", "project", pages.project, methods=["GET"])
    app.add_url_rule("/projects/<project>/evaluation", "evaluation", pages.evaluation, methods=["GET"])
    app.add_url_rule("/projects/<project>/prompt", "prompt", pages.change_prompt, methods=["POST"])
    app.add_url_rule("/batches/<batch>/cancel", "cancel", pages.cancel, methods=["POST"])
    return app


def _fresh_sdk_module() -> ModuleType:
    spec = importlib.util.find_spec("label_studio_ml.api")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _check_caller() -> Response | None:
    """The refusal of a caller without the password; where there is none, of a name that may be a web page's."""
    services: Services = current_app.extensions["llm_interactive"]
    settings = services.settings
    if request.path == "/health":
        return None
    if settings.basic_auth_user is None or settings.basic_auth_pass is None:
        host = request.headers.get("Host", "")
        if is_allowed(host, settings.allowed_hosts):
            return None
        named = "".join(char for char in host if char.isprintable())[:100]
        return _failure(
            403,
            f'The ML backend is not known as "{named}". Add the name to ALLOWED_HOSTS, or set BASIC_AUTH_USER and '
            "BASIC_AUTH_PASS.",
        )
    user, password = _credentials()
    right_user = hmac.compare_digest(user.encode(), settings.basic_auth_user.encode())
    right_password = hmac.compare_digest(password.encode(), settings.basic_auth_pass.get_secret_value().encode())
    if right_user and right_password:
        return None
    response = _failure(401, "User name or password of the ML backend is wrong.")
    response.headers["WWW-Authenticate"] = 'Basic realm="llm-interactive"'
    return response


def _credentials() -> tuple[str, str]:
    """User name and password of the request; empty ones if it has none that can be read."""
    try:
        given = request.authorization
    except ValueError:  # the header is not ASCII
        given = None
    if given is None or given.type != "basic":
        return "", ""
    return given.username or "", given.password or ""


def _harden(response: Response) -> Response:
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _backend_error(error: BackendError) -> Response:
    return _failure(error.status, error.message, expected=isinstance(error, NoPromptYet))


def _http_error(error: HTTPException) -> Response:
    messages = {
        400: "The request's body is not JSON.",
        413: "The request is larger than MAX_REQUEST_MB allows. Ask for fewer tasks at once, or raise it.",
        415: "The request's Content-Type is not application/json.",
    }
    status = error.code or 500
    if isinstance(error, ClientDisconnected):
        return _failure(status, "The request's body ended before its end.")
    response = _failure(status, messages.get(status, f"{error.name}."))
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(error.valid_methods)
    return response


def _unexpected_error(error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.path, exc_info=error)
    return _failure(500, UNEXPECTED)


def _failure(status: int, message: str, *, expected: bool = False) -> Response:
    """An error answer; the reason phrase is all that Label Studio shows of it."""
    level = logging.INFO if expected or status in _EVERYDAY else logging.WARNING
    log.log(level, "%s %.100r was answered %s: %s", request.method, request.path, status, message)
    response = jsonify({"error": message})
    # Label Studio renders it as HTML and would swallow what stands in angle brackets.
    phrase = " ".join(re.sub("[<>]", "", message).replace("…", "...").split())[:_MAX_REASON]
    response.status = f"{status} {phrase.encode('latin-1', 'replace').decode('latin-1')}"
    return response
