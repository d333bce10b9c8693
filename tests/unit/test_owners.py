"""Files on Label Studio that are another project's or another task's."""

from __future__ import annotations

import pytest

from llm_interactive.errors import TaskDataError
from llm_interactive.media.source import MediaSource

OF_PROJECT_3 = [
    "/data/upload/3/0a1b2c3d-a.png",
    "data/upload/3/0a1b2c3d-a.png",
    "upload/3/0a1b2c3d-a.png",
    "http://labels.test/data/upload/3/0a1b2c3d-a.png",
    "http://seen-elsewhere.test/ls/data/upload/3/0a1b2c3d-a.png",
    "/data/upload/%33/0a1b2c3d-a.png",
    "/data//upload/3/0a1b2c3d-a.png",
    "/data/./upload/3/0a1b2c3d-a.png",
    "/storage-data/uploaded/?filepath=upload/3/a.png",
    "/storage-data/uploaded/?filepath=upload%2F3%2Fa.png",
    "/storage-data/uploaded/?filepath=./upload/3/a.png",
    "/storage-data/uploaded/?x=1&filepath=upload/3/a.png",
    "/projects/3/resolve/?fileuri=czM6Ly9iL2s",
]
OTHERS = [
    "/data/local-files/?d=a.png",
    "s3://bucket/a.png",
    "http://labels.test/somewhere.png",
    "http://files.test/data/upload/3/a.png",
    "data:image/png;base64,AAAA",
]
SOURCE = MediaSource("http://labels.test", "key", ["files.test"])


@pytest.mark.parametrize("address", OF_PROJECT_3)
def test_a_file_of_the_project_itself_is_its_own(address: str) -> None:
    SOURCE.check_owner(address, "3", "7")


@pytest.mark.parametrize("address", OF_PROJECT_3)
def test_a_file_of_another_project_is_refused(address: str) -> None:
    with pytest.raises(TaskDataError, match="another project"):
        SOURCE.check_owner(address, "33", "7")


@pytest.mark.parametrize("address", OTHERS)
def test_an_address_that_tells_no_project_is_any_projects(address: str) -> None:
    SOURCE.check_owner(address, "4", "7")


def test_a_storage_is_asked_for_the_task_itself_alone() -> None:
    SOURCE.check_owner("/tasks/7/resolve/?fileuri=czM6Ly9iL2s", "4", "7")
    with pytest.raises(TaskDataError, match="another project"):
        SOURCE.check_owner("/tasks/8/presign/?fileuri=czM6Ly9iL2s", "4", "7")
