"""The part of Label Studio's API that the commands use, on loopback and in memory, for one project.

    with FakeLabelStudio(config, [{"text": "…"}, …]) as studio:
        ...                                    # LABEL_STUDIO_URL=studio.url
        studio.annotate(1, [{"from_name": "sentiment", …}], ground_truth=True)
        assert studio.predictions_of(1)[0]["model_version"] == …

`lists` counts the requests for tasks.

It stores every prediction as it comes, which the real one does not.
"""

from __future__ import annotations

import itertools
import json
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from flask import Flask, Response, jsonify, request
from werkzeug.serving import BaseWSGIServer, make_server

from testing.loopback import Loopback

Json = dict[str, Any]

_CREATED = "2026-01-01T00:00:00Z"


class FakeLabelStudio(Loopback):
    """The server, with project 1; listens from `__enter__` to `__exit__` on a free port of 127.0.0.1."""

    def __init__(self, labeling_config: str, tasks: Sequence[Mapping[str, Any]]) -> None:
        self.tasks: list[Json] = [{"id": number, "data": dict(data)} for number, data in enumerate(tasks, 1)]
        self.predictions: dict[int, Json] = {}
        self.made: list[Json] = []
        """Projects that were made, each with its `tasks`."""
        self.takes_at_most = 10_000
        """How many tasks of an import are taken."""
        self.project = {"id": 1, "title": "Project", "label_config": labeling_config, "created_at": _CREATED}
        self.files: dict[str, bytes] = {}
        """Uploaded files, by `<project>/<name>`, and those in a storage, by `tasks/<id>`."""
        self.lists = 0
        self._ids = itertools.count(1)
        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # which prints every request
        self._server: BaseWSGIServer = make_server("127.0.0.1", 0, self._app(), threaded=True)

    @property
    def url(self) -> str:
        """What goes into `LABEL_STUDIO_URL`."""
        return f"http://127.0.0.1:{self._server.port}"

    def predictions_of(self, task: int) -> list[Json]:
        """The stored predictions of a task, oldest first."""
        return [found for found in list(self.predictions.values()) if found["task"] == task]

    def annotate(self, task: int, result: Sequence[Json], **more: Any) -> None:
        """Submit an annotation of a task; `more` are further fields of it."""
        made = {"id": next(self._ids), "task": task, "completed_by": 1, "created_at": _CREATED, "updated_at": _CREATED}
        [annotated] = [found for found in self.tasks if found["id"] == task]
        annotated.setdefault("annotations", []).append({**made, "result": list(result), **more})

    def _app(self) -> Flask:
        app = Flask(__name__)
        app.get("/api/projects/1/", endpoint="project")(lambda: jsonify(self.project))
        app.get("/api/tasks/")(self._list_tasks)
        app.get("/api/predictions/", endpoint="predictions")(lambda: jsonify(list(self.predictions.values())))
        app.post("/api/predictions/")(self._create)
        app.post("/api/projects/1/import/predictions")(self._import)
        app.delete("/api/predictions/<int:id>/")(self._delete)
        app.post("/api/tasks/<int:task>/annotations/")(self._submit)
        app.patch("/api/annotations/<int:id>/")(self._edit)
        app.patch("/api/projects/1/")(self._change)
        app.post("/api/projects/")(self._make)
        app.post("/api/projects/<int:id>/import")(self._import_tasks)
        app.delete("/api/projects/<int:id>/")(self._remove)
        app.get("/data/upload/<path:file>", endpoint="file")(lambda file: Response(self.files[file]))
        app.get("/tasks/<int:task>/resolve/", endpoint="stored")(lambda task: Response(self.files[f"tasks/{task}"]))
        return app

    def _list_tasks(self) -> Response:
        self.lists += 1
        query = json.loads(request.args.get("query", "{}"))
        included = query.get("selectedItems", {}).get("included")
        found = [task for task in self.tasks if included is None or task["id"] in included]
        if "filters" in query:  # the only one that is asked for
            found = [task for task in found if task.get("annotations")]
        page, size = int(request.args.get("page", 1)), int(request.args.get("page_size", 100))
        predictions: defaultdict[int, list[Json]] = defaultdict(list)
        for prediction in list(self.predictions.values()):
            predictions[prediction["task"]].append(prediction)
        shown = [
            {"annotations": [], **task, "predictions": predictions[task["id"]]}
            for task in found[(page - 1) * size : page * size]
        ]
        return jsonify({"tasks": shown, "total": len(found), "total_annotations": 0, "total_predictions": 0})

    def _create(self) -> tuple[Response, int]:
        return jsonify(self._store(request.get_json())), 201

    def _import(self) -> tuple[Response, int]:
        stored = [self._store(prediction) for prediction in request.get_json()]
        return jsonify({"created": len(stored)}), 201

    def _store(self, prediction: Json) -> Json:
        id = next(self._ids)
        self.predictions[id] = {"id": id, "project": 1, "created_at": _CREATED, **prediction}
        return self.predictions[id]

    def _submit(self, task: int) -> tuple[Response, int]:
        body = request.get_json()
        given = [made.get("unique_id") for found in self.tasks for made in found.get("annotations", [])]
        if body["unique_id"] in given:
            return jsonify({"detail": "Annotation with this unique id already exists"}), 409
        self.annotate(task, **body)
        return jsonify(self.tasks[task - 1]["annotations"][-1]), 201

    def _edit(self, id: int) -> Response:
        [annotation] = [made for task in self.tasks for made in task.get("annotations", []) if made["id"] == id]
        annotation |= request.get_json()
        return jsonify(annotation)

    def _change(self) -> Response:
        self.project |= request.get_json()
        return jsonify(self.project)

    def _make(self) -> tuple[Response, int]:
        made = {**request.get_json(), "id": len(self.made) + 2, "created_at": _CREATED, "tasks": []}
        self.made.append(made)
        return jsonify(made), 201

    def _import_tasks(self, id: int) -> tuple[Response, int]:
        [project] = [made for made in self.made if made["id"] == id]
        taken = [task["data"] for task in request.get_json()][: self.takes_at_most]
        project["tasks"] += taken
        return jsonify({"task_count": len(taken)}), 201

    def _remove(self, id: int) -> tuple[str, int]:
        self.made = [made for made in self.made if made["id"] != id]
        return "", 204

    def _delete(self, id: int) -> tuple[str, int]:
        del self.predictions[id]
        return "", 204
