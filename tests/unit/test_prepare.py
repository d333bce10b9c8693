"""A task and a prompt → the request to the model, and how its reply becomes regions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from llm_interactive.deadline import NEVER
from llm_interactive.errors import TaskDataError
from llm_interactive.llm.client import Reply
from llm_interactive.media.image_input import ImageInput
from llm_interactive.outputs.form import Form
from llm_interactive.predict.prepare import PreparedTask, data_of, id_of, prepare
from llm_interactive.settings import ChatOptions, Settings

Make = Callable[[str], Form]

AREAS = (
    '<Text name="text" value="$text"/><TextArea name="prompt" toName="text"/><TextArea name="response" toName="text"/>'
)
BOTH = AREAS + '<Choices name="c" toName="text"><Choice value="Yes"/><Choice value="No"/></Choices>'
SPANS = AREAS + '<Labels name="spans" toName="text"><Label value="PER"/><Label value="LOC"/></Labels><Relations/>'
Ready = Callable[..., PreparedTask]


@pytest.fixture
def ready(form: Make) -> Iterator[Ready]:
    """Prepares a task under a config given by what stands inside its `<View>`."""
    images = ImageInput(Settings())

    def make(inside: str, task: dict[str, Any] | None = None, **options: Any) -> PreparedTask:
        task = task or {"id": 1, "data": {"text": "T"}}
        return prepare(task, "P", form(inside), ChatOptions(**options), images, NEVER)

    yield make
    images.close()


def test_the_request_is_made_with_the_options_of_the_chat(ready: Ready) -> None:
    request = ready(AREAS, model="m", temperature=None, num_responses=2, max_tokens=5).request
    found = (request.model, request.temperature, request.num_responses, request.max_tokens)
    assert found == ("m", None, 2, 5)


@pytest.mark.parametrize(
    ("inside", "structured", "roles"),
    [(AREAS, True, ["user"]), (AREAS, False, ["user"]), (BOTH, True, ["system", "user"]), (BOTH, False, ["user"])],
)
def test_schema_and_guide_are_sent_where_there_is_more_than_a_text_to_fill(
    ready: Ready, inside: str, structured: bool, roles: list[str]
) -> None:
    request = ready(inside, structured_output=structured).request
    assert [message["role"] for message in request.messages] == roles
    assert (request.schema is not None) is (len(roles) == 2)


def test_the_users_message_stays_the_template_filled(ready: Ready) -> None:
    assert ready(BOTH).request.messages[-1].get("content") == "Source Text: T\n\nTask Directive: P"


def test_a_reply_is_kept_under_the_same_key_with_logprobs_and_without(ready: Ready) -> None:
    request = ready(BOTH).request
    assert request.logprobs
    assert request.key("e") == replace(request, logprobs=False).key("e")


def test_another_schema_is_another_request(ready: Ready) -> None:
    keys = {ready(inside).request.key("e") for inside in (AREAS, BOTH, BOTH.replace('"No"', '"Maybe"'))}
    assert len(keys) == 3


def test_tasks_of_the_same_text_are_the_same_request(ready: Ready) -> None:
    one, two = (ready(BOTH, {"id": number, "data": {"text": "T"}}).request.key("e") for number in (1, 2))
    assert one == two


@pytest.mark.parametrize(
    ("text", "fits"),
    [('{"response": "R", "c": "Yes"}', True), ('{"response": "R", "c": "Maybe"}', False), ('{"c": "Yes"}', False)],
)
def test_a_reply_that_does_not_fit_the_schema_has_faults(ready: Ready, text: str, fits: bool) -> None:
    assert (not ready(BOTH).faults(text)) is fits


@pytest.mark.parametrize("text", ["anything", "{}", ""])
def test_a_reply_has_no_faults_where_no_schema_was_sent(ready: Ready, text: str) -> None:
    assert not ready(AREAS).faults(text)
    assert not ready(BOTH, structured_output=False).faults(text)


def test_the_prompt_comes_back_with_the_reply(ready: Ready) -> None:
    regions = ready(AREAS).regions(Reply(("R",)))
    assert {region["from_name"]: region["value"]["text"] for region in regions} == {"response": ["R"], "prompt": ["P"]}


def ids(ready: Ready, number: int) -> set[str]:
    """The ids of a reply's regions for a task."""
    prepared = ready(BOTH, {"id": number, "data": {"text": "T"}})
    return {region["id"] for region in prepared.regions(Reply(('{"response": "R", "c": "Yes"}',)))}


def test_the_regions_of_a_task_have_the_same_ids_at_every_reply(ready: Ready) -> None:
    assert ids(ready, 1) == ids(ready, 1)


def test_the_regions_of_two_tasks_have_no_id_in_common(ready: Ready) -> None:
    assert not ids(ready, 1) & ids(ready, 2)


def test_relations_join_the_regions_of_their_own_task(ready: Ready) -> None:
    spans = '[{"n": 1, "quote": "Ann", "label": "PER"}, {"n": 2, "quote": "Rome", "label": "LOC"}]'
    reply = Reply((f'{{"response": null, "spans": {spans}, "relations": [{{"from": 1, "to": 2}}]}}',))
    ann, rome, relation, _ = ready(SPANS, {"id": 7, "data": {"text": "Ann saw Rome."}}).regions(reply)
    assert (relation["from_id"], relation["to_id"]) == (ann["id"], rome["id"])


@pytest.mark.parametrize("task", [{"id": 1}, {"id": 1, "data": None}, {"id": 1, "data": ["T"]}])
def test_a_task_without_data_is_its_own_error(ready: Ready, task: dict[str, Any]) -> None:
    assert data_of(task) == {}
    with pytest.raises(TaskDataError, match="text"):
        ready(AREAS, task)


@pytest.mark.parametrize(
    ("task", "expected"), [({"id": 7}, "7"), ({"id": "a"}, "a"), ({}, "None"), ({"id": "\ud83d"}, "?")]
)
def test_a_tasks_id_is_a_text_that_can_be_stored(task: dict[str, Any], expected: str) -> None:
    assert id_of(task) == expected
