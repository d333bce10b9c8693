"""Label Studio: how it is started by a script, and the part of its REST API that a script needs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from demo.processes import Child, answers, clean_environment

Json = dict[str, Any]

# Label Studio starts without the internet, lets a script in by token, and talks to a backend on loopback. The last two
# go together: ML_BLOCK_LOCAL_IP alone lets a local backend connect but silently leaves it without the webhook.
_SETTINGS = {
    "LATEST_VERSION_CHECK": "False",
    "COLLECT_ANALYTICS": "False",
    "SENTRY_DSN": "",
    "FRONTEND_SENTRY_DSN": "",
    "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
    "ML_BLOCK_LOCAL_IP": "false",
    "SSRF_PROTECTION_ENABLED": "false",
}


@dataclass(frozen=True)
class Login:
    """The account made at the first start; later starts keep the one there is."""

    username: str
    password: str
    token: str


class Refused(RuntimeError):
    """Label Studio answered a request with an error; the message is its reason."""


def label_studio(venv: Path, port: int, login: Login, *, data: Path, log: Path) -> Child:
    """Label Studio on 127.0.0.1:`port`, not started yet; everything it stores is under `data`."""
    data.mkdir(parents=True, exist_ok=True)
    command: list[str | Path] = [venv / "bin" / "label-studio", "start", "--no-browser", "--data-dir", data]
    command += ["--internal-host", "127.0.0.1", "--port", str(port)]
    command += ["--username", login.username, "--password", login.password, "--user-token", login.token]
    env = clean_environment(**_SETTINGS, PYTHONUNBUFFERED="1")
    return Child("Label Studio", [*command, "--enable-legacy-api-token"], log=log, env=env, cwd=data)


class LabelStudio:
    """A client for one running Label Studio; every call raises `Refused` when it is answered with an error."""

    def __init__(self, url: str, token: str, *, timeout: float = 180.0) -> None:
        self.url = url.rstrip("/")
        self.timeout = timeout
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy for loopback
        self._session.headers["Authorization"] = f"Token {token}"

    def is_up(self) -> bool:
        return answers(f"{self.url}/health")

    # --- projects and tasks -------------------------------------------------------------------------------------------

    def projects(self) -> list[Json]:
        """All projects, each with `id`, `title` and `task_number` among others."""
        found: list[Json] = self.call("GET", "/api/projects/?page_size=1000")["results"]
        return found

    def create_project(self, title: str, label_config: str, description: str = "") -> int:
        """The new project's id. A title needs 3 characters."""
        body = {"title": title, "label_config": label_config, "description": description}
        return int(self.call("POST", "/api/projects/", json=body)["id"])

    def import_tasks(self, project: int, tasks: Sequence[Mapping[str, Any]]) -> list[int]:
        """The new tasks' ids, in order; each of `tasks` is the task's data."""
        path = f"/api/projects/{project}/import?return_task_ids=true"
        ids: list[int] = self.call("POST", path, json=list(tasks))["task_ids"]
        return ids

    def upload_file(self, project: int, file: Path) -> str:
        """The address (`/data/upload/…`) under which tasks can refer to the uploaded `file`."""
        with file.open("rb") as content:
            path = f"/api/projects/{project}/import?commit_to_project=false"
            uploaded = self.call("POST", path, files={"file": (file.name, content)})["file_upload_ids"]
        return "/data/" + str(self.call("GET", f"/api/import/file-upload/{uploaded[0]}")["file"]).lstrip("/")

    def tasks(self, project: int) -> list[Json]:
        """The project's tasks with their annotations, predictions and drafts."""
        path = f"/api/tasks/?project={project}&page_size=1000&fields=all"
        found: list[Json] = self.call("GET", path)["tasks"]
        return found

    def task(self, task: int) -> Json:
        found: Json = self.call("GET", f"/api/tasks/{task}/")
        return found

    def annotations(self, task: int) -> list[Json]:
        found: list[Json] = self.call("GET", f"/api/tasks/{task}/annotations/")
        return found

    # --- the model ----------------------------------------------------------------------------------------------------

    def backends(self, project: int) -> list[Json]:
        """The project's model connections; asking makes Label Studio call their /health and /setup."""
        found: list[Json] = self.call("GET", f"/api/ml/?project={project}")
        return found

    def connect_backend(self, project: int, url: str, *, title: str = "LLM", extra_params: Any = None) -> int:
        """The id of a new interactive connection; Refused with the reason that the form would show."""
        body = {"project": project, "url": url, "title": title, "is_interactive": True, "extra_params": extra_params}
        return int(self.call("POST", "/api/ml/", json=body)["id"])

    def disconnect_backend(self, project: int, backend: Mapping[str, Any]) -> None:
        """Remove one of `backends(project)` and the webhook that came with it."""
        self.call("DELETE", f"/api/ml/{backend['id']}")
        webhook = str(backend["url"]).rstrip("/") + "/webhook"
        for hook in self.call("GET", f"/api/webhooks/?project={project}"):
            if hook["url"] == webhook:
                self.call("DELETE", f"/api/webhooks/{hook['id']}/")

    def ask(self, backend: int, task: int, context: Sequence[Mapping[str, Any]]) -> Json:
        """What the page gets on Shift+Enter: `{"data": prediction}` or `{"errors": [reason]}`."""
        body = {"task": task, "context": {"result": list(context)}}
        answer: Json = self.call("POST", f"/api/ml/{backend}/interactive-annotating", json=body)
        return answer

    def retrieve_predictions(self, project: int, tasks: Sequence[int] | None = None) -> None:
        """The Data Manager's "Retrieve predictions" for `tasks`, or for all; returns when they are stored."""
        chosen = {"all": True, "excluded": []} if tasks is None else {"all": False, "included": list(tasks)}
        path = f"/api/dm/actions/?id=retrieve_tasks_predictions&project={project}"
        self.call("POST", path, json={"selectedItems": chosen, "ordering": []})

    def predictions(self, project: int) -> list[Json]:
        """All stored predictions of the project, oldest first."""
        found: list[Json] = self.call("GET", f"/api/predictions/?project={project}")
        return sorted(found, key=lambda prediction: int(prediction["id"]))

    # --- HTTP ---------------------------------------------------------------------------------------------------------

    def call(self, method: str, path: str, **arguments: Any) -> Any:
        """The answer's JSON; None where it has no body."""
        response = self._session.request(method, self.url + path, timeout=self.timeout, **arguments)
        if not response.ok:
            raise Refused(_reason(response))
        return response.json() if response.content else None


def _reason(response: requests.Response) -> str:
    """One line from Label Studio's error JSON."""
    try:
        body = response.json()
    except ValueError:
        return f"{response.status_code} {response.reason} for {response.url}"
    details = body.get("validation_errors") or body.get("detail") if isinstance(body, dict) else body
    if isinstance(details, dict):
        details = [text for texts in details.values() for text in (texts if isinstance(texts, list) else [texts])]
    text = " ".join(map(str, details)) if isinstance(details, list) else str(details or body)
    return re.sub(r"\s+", " ", text).strip()
