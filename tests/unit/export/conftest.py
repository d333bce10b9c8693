"""A small project whose annotations are exported, with nothing of it on a network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from llm_interactive.export.comparisons import Rankings
from llm_interactive.export.replies import Replies
from llm_interactive.export.run import Destination, Summary, export, sources_of
from llm_interactive.export.shapes import Format
from llm_interactive.label_studio.records import Annotation, Prediction, Task
from llm_interactive.media.image_input import ImageInput
from llm_interactive.predict.project import Project
from llm_interactive.settings import Settings
from llm_interactive.store.store import Store
from testing.fine_tuning import check

Region = Mapping[str, Any]
BEST_AND_LAST = Rankings()


def area(name: str, *texts: str) -> Region:
    """A TextArea's region."""
    return {"id": name, "from_name": name, "to_name": "text", "type": "textarea", "value": {"text": list(texts)}}


def filled(prompt: str | None = None, response: str | None = None, *more: Region) -> tuple[Region, ...]:
    """What a prompt field and a response field hold, and other regions."""
    texts = {"prompt": prompt, "response": response}
    return (*(area(name, text) for name, text in texts.items() if text is not None), *more)


def annotation(id: int, result: tuple[Region, ...], user: int = 1, **fields: Any) -> Annotation:
    return Annotation(id, user, result, updated_at="2026-01-02", **fields)


def prediction(id: int, result: tuple[Region, ...], created_at: str = "2026-01-01") -> Prediction:
    return Prediction(id, 1, result, f"m/{id}", None, created_at)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(f"sqlite:///{tmp_path / 'store.db'}", 24)
    yield store
    store.close()


class Exported:
    """Exports tasks of a labeling config; gives the checked lines of the file, and keeps the summary."""

    def __init__(self, config: str, folder: Path, store: Store, settings: Settings) -> None:
        self.destination = Destination(folder / "out.jsonl", 0)
        self.summary = Summary()
        self._config = config
        self._store = store
        self._settings = settings

    def __call__(
        self,
        format: str,
        *tasks: Task,
        sources: str = "corrections",
        holdout: float = 0,
        then: Iterable[Task] = (),
        rankings: Rankings = BEST_AND_LAST,
    ) -> list[Any]:
        self.destination = Destination(self.destination.file, holdout)
        images = ImageInput(self._settings)
        try:
            replies = partial(self.replies, images)
            found = sources_of(sources.split(",") if sources else (), Format(format), self._config, replies, rankings)
            self.summary = export(chain(tasks, then), self._config, found, Format(format), self.destination)
        finally:
            images.close()
        return check(format, self.destination.file) if self.summary.written else []

    def replies(self, images: ImageInput) -> Replies:
        project = Project.of("7.1", self._config, self._settings, self._store.project("7.1"))
        return Replies(project, images, self._store, "endpoint")


Export = Callable[..., Exported]


@pytest.fixture
def exporting(tmp_path: Path, store: Store, config: Callable[[str], str]) -> Export:
    """Makes an export of an example's labeling config, or of one given by what stands inside its `<View>`."""

    def make(name: str, **settings: Any) -> Exported:
        xml = f"<View>{name}</View>" if name.startswith("<") else config(name)
        return Exported(xml, tmp_path, store, Settings(**settings))

    return make
