"""The client for Label Studio's API, against a real one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from demo.label_studio import Json
from llm_interactive.errors import LabelStudioError
from llm_interactive.label_studio.client import LabelStudio
from llm_interactive.label_studio.records import NewPrediction
from llm_interactive.settings import Settings
from tests.e2e.stack import LOGIN, Stack, example

pytestmark = pytest.mark.e2e


def region(name: str, text: str) -> Json:
    return {"id": name, "from_name": name, "to_name": "text", "type": "textarea", "value": {"text": [text]}}


def choice(label: str) -> Json:
    return {
        "id": "c", "from_name": "sentiment", "to_name": "text", "type": "choices", "value": {"choices": [label]}
    }  # fmt: skip


def connected(stack: Stack, token: str = LOGIN.token) -> LabelStudio:
    return LabelStudio(Settings(label_studio_url=stack.studio.url, label_studio_api_key=token))


@pytest.fixture(scope="module")
def client(stack: Stack) -> Iterator[LabelStudio]:
    with connected(stack) as client:
        yield client


@pytest.fixture
def make(stack: Stack) -> Callable[[int], tuple[int, list[int]]]:
    """Makes a project with so many tasks."""

    def project(tasks: int) -> tuple[int, list[int]]:
        id = stack.studio.create_project("Client", example("text-classification"))
        return id, stack.studio.import_tasks(id, [{"text": f"text {number}"} for number in range(tasks)])

    return project


Make = Callable[[int], tuple[int, list[int]]]


def annotate(stack: Stack, task: int, **fields: object) -> Json:
    annotation: Json = stack.studio.call("POST", f"/api/tasks/{task}/annotations/", json={"result": [], **fields})
    return annotation


def test_a_project_is_named_as_label_studio_names_it_to_the_backend(client: LabelStudio, make: Make) -> None:
    id, _ = make(1)
    project = client.project(id)
    assert (project.id, project.title) == (id, "Client")
    assert 'name="prompt"' in project.labeling_config
    assert project.key.partition(".")[0] == str(id)
    assert int(project.key.partition(".")[2]) > 1_700_000_000


def test_all_pages_are_read_and_each_task_once(client: LabelStudio, make: Make) -> None:
    project, tasks = make(201)
    assert [task.id for task in client.tasks(project)] == tasks
    assert client.count(project) == 201


def test_tasks_can_be_chosen_by_id(client: LabelStudio, make: Make) -> None:
    project, tasks = make(150)
    chosen = [*tasks[:120], *tasks[:3]]
    assert [task.id for task in client.tasks(project, ids=chosen)] == tasks[:120]
    assert client.count(project, ids=chosen) == 120
    assert list(client.tasks(project, ids=[])) == []


def test_annotated_tasks_come_with_what_was_submitted_and_what_was_skipped(
    client: LabelStudio, stack: Stack, make: Make
) -> None:
    project, tasks = make(4)
    list(client.push(project, [NewPrediction(tasks[0], [region("response", "model")], "m/1", 0.5)]))
    [[prediction]] = [task.predictions for task in client.tasks(project, ids=[tasks[0]])]
    annotate(
        stack, tasks[0], result=[region("response", "person")], lead_time=2.5, ground_truth=True,
        parent_prediction=prediction.id,
    )  # fmt: skip
    annotate(stack, tasks[2], was_cancelled=True)

    first, skipped = client.tasks(project, annotated=True)

    assert (first.id, skipped.id) == (tasks[0], tasks[2])
    [annotation] = first.annotations
    assert annotation.result[0]["value"] == {"text": ["person"]}
    assert (annotation.lead_time, annotation.ground_truth, annotation.cancelled) == (2.5, True, False)
    assert annotation.parent_prediction == prediction.id
    assert annotation.user is not None
    assert first.predictions == (prediction,)
    assert (prediction.task, prediction.model_version, prediction.score) == (tasks[0], "m/1", 0.5)
    assert [annotation.cancelled for annotation in skipped.annotations] == [True]


def test_a_tab_shows_just_its_tasks_and_is_made_once(stack: Stack, client: LabelStudio, make: Make) -> None:
    project, tasks = make(5)
    annotations = [annotate(stack, task)["id"] for task in tasks]
    annotate(stack, tasks[1])
    client.make_tab(project, "Wrong ones", annotations[:1])
    address = client.make_tab(project, "Wrong ones", [annotations[1], annotations[3]])
    view = int(address.rpartition("=")[2])
    assert [task.id for task in client.tasks(project, view=view)] == [tasks[1], tasks[3]]
    assert client.count(project, view=view) == 2
    assert len(stack.studio.call("GET", f"/api/dm/views/?project={project}")) == 1


def test_users_are_known_by_their_addresses(client: LabelStudio) -> None:
    assert client.users()[LOGIN.username] == 1


def test_what_label_studio_drops_is_told(client: LabelStudio, make: Make) -> None:
    project, tasks = make(3)
    wanted = [NewPrediction(task, [choice("Sarcastic")], "m/1") for task in tasks]
    wanted[1] = NewPrediction(tasks[1], [choice("No such label")], "m/1")

    [pushed] = client.push(project, wanted)

    assert pushed.stored == (tasks[0], tasks[2])
    assert pushed.dropped == (tasks[1],)
    assert [prediction.task for prediction in client.predictions(project)] == [tasks[0], tasks[2]]


def test_only_older_predictions_of_the_version_are_removed(client: LabelStudio, make: Make) -> None:
    project, tasks = make(3)
    for version in ("ours", "theirs", "theirs", "ours"):
        new = [NewPrediction(task, [choice("Sarcastic")], version) for task in tasks]
        assert [len(pushed.stored) for pushed in client.push(project, new)] == [3]
    newest = {prediction.id for prediction in client.predictions(project)[-3:]}

    assert client.delete_older(project, tasks[:2], "ours") == 2

    left = client.predictions(project)
    assert Counter((one.task, one.model_version) for one in left) == {
        **{(task, "theirs"): 2 for task in tasks},
        **{(task, "ours"): 1 for task in tasks[:2]},
        (tasks[2], "ours"): 2,
    }
    assert newest <= {one.id for one in left}


def test_a_personal_access_token_works_too(stack: Stack, personal_token: str, make: Make) -> None:
    project, tasks = make(2)
    with connected(stack, personal_token) as client:
        assert [task.id for task in client.tasks(project)] == tasks


@pytest.mark.parametrize(
    ("project", "token", "says"),
    [
        (999_999, LOGIN.token, "has no project 999999"),
        (1, "0123456789", "rejected LABEL_STUDIO_API_KEY (401)"),
    ],
)
def test_what_is_refused_is_said_in_one_sentence(stack: Stack, project: int, token: str, says: str) -> None:
    with connected(stack, token) as client:
        for asked in (lambda: client.project(project), lambda: list(client.tasks(project))):
            with pytest.raises(LabelStudioError) as failed:
                asked()
            assert says in failed.value.message
