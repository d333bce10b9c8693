"""What label-studio-ml 2.x does with `model.py`: its `init_app` with its views, served by Flask's own server.

2.x is no release. This stands in for it with its contract (shared design): the model is made for each request with
`project_id` and `label_config`; the base class sets its things in the constructor.

    python two_x.py PORT      with the repository as the working folder, settings in the environment
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from flask import Flask, Response, jsonify, request

MODEL_CLASS: Any = None
_server = Flask("label_studio_ml.api")


class LabelStudioMLBase:
    """The base class: fails if it is used without its constructor's things."""

    def __init__(self, project_id: str | None = None, label_config: str | None = None) -> None:
        self.project_id = project_id or ""
        self.label_config = label_config
        self.extra: Any = None
        self.setup()

    def setup(self) -> None:
        """For subclasses."""

    def set_extra_params(self, extra_params: Any) -> None:
        self.extra = extra_params

    def get(self, key: str) -> Any:
        return None

    def predict(self, tasks: list[Any], context: Any = None, **kwargs: Any) -> list[Any]:
        raise NotImplementedError

    def fit(self, event: str, data: dict[str, Any], **kwargs: Any) -> Any:
        """Nothing unless a subclass does something."""


def init_app(model_class: type[LabelStudioMLBase]) -> Flask:
    global MODEL_CLASS  # noqa: PLW0603 - as 2.x does
    MODEL_CLASS = model_class
    return _server


@_server.route("/predict", methods=["POST"])
def _predict() -> Response:
    data = request.json or {}
    params = data.get("params") or {}
    project = data.get("project")
    project_id = project.split(".", 1)[0] if project else None
    context = params.pop("context", {})
    model = MODEL_CLASS(project_id=project_id, label_config=data.get("label_config"))
    found = model.predict(data.get("tasks"), context=context, **params)
    return jsonify({"results": found})


@_server.route("/setup", methods=["POST"])
def _setup() -> Response:
    data = request.json or {}
    project_id = data["project"].split(".", 1)[0]
    model = MODEL_CLASS(project_id=project_id, label_config=data.get("schema"))
    if data.get("extra_params"):
        model.set_extra_params(data["extra_params"])
    return jsonify({"model_version": model.get("model_version")})


@_server.route("/webhook", methods=["POST"])
def webhook() -> tuple[Response, int]:
    data = request.json or {}
    event = data.pop("action")
    project_id = str(data["project"]["id"])
    model = MODEL_CLASS(project_id, label_config=data["project"]["label_config"])
    result = model.fit(event, data)
    return jsonify({"result": result, "status": "ok"}), 201


@_server.route("/health", methods=["GET"])
def health() -> Response:
    return jsonify({"status": "UP", "model_class": MODEL_CLASS.__name__})


def _stand_in() -> None:
    """Make `label_studio_ml`, `.model` and `.api` importable as 2.x has them."""
    for name in ("label_studio_ml", "label_studio_ml.model", "label_studio_ml.api"):
        module = ModuleType(name)
        module.__dict__.update(LabelStudioMLBase=LabelStudioMLBase, init_app=init_app, __path__=[])
        sys.modules[name] = module


if __name__ == "__main__":
    _stand_in()
    sys.path.insert(0, ".")
    from model import LLMInteractive

    init_app(model_class=LLMInteractive).run("127.0.0.1", int(sys.argv[1]), threaded=True)
