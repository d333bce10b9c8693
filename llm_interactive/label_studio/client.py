"""A client for the Label Studio that LABEL_STUDIO_URL names."""

from __future__ import annotations

import random
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any
from urllib.parse import urlsplit

import httpx
from label_studio_sdk.base_client import LabelStudioBase
from label_studio_sdk.core.api_error import ApiError
from label_studio_sdk.core.request_options import RequestOptions
from label_studio_sdk.tasks.client_ext import TasksClientExt
from label_studio_sdk.types import ImportApiRequest, PredictionRequest

from llm_interactive.errors import LabelStudioError, SetupError
from llm_interactive.label_studio.queries import PAGE, task_queries
from llm_interactive.label_studio.records import (
    ACCEPTED,
    NewPrediction,
    Prediction,
    Project,
    Pushed,
    Task,
    prediction_of,
    project_of,
    task_of,
)
from llm_interactive.label_studio.refusals import message_of
from llm_interactive.labeling.tags import Region
from llm_interactive.settings import Settings

_SAMPLED_AT_ONCE = 10
# Each call takes Label Studio some seconds in a large project, however few predictions it brings.
_PUSHED_AT_ONCE = 5000
_SECONDS = 120.0
_LONGEST_TITLE = 50


class _Client(LabelStudioBase):
    """The SDK's client without its extension of projects, which imports pandas: a second at each command's start."""

    @property
    def tasks(self) -> TasksClientExt:
        return TasksClientExt(client_wrapper=self._client_wrapper)


class LabelStudio:
    """Projects, tasks, annotations and predictions of one Label Studio; a context that closes its connections.

    Raises, in every method:
        LabelStudioError: the token is refused, the project is not there, or Label Studio is away or fails.
    """

    def __init__(self, settings: Settings) -> None:
        """A client by LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY, a legacy token or a personal access token.

        Raises:
            SetupError: one of the two is not set.
            LabelStudioError: the token has expired.
        """
        if settings.label_studio_url is None:
            raise SetupError("LABEL_STUDIO_URL is not set. Set it to the address of your Label Studio.")
        if settings.label_studio_api_key is None:
            raise SetupError(
                "LABEL_STUDIO_API_KEY is not set. Set it to an access token from Label Studio's account settings."
            )
        base = urlsplit(settings.label_studio_url)
        # For links, which stand in reports: without a password.
        self.url = base._replace(netloc=base.netloc.rpartition("@")[2]).geturl()
        self._http = httpx.Client(timeout=_SECONDS, follow_redirects=True)
        key = settings.label_studio_api_key.get_secret_value()
        try:
            with self._translated():
                # Without the slash the SDK would exchange a token at the host's root, above Label Studio's own path.
                self._client = _Client(base_url=f"{base.geturl()}/", api_key=key, httpx_client=self._http)
        except LabelStudioError:
            self._http.close()
            raise

    def __enter__(self) -> LabelStudio:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def project(self, project: int) -> Project:
        """A project's title, labeling config and current model version."""
        with self._translated(project):
            found = self._client.projects.get(project)
        return project_of(found.dict())

    def create_project(self, title: str, labeling_config: str, overlap: int = 1) -> Project:
        """Make a project in which each task is annotated `overlap` times."""
        with self._translated():
            made = self._client.projects.create(
                title=title[:_LONGEST_TITLE], label_config=labeling_config, maximum_annotations=overlap
            )
        return project_of(made.dict())

    def ask_uncertain_first(self, project: int, version: str, *, shown: bool | None = None) -> None:
        """Give annotators first what predictions of `version` score lowest; `shown`: with these filled in, or not.

        The page marks this order as one of Enterprise; the API takes it in the community edition, too.
        """
        more: dict[str, Any] = {} if shown is None else {"show_collab_predictions": shown}
        with self._translated(project):
            self._client.projects.update(project, sampling="Uncertainty sampling", model_version=version, **more)

    def ask_in_order(self, project: int) -> None:
        """Give annotators the tasks in the Data Manager's order."""
        with self._translated(project):
            self._client.projects.update(project, sampling="Sequential sampling")

    def change_annotation(self, annotation: int, result: Sequence[Region]) -> None:
        """Give an annotation other regions."""
        with self._translated():
            self._client.annotations.update(annotation, result=[dict(region) for region in result])

    def delete_project(self, project: int) -> None:
        """Remove a project with all its tasks."""
        with self._translated(project):
            self._client.projects.delete(project)

    def import_tasks(self, project: int, data: Iterable[Mapping[str, Any]]) -> int:
        """Add a task for each of `data`; says how many Label Studio took."""
        waiting, count = iter(data), 0
        while chunk := list(islice(waiting, _PUSHED_AT_ONCE)):
            request = [ImportApiRequest(data=dict(one)) for one in chunk]
            # Not tried again, as with predictions.
            once: RequestOptions = {"max_retries": 0, "timeout_in_seconds": 600}
            with self._translated(project):
                count += (
                    self._client.projects.import_tasks(project, request=request, request_options=once).task_count or 0
                )
        return count

    def tasks(
        self, project: int, *, annotated: bool = False, ids: Sequence[int] | None = None, view: int | None = None
    ) -> Iterator[Task]:
        """A project's tasks in the order of their ids, read page by page: each of them once.

        `annotated`: only those that somebody submitted or skipped. `ids`: only those. `view`: those of a Data Manager
        tab, by its own filters and in its order.
        """
        seen: set[int] = set()
        for query in task_queries(annotated, ids, view):
            with self._translated(project):
                # Somebody who annotates meanwhile moves tasks to later pages.
                pages: Iterable[Any] = self._client.tasks.list(project=project, page=1, page_size=PAGE, **query)
                for found in pages:
                    task = task_of(found.dict())
                    if task.id not in seen:
                        seen.add(task.id)
                        yield task

    def count(
        self, project: int, *, annotated: bool = False, ids: Sequence[int] | None = None, view: int | None = None
    ) -> int:
        """How many tasks `tasks` gives."""
        with self._translated(project):
            pages = [
                self._client.tasks.list(project=project, page=1, page_size=1, fields="task_only", **query).response
                for query in task_queries(annotated, ids, view)
            ]
        return sum(page.total for page in pages)

    def some(self, project: int, most: int, *, view: int | None = None) -> list[Task]:
        """At most `most` of the tasks that `tasks` gives, from places chosen at random."""
        pages = -(-self.count(project, view=view) // _SAMPLED_AT_ONCE)
        places = random.sample(range(pages), min(pages, -(-most // _SAMPLED_AT_ONCE)))
        [query] = task_queries(False, None, view)
        found: list[Task] = []
        for place in places:
            with self._translated(project):
                page: Any = self._client.tasks.list(
                    project=project, page=place + 1, page_size=_SAMPLED_AT_ONCE, **query
                )
                found += [task_of(one.dict()) for one in page.items or ()]
        return found[:most]

    def predictions(self, project: int) -> list[Prediction]:
        """All predictions of a project, oldest first."""
        with self._translated(project):
            found = self._client.predictions.list(project=project, request_options={"timeout_in_seconds": 600})
        return sorted((prediction_of(one.dict()) for one in found), key=lambda one: one.id)

    def push(self, project: int, predictions: Iterable[NewPrediction]) -> Iterator[Pushed]:
        """Store predictions by the bulk endpoint, a chunk at a time; each chunk is told of when it is stored.

        Label Studio drops those that it holds invalid without a word: what it created is compared with what was sent.
        """
        waiting = iter(predictions)
        while chunk := list(islice(waiting, _PUSHED_AT_ONCE)):
            # Not tried again: what was stored before the answer got lost would be stored twice.
            once: RequestOptions = {"max_retries": 0, "timeout_in_seconds": 600}
            request = [PredictionRequest(**vars(new)) for new in chunk if not _is_nested(new)]
            created = 0
            with self._translated(project):
                if request:
                    answer = self._client.projects.import_predictions(project, request=request, request_options=once)
                    created = answer.created or 0
                for nested in filter(_is_nested, chunk):
                    self._client.predictions.create(**vars(nested), request_options=once)
            missing = set() if created == len(request) else self._missing(project, chunk)
            yield Pushed(tuple(new.task for new in chunk if new.task not in missing), tuple(sorted(missing)))

    def _missing(self, project: int, chunk: Sequence[NewPrediction]) -> set[int]:
        sent = {new.task: new for new in chunk}
        stored = {
            task.id
            for task in self.tasks(project, ids=list(sent))
            if any(
                (old.model_version, list(old.result)) == (sent[task.id].model_version, list(sent[task.id].result))
                for old in task.predictions
            )
        }
        return set(sent) - stored

    def accept(self, prediction: Prediction) -> None:
        """Make an annotation of a stored prediction, by which its task counts as done; `Task.accepted` tells it apart.

        Label Studio refuses a second one of the same task and version.
        """
        # The bulk action of the Data Manager would leave no mark.
        name = f"{self.url}/tasks/{prediction.task}/{prediction.model_version}"
        with self._translated():
            self._client.annotations.create(
                prediction.task,
                result=list(prediction.result),
                parent_prediction=prediction.id,
                last_action=ACCEPTED,
                unique_id=str(uuid.uuid5(uuid.NAMESPACE_URL, name)),
            )

    def delete_older(self, project: int, tasks: Collection[int], version: str) -> int:
        """Remove the predictions of `tasks` by `version`, but the newest one of each task; says how many."""
        older = [
            [prediction.id for prediction in task.predictions if prediction.model_version == version][:-1]
            for task in self.tasks(project, ids=list(tasks))
        ]
        return self.delete_predictions([*chain.from_iterable(older)])

    def delete_predictions(self, ids: Sequence[int]) -> int:
        """Remove predictions by their ids; says how many."""
        with self._translated():
            for id in ids:
                self._client.predictions.delete(id)
        return len(ids)

    def users(self) -> dict[str, int]:
        """The ids of all users by their e-mail addresses."""
        with self._translated():
            return {user.email: user.id for user in self._client.users.list() if user.email and user.id}

    def make_tab(self, project: int, title: str, annotations: Iterable[int]) -> str:
        """Make the Data Manager tab `title` show just the tasks of these annotations; gives its address.

        The page breaks at a filter by a list of tasks' ids, and the database at one by many single ids.
        """
        ids = ",".join(map(str, annotations))
        shown = {"filter": "filter:tasks:annotations_ids", "operator": "contains", "type": "String", "value": ids}
        data: Any = {"title": title, "filters": {"conjunction": "and", "items": [shown]}}
        with self._translated(project):
            views = self._client.views
            same = [view.id for view in views.list(project=project) if (view.data or {}).get("title") == title]
            if same:
                view = views.update(str(same[0]), data=data, project=project)
            else:
                view = views.create(data=data, project=project)
        return f"{self.url}/projects/{project}/data?tab={view.id}"

    def link(self, project: int, task: int) -> str:
        """The address at which a task opens in Label Studio's page."""
        return f"{self.url}/projects/{project}/data?task={task}"

    @contextmanager
    def _translated(self, project: int | None = None) -> Iterator[None]:
        address = self.url
        try:
            yield
        except ApiError as error:
            raise LabelStudioError(message_of(error, address, project)) from None
        except httpx.HTTPError as error:
            reason = "does not answer in time" if isinstance(error, httpx.TimeoutException) else "cannot be reached"
            raise LabelStudioError(f"Label Studio at {address} {reason}. Check LABEL_STUDIO_URL.") from None
        except ValueError:
            raise LabelStudioError(f"What answers at {address} is no Label Studio. Check LABEL_STUDIO_URL.") from None


def _is_nested(prediction: NewPrediction) -> bool:
    """Whether it has nested Choices in the form that the page ticks, which the bulk endpoint drops."""
    return any(
        isinstance(one, list) for region in prediction.result for one in region.get("value", {}).get("choices") or ()
    )
