"""The endpoints: validated body in, JSON out. What they raise is answered by `server`'s error handlers."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, wait
from contextlib import ExitStack
from datetime import datetime
from typing import Any

from flask import Response, current_app, jsonify, request
from werkzeug.exceptions import NotFound

from llm_interactive.errors import UNEXPECTED, BackendError, BusyError, InvalidRequest
from llm_interactive.predict.metrics import exposition
from llm_interactive.predict.predictor import Predictor
from llm_interactive.services import Services
from llm_interactive.web import pages
from llm_interactive.web.bodies import Body, Intake, PredictBody, SetupBody, WebhookBody, printable
from llm_interactive.web.status import status, totals

log = logging.getLogger(__name__)

_QUIET_SECONDS = 90.0
_BLANK_EVERY = 5.0


def _intake() -> Intake:
    intake: Intake = current_app.config["INTAKE"]
    return intake


def _services() -> Services:
    services: Services = current_app.extensions["llm_interactive"]
    return services


def _predictor(project: str, labeling_config: str) -> Predictor:
    return Predictor(_services(), project, labeling_config)


def health() -> Response:
    """UP; for a browser at / the status page. Touches neither network nor database."""
    if request.path == "/" and request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html":
        return pages.home()
    store = _services().store
    problem = next(filter(None, (store.failure, *store.losses)), None)
    if not problem:
        return jsonify({"status": "UP"})
    # Strangers may ask this: what follows the colon names hosts and paths, and is for /status.
    return jsonify({"status": "UP", "database": problem.partition(":")[0]})


def status_json() -> Response:
    """What goes on in this process."""
    return jsonify(status(_services()))


def metrics() -> Response:
    """The counters for Prometheus."""
    return Response(exposition(totals(_services())), mimetype="text/plain; version=0.0.4")


def not_served(**_: str) -> Response:
    """Nothing is trained here: prompts are kept by the webhook. And there are no files to serve."""
    raise NotFound


def versions() -> Response:
    """The model versions that a project has had, newest first.

    Label Studio asks by GET and names no project (its api_connector.get_versions sends the body nowhere): all of them.
    """
    project = printable(request.args.get("project", ""))
    if request.method == "POST":
        with _intake().body(Body) as body:
            project = body.project_id
        if not project:
            raise InvalidRequest("No project is named.")
    return jsonify({"versions": _services().store.versions(project or None)})


def setup() -> Response:
    """The project's current model version; an error's reason phrase is shown where the model is connected."""
    with _intake().body(SetupBody) as body:
        predictor = _predictor(body.project_id, body.schema_)
        return jsonify({"model_version": predictor.set_up(body.extra_params)})


def webhook() -> tuple[Response, int]:
    """Keep the prompt of a submitted annotation."""
    with _intake().body(WebhookBody) as body:
        project = body.project
        try:
            config = str(project.get("label_config") or "")
            predictor = _predictor(_project_of_webhook(project), config)
            predictor.tell(project)
            predictor.learn(body.action, body.annotation)
        except BackendError as error:
            # The annotator's Submit must not fail for it.
            log.info("Webhook %.40r: %s", body.action, error.message)
            return jsonify({"status": "ignored", "detail": error.message}), 200
        return jsonify({"status": "ok"}), 200


def _project_of_webhook(project: Mapping[str, Any]) -> str:
    # /predict names a project "<id>.<created epoch>", the webhook has the two apart.
    try:
        created = datetime.fromisoformat(str(project["created_at"]))
        return printable(f"{project['id']}.{int(created.timestamp())}")
    except (KeyError, ValueError, OverflowError):
        raise InvalidRequest("The event names no project.") from None


def predict() -> Response:
    """Predictions for tasks: `{"results": [...]}`, one entry for each task."""
    slots: threading.BoundedSemaphore = current_app.config["PREDICTIONS"]
    if not slots.acquire(blocking=False):
        raise BusyError("All threads of the ML backend are busy with predictions. Try again in a moment.")
    with ExitStack() as held:
        held.callback(slots.release)
        body = held.enter_context(_intake().body(PredictBody))
        predictor = _predictor(body.project_id, body.label_config)
        context = body.params.context if body.params else None
        predictor.require_usable()  # an unusable config is told before the answer begins
        if context is None and _services().settings.predict_deadline > _QUIET_SECONDS:
            return _patient(predictor, body.tasks, held.pop_all())
        return jsonify({"results": predictor.predict(body.tasks, context=context)})


def _patient(predictor: Predictor, tasks: list[dict[str, Any]], held: ExitStack) -> Response:
    """The answer of a batch that may take long; `held` is let go of when the batch ends, not when its caller does."""
    results: Future[list[Any]] = Future()
    results.add_done_callback(lambda _: held.close())
    threading.Thread(target=_run_into, args=(results, predictor, tasks), daemon=True).start()
    response = Response(_kept_alive(results, len(tasks)), mimetype="application/json")
    response.call_on_close(predictor.answer_now)
    return response


def _kept_alive(results: Future[list[Any]], tasks: int) -> Iterator[str]:
    """The answer, with blanks before it as long as it takes; blanks before JSON are valid JSON."""
    while not results.done():
        yield " "
        wait([results], timeout=_BLANK_EVERY)
    try:
        answer = {"results": results.result()}
    except BackendError as error:
        # The status line is long gone; tasks without a result are asked for again.
        answer = {"results": [{"error": error.message}] * tasks}
    yield json.dumps(answer)


def _run_into(results: Future[list[Any]], predictor: Predictor, tasks: list[dict[str, Any]]) -> None:
    try:
        results.set_result(predictor.predict(tasks))
    except BackendError as error:
        results.set_exception(error)
    except Exception:
        log.exception("A batch failed in a way that nobody thought of")
        results.set_exception(BackendError(UNEXPECTED))
