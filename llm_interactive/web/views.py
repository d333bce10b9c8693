"""The endpoints: validated body in, JSON out. What they raise is answered by `server`'s error handlers."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, wait
from datetime import datetime
from typing import Annotated, Any, TypeVar

from flask import Response, current_app, jsonify, request
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from werkzeug.exceptions import ClientDisconnected, HTTPException, NotFound, RequestEntityTooLarge

from llm_interactive.errors import UNEXPECTED, BackendError, BusyError, InvalidRequest
from llm_interactive.predict.metrics import exposition
from llm_interactive.predict.predictor import Predictor
from llm_interactive.services import Services
from llm_interactive.text import storable
from llm_interactive.web.status import PAGE_POLICY, status, status_page

log = logging.getLogger(__name__)

_QUIET_SECONDS = 90.0
_BLANK_EVERY = 5.0


def _as_text(project: Any) -> Any:
    return str(project) if isinstance(project, int) and not isinstance(project, bool) else project


def _id(project: str) -> str:
    # Ids stand in the log, one line each.
    return "".join(char for char in storable(project) if char.isprintable())


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore")

    project: Annotated[str | None, BeforeValidator(_as_text)] = None

    @property
    def project_id(self) -> str:
        return _id(self.project or "")


class _SetupBody(_Body):
    schema_: str = ""
    extra_params: Any = None

    model_config = ConfigDict(extra="ignore", alias_generator=lambda name: name.rstrip("_"))


class _Params(BaseModel):
    context: dict[str, Any] | None = None


class _PredictBody(_Body):
    tasks: list[dict[str, Any]]
    label_config: str
    params: _Params | None = None


class _WebhookBody(BaseModel):
    model_config = ConfigDict(extra="allow")

    action: str
    project: dict[str, Any] = {}
    annotation: dict[str, Any] | None = None


def _services() -> Services:
    services: Services = current_app.extensions["llm_interactive"]
    return services


def _predictor(project: str, labeling_config: str) -> Predictor:
    return Predictor(_services(), project, labeling_config)


def health() -> Response:
    """UP; for a browser at / the status page. Touches neither network nor database."""
    if request.path == "/" and request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html":
        page = Response(status_page(_services()), mimetype="text/html")
        page.headers["Content-Security-Policy"] = PAGE_POLICY
        return page
    failure = _services().store.failure
    if not failure:
        return jsonify({"status": "UP"})
    # Strangers may ask this: what follows the colon names hosts and paths, and is for /status.
    return jsonify({"status": "UP", "database": failure.partition(":")[0]})


def status_json() -> Response:
    """What goes on in this process."""
    return jsonify(status(_services()))


def metrics() -> Response:
    """The counters for Prometheus."""
    return Response(exposition(_services().usage.totals()), mimetype="text/plain; version=0.0.4")


def not_served(**_: str) -> Response:
    """Nothing is trained here: prompts are kept by the webhook. And there are no files to serve."""
    raise NotFound


def versions() -> Response:
    """The model versions that a project has had, newest first.

    Label Studio asks by GET and names no project (its api_connector.get_versions sends the body nowhere): all of them.
    """
    project = _body(_Body).project_id if request.method == "POST" else _id(request.args.get("project", ""))
    if request.method == "POST" and not project:
        raise InvalidRequest("No project is named.")
    return jsonify({"versions": _services().store.versions(project or None)})


def setup() -> Response:
    """The project's current model version; an error's reason phrase is shown where the model is connected."""
    body = _body(_SetupBody)
    predictor = _predictor(body.project_id, body.schema_)
    return jsonify({"model_version": predictor.set_up(body.extra_params)})


def webhook() -> tuple[Response, int]:
    """Keep the prompt of a submitted annotation."""
    body = _body(_WebhookBody)
    project = body.project
    try:
        config = str(project.get("label_config") or "")
        _predictor(_project_of_webhook(project), config).learn(body.action, body.annotation)
    except BackendError as error:
        # The annotator's Submit must not fail for it.
        log.info("Webhook %.40r: %s", body.action, error.message)
        return jsonify({"status": "ignored", "detail": error.message}), 200
    return jsonify({"status": "ok"}), 200


def _project_of_webhook(project: Mapping[str, Any]) -> str:
    # /predict names a project "<id>.<created epoch>", the webhook has the two apart.
    try:
        created = datetime.fromisoformat(str(project["created_at"]))
        return _id(f"{project['id']}.{int(created.timestamp())}")
    except (KeyError, ValueError, OverflowError):
        raise InvalidRequest("The event names no project.") from None


def predict() -> Response:
    """Predictions for tasks: `{"results": [...]}`, one entry for each task."""
    body = _body(_PredictBody)
    predictor = _predictor(body.project_id, body.label_config)
    context = body.params.context if body.params else None
    predictor.require_usable()  # an unusable config is told before the answer begins
    patient = context is None and _services().settings.predict_deadline > _QUIET_SECONDS
    slots: threading.BoundedSemaphore = current_app.config["PREDICTIONS"]
    if not slots.acquire(blocking=False):
        raise BusyError("All threads of the ML backend are busy with predictions. Try again in a moment.")
    if patient:
        response = Response(_kept_alive(predictor, body.tasks), mimetype="application/json")
        response.call_on_close(slots.release)
        return response
    try:
        return jsonify({"results": predictor.predict(body.tasks, context=context)})
    finally:
        slots.release()


def _kept_alive(predictor: Predictor, tasks: list[dict[str, Any]]) -> Iterator[str]:
    """The answer, with blanks before it as long as it takes; blanks before JSON are valid JSON."""
    results: Future[list[Any]] = Future()
    threading.Thread(target=_run_into, args=(results, predictor, tasks), daemon=True).start()
    while not results.done():
        yield " "
        wait([results], timeout=_BLANK_EVERY)
    try:
        answer = {"results": results.result()}
    except BackendError as error:
        # The status line is long gone; tasks without a result are asked for again.
        answer = {"results": [{"error": error.message}] * len(tasks)}
    yield json.dumps(answer)


def _run_into(results: Future[list[Any]], predictor: Predictor, tasks: list[dict[str, Any]]) -> None:
    try:
        results.set_result(predictor.predict(tasks))
    except BackendError as error:
        results.set_exception(error)
    except Exception:
        log.exception("A batch failed in a way that nobody thought of")
        results.set_exception(BackendError(UNEXPECTED))


_Model = TypeVar("_Model", bound=BaseModel)


def _body(kind: type[_Model]) -> _Model:
    """The request's JSON body as `kind`.

    Raises:
        InvalidRequest: it is no JSON object of that shape; the message names the field.
    """
    try:
        _read_whole_body()
        return kind.model_validate(request.get_json())
    except RecursionError:
        raise InvalidRequest("The request's JSON is nested too deeply.") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        fault = f"{place}: {first['msg']}" if place else "its body must be a JSON object"
        raise InvalidRequest(f"The request cannot be used: {fault}.") from None


def _read_whole_body() -> None:
    """Read the request's body, which `request.get_json` then takes.

    Raises:
        RequestEntityTooLarge: it is larger than allowed. Werkzeug just cuts a body that does not tell its length.
        ClientDisconnected: it ended before its end.
    """
    try:
        content = request.get_data()
    except HTTPException:
        raise
    except Exception:  # the server's own errors, over chunks that are none
        raise ClientDisconnected from None
    promised = request.content_length
    if promised is None and len(content) >= current_app.config["MAX_CONTENT_LENGTH"]:
        raise RequestEntityTooLarge
    if promised is not None and len(content) < promised:
        raise ClientDisconnected
