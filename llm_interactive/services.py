"""What a process builds once and all its requests share."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from llm_interactive.llm.access import Access
from llm_interactive.llm.client import ChatClient
from llm_interactive.llm.dispatcher import Dispatcher
from llm_interactive.llm.embeddings import Embeddings
from llm_interactive.llm.prices import Prices
from llm_interactive.media.image_input import ImageInput
from llm_interactive.predict.example_sets import Examples
from llm_interactive.predict.label_studio_facts import LabelStudioFacts
from llm_interactive.predict.news import News
from llm_interactive.predict.open_pages import OpenPages
from llm_interactive.predict.replies import Replies
from llm_interactive.predict.running_batches import RunningBatches
from llm_interactive.settings import Settings
from llm_interactive.store.leases import Leases
from llm_interactive.store.store import Store
from llm_interactive.store.usage import Usage


@dataclass(frozen=True)
class Services:
    """Settings, database, client, dispatcher, counters of one application, and the replies that they bring about."""

    settings: Settings
    store: Store
    leases: Leases
    client: ChatClient
    dispatcher: Dispatcher
    usage: Usage
    prices: Prices
    running: RunningBatches
    facts: LabelStudioFacts
    replies: Replies
    images: ImageInput
    examples: Examples
    pages: OpenPages
    access: Access
    news: News = field(default_factory=News)

    @classmethod
    def build(cls, settings: Settings) -> Services:
        """Everything that `settings` ask for; no connection to the provider is made."""
        store = Store(settings.sqlalchemy_url, settings.reply_ttl)
        dispatcher = Dispatcher(settings.max_concurrency)
        running = RunningBatches(store.runs)
        leases = Leases(store.database)
        client = ChatClient(settings)
        replies = Replies(client, store, leases, dispatcher, settings.llm_timeout)
        images = ImageInput(settings)
        examples = Examples(store, Embeddings(client, settings.embedding_model))
        return cls(
            settings,
            store,
            leases,
            client,
            dispatcher,
            store.usage,
            Prices(settings),
            running,
            LabelStudioFacts(settings, store, examples),
            replies,
            images,
            examples,
            OpenPages(),
            Access(client),
        )

    def stop(self) -> None:
        """Drop what waits for a file or the model, so that requests are answered with what is there."""
        self.images.close()
        self.dispatcher.close()

    def wind_down(self, seconds: float) -> None:
        """`stop`, wait at most `seconds` for the calls being made, then answer all batches with what is there."""
        self.stop()
        self.dispatcher.join(seconds)
        self.running.answer_now()

    def close(self) -> None:
        """Drop waiting calls, commit what is paid for, let go of connections."""
        self.stop()
        self.client.close()
        self.leases.close()
        self.running.close()
        self.store.close()


_lock = threading.Lock()
_of_process: Services | None = None


def of_process() -> Services:
    """The services of this process, built from its environment at first use.

    Only an application that is not made by `create_app` comes here: label-studio-ml's own `init_app` builds the
    model without them.
    """
    global _of_process  # noqa: PLW0603
    with _lock:
        if _of_process is None:
            _of_process = Services.build(Settings.from_environment())
        return _of_process
