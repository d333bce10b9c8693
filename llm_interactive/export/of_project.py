"""The export of one Label Studio project, with the parts that it needs opened and closed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace

from llm_interactive.export.comparisons import Rankings
from llm_interactive.export.replies import Replies
from llm_interactive.export.run import Destination, Summary, export, sources_of
from llm_interactive.export.shapes import Format
from llm_interactive.label_studio.client import LabelStudio
from llm_interactive.label_studio.records import Task
from llm_interactive.llm.client import ChatClient
from llm_interactive.llm.embeddings import Embeddings
from llm_interactive.media.image_input import ImageInput
from llm_interactive.predict.example_sets import Examples
from llm_interactive.predict.project import Project
from llm_interactive.settings import Settings
from llm_interactive.store.store import Store, StoredProject

Progress = Callable[[Iterable[Task], int], Iterable[Task]]
"""Passes tasks on, of which there are so many, and shows how far it is."""


def export_project(
    settings: Settings,
    id: int,
    format: Format,
    names: Sequence[str],
    destination: Destination,
    progress: Progress,
    rankings: Rankings,
) -> Summary:
    """Write what a project's annotations give in a format, from the sources that are named.

    Of `rankings` it is the database that knows whose the replies are, and by which prompts.

    Raises:
        SetupError: address or token of Label Studio is not set.
        LabelStudioError: it is away, or refuses.
        LabelingConfigError: the labeling config does not have what a source needs.
        OSError: a file cannot be written.
    """
    with ExitStack() as opened:
        studio = opened.enter_context(LabelStudio(settings))
        project = studio.project(id)
        store = None
        if settings.has_database:
            store = opened.enter_context(closing(Store(settings.sqlalchemy_url, settings.reply_ttl)))
        images = opened.enter_context(closing(ImageInput(settings)))
        client = opened.enter_context(closing(ChatClient(settings)))

        def replies() -> Replies:
            stored = store.project(project.key) if store else StoredProject({}, {})
            known = Project.of(project.key, project.labeling_config, settings, stored)
            examples = Examples(store, Embeddings(client, settings.embedding_model)) if store else None
            return Replies(known, images, store, client.endpoint, examples)

        known = store.rankings.of(project.key) if store else {}
        prompts = store.rankings.prompts(project.key) if store else {}
        hidden = prompts if len(set(prompts.values())) > 1 else {}
        rankings = replace(rankings, known=known, prompts=hidden)
        sources = sources_of(names, format, project.labeling_config, replies, rankings)
        tasks = progress(studio.tasks(id, annotated=True), studio.count(id, annotated=True))
        return export(tasks, project.labeling_config, sources, format, destination)
