"""Whose a file on Label Studio is, as far as its address tells: the token's user may see more than a task's project."""

from __future__ import annotations

import posixpath
import re
from urllib.parse import parse_qs, unquote, urlsplit

from llm_interactive.errors import TaskDataError

_UPLOAD = re.compile(r"/*(?:data/)?upload/(\d+)/")
_OF_TASK = re.compile(r"/*tasks/(\d+)/")
_OF_PROJECT = re.compile(r"/*projects/(\d+)/")
_STORED = "/storage-data/uploaded"


def check_owner(target: str, project: str, task_id: str) -> None:
    """Check that a path of Label Studio (with its query) is no file of another project or task.

    `project` is Label Studio's number of the calling project, or empty if that is unknown.

    Raises:
        TaskDataError: it is one.
    """
    parts = urlsplit(target)
    path = _plain(parts.path)
    stored = parse_qs(parts.query).get("filepath", []) if path.startswith(_STORED) else []
    uploads = [_UPLOAD.match(found) for found in (path, *map(_plain, stored))]
    projects = {match[1] for match in (*uploads, _OF_PROJECT.match(path)) if match}
    task = _OF_TASK.match(path)
    if (project and projects - {project}) or (task and task[1] != task_id):
        raise TaskDataError("The task's file belongs to another project of Label Studio. Import it into this one.")


def _plain(path: str) -> str:
    return posixpath.normpath(unquote(path))
