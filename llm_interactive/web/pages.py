"""The pages and what their buttons do."""

from __future__ import annotations

import ipaddress
from urllib.parse import quote, urlsplit

from flask import Response, current_app, redirect, request
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from llm_interactive.errors import ForbiddenError, InvalidRequest
from llm_interactive.predict.overview import overview
from llm_interactive.services import Services
from llm_interactive.text import storable
from llm_interactive.web.status import page_policy, project_page, status_page

_REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


def home() -> Response:
    """All projects."""
    return _page(status_page(_services(), can_act=_is_private()))


def project(project: str) -> Response:
    """One project."""
    if project not in _services().store.projects.all():
        raise NotFound
    is_private = _is_private()
    return _page(project_page(_services(), project, can_act=is_private, is_private=is_private))


def evaluation(project: str) -> Response:
    """The newest evaluation of a project."""
    found = _services().store.evaluations.newest(project)
    if found is None:
        raise NotFound
    page = Response(found.html, mimetype="text/html")
    page.headers["Content-Security-Policy"] = _REPORT_POLICY
    return page


def change_prompt(project: str) -> AnyResponse:
    """Pin, unpin or reset the prompt of a field, and show the project again."""
    _require_own_page()
    services, form = _services(), request.form
    if project not in services.store.projects.all():
        raise NotFound
    field = overview(services.settings, services.store, project).prompt(form.get("field")).field
    text = storable(form.get("text", "").replace("\r\n", "\n")).strip()
    match form.get("action"):
        case "pin" if text:
            services.store.pin(project, field, text)
        case "unpin":
            services.store.pin(project, field, "")
        case "reset":
            services.store.reset(project, field)
        case _:
            raise InvalidRequest("Say what to do with the prompt: pin a text, unpin, or reset.")
    return redirect(f"../{quote(project)}", 303)


def cancel(batch: str) -> AnyResponse:
    """Cancel a batch, and show all projects again."""
    _require_own_page()
    _services().running.cancel(batch)
    return redirect("../../", 303)


def _services() -> Services:
    services: Services = current_app.extensions["llm_interactive"]
    return services


def _page(html: str) -> Response:
    page = Response(html, mimetype="text/html")
    page.headers["Content-Security-Policy"] = page_policy()
    # A browser that may not tell where a form was sent from says nothing of its origin either.
    page.headers["Referrer-Policy"] = "same-origin"
    return page


def _is_private() -> bool:
    """Whether only those see this who should: a password was given, or the caller sits at this machine."""
    settings = _services().settings
    if settings.basic_auth_user is not None:
        return True
    # The name, too: a foreign page's may lead here.
    return _is_loopback(settings.host) and _is_loopback(urlsplit(f"//{request.host}").hostname or "")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _require_own_page() -> None:
    """Check that a form was sent by one of these pages, and by somebody who may.

    Raises:
        ForbiddenError: it was not.
    """
    if not _is_private():
        raise ForbiddenError("Nothing can be changed here without a password: set BASIC_AUTH_USER and BASIC_AUTH_PASS.")
    site = request.headers.get("Sec-Fetch-Site")
    own = site == "same-origin" if site else urlsplit(request.headers.get("Origin", "")).netloc == request.host
    if not own:
        raise ForbiddenError("This can be done on the ML backend's own pages only.")
