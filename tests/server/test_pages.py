"""The pages for a team lead, and what their buttons do."""

from __future__ import annotations

import html
import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urljoin

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from testing.llm import FakeLLM, Reply
from tests.media_server import Answer, Asked, MediaServer
from tests.server.bodies import (
    CREATED,
    PROJECT,
    TEXT,
    Json,
    batch,
    results,
    setup,
    submitted,
    task,
    tasks,
    texts_region,
    version,
)
from tests.server.conftest import MakeApp
from tests.server.test_status import BROWSER, until

OWN = {"Origin": "http://localhost"}
EVERYWHERE = "0.0.0.0"  # noqa: S104 - nothing listens
PROMPT = f"/projects/{PROJECT}/prompt"


def page(client: FlaskClient, path: str = f"/projects/{PROJECT}") -> str:
    """The words of a page, with one blank between them."""
    response = client.get(path, headers=BROWSER)
    assert response.status_code == 200, response.status
    body = response.get_data(as_text=True).partition("</style>")[2]
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", body)).split())


def pressed(client: FlaskClient, action: str, headers: dict[str, str] | None = None, **form: str) -> TestResponse:
    """The answer to a press of one of the prompt's buttons."""
    form = {"field": "prompt", "action": action, **form}
    return client.post(PROMPT, data=form, headers=OWN if headers is None else headers)


def event(prompt: str = "Judge.", **project: Any) -> Json:
    """A webhook event that tells more of the project."""
    body = submitted(prompt)
    body["project"] |= project
    return body


def test_a_project_has_its_title_and_how_far_it_is(client: FlaskClient) -> None:
    client.post("/webhook", json=event(title="Headlines", task_number=1240, num_tasks_with_annotations=317))
    assert "Headlines #4" in page(client)
    assert "Labelled 317 of 1,240 Left 923" in page(client)
    assert "Headlines 317 of 1,240" in page(client, "/")


def test_without_a_title_a_project_has_its_number(make_app: MakeApp, llm: FakeLLM) -> None:
    client = make_app(default_prompt="Judge.").test_client()
    results(client, batch([task(1)], project="5.1"))
    assert "Project 5 unknown" in page(client, "/")


def test_a_project_that_nobody_has_heard_of_has_no_page(client: FlaskClient) -> None:
    assert client.get("/projects/9.9").status_code == 404
    assert client.post("/projects/9.9/prompt", headers=OWN).status_code == 404


def test_what_is_filled_and_what_is_not_is_told_with_the_reason(client: FlaskClient) -> None:
    more = '<KeyPointLabels name="points" toName="text"><Label value="P"/></KeyPointLabels></View>'
    setup(client, TEXT.replace("</View>", more))
    assert "response by prompt sentiment by prompt points no: " in page(client)


def test_a_config_that_cannot_be_used_says_why(client: FlaskClient) -> None:
    client.post("/webhook", json=event(label_config="<View/>"))
    assert "There is no prompt field" in page(client)


def test_the_prompt_is_shown_pinned_unpinned_and_reset(make_app: MakeApp, llm: FakeLLM) -> None:
    client = make_app(default_prompt="the default").test_client()
    client.post("/webhook", json=event("an annotator's"))
    assert "prompt used last an annotator's" in page(client)
    before = version(client)
    assert pressed(client, "pin", text="the lead's\r\nown").status_code == 303
    assert "prompt pinned the lead's own Used last by an annotator: an annotator's" in page(client)
    assert version(client) != before
    pressed(client, "unpin")
    assert version(client) == before
    pressed(client, "reset")
    assert "prompt DEFAULT_PROMPT the default" in page(client)


def test_earlier_prompts_have_their_version_and_what_they_changed(make_app: MakeApp, llm: FakeLLM) -> None:
    client = make_app().test_client()
    used = []
    for prompt in ("Judge the <b>text</b>.", "Judge the whole <b>text</b>."):
        client.post("/webhook", json=event(prompt))
        results(client, batch([task(1)]))
        used.append(version(client))
    client.post("/webhook", json=event("Never used."))
    shown = page(client)
    assert re.search(rf"prompt, since [-\d]+ [:\d]+ UTC: version {used[1]} Judge the whole <b>text</b>\.", shown)
    assert re.search(rf"prompt, since [-\d]+ [:\d]+ UTC: version {used[0]} Judge the <b>text</b>\.", shown)
    assert re.search(r"prompt, since [-\d]+ [:\d]+ UTC (?!: version)", shown)
    assert "<ins>whole " in client.get(f"/projects/{PROJECT}").get_data(as_text=True)
    assert f"A batch is now version {version(client)}." in shown


def test_after_a_press_the_browser_is_back_on_the_page(client: FlaskClient) -> None:
    client.post("/webhook", json=event())
    assert urljoin(PROMPT, pressed(client, "reset").location) == f"/projects/{PROJECT}"
    assert urljoin("/batches/x/cancel", client.post("/batches/x/cancel", headers=OWN).location) == "/"


def annotated(id: int, task: int, response: str, action: str = "ANNOTATION_CREATED") -> Json:
    """A webhook event of an annotation that holds the prompt and a response."""
    result = [texts_region("prompt", "Judge."), texts_region("response", response)]
    return submitted("Judge.", action, id=id, task=task, result=result)


def test_how_many_replies_annotators_keep_is_told(make_app: MakeApp, llm: FakeLLM) -> None:
    client = make_app(default_prompt="Judge.").test_client()
    results(client, batch(tasks(3)))
    first, second, *_ = (one["id"] for one in tasks(3))
    client.post("/webhook", json=annotated(1, first, "OK"))
    client.post("/webhook", json=annotated(2, second, "OK, but"))
    client.post("/webhook", json=annotated(3, 999, "of a task that was never asked about"))
    assert "Replies kept 1 Edited 1" in page(client)
    client.post("/webhook", json=annotated(2, second, "OK", "ANNOTATION_UPDATED"))
    assert "Replies kept 2 Edited 0" in page(client)


def test_the_newest_evaluation_is_shown_and_runs_nothing(client: FlaskClient) -> None:
    client.post("/webhook", json=event())
    assert "Evaluation None yet." in page(client)
    assert client.get(f"/projects/{PROJECT}/evaluation").status_code == 404
    evaluations = client.application.extensions["llm_interactive"].store.evaluations
    evaluations.keep(PROJECT, "<h1>before</h1>")
    evaluations.keep(PROJECT, "<h1>newest</h1>")
    assert "How good the predictions are" in page(client)
    shown = client.get(f"/projects/{PROJECT}/evaluation")
    assert (shown.mimetype, shown.text) == ("text/html", "<h1>newest</h1>")
    assert shown.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'unsafe-inline'")


@pytest.mark.parametrize(("action", "text"), [("pin", " "), ("explode", "x")], ids=["blank", "unknown"])
def test_a_press_without_sense_is_refused(client: FlaskClient, action: str, text: str) -> None:
    client.post("/webhook", json=event())
    assert pressed(client, action, text=text).status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://evil.test"},
        {"Origin": "null"},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://evil.test", "Host": "evil.test"},
    ],
    ids=["nobody", "foreign", "null", "cross-site", "a-name-that-leads-here"],
)
def test_a_press_on_another_page_does_nothing(client: FlaskClient, headers: dict[str, str]) -> None:
    client.post("/webhook", json=event("the team's"))
    assert pressed(client, "pin", headers, text="evil").status_code == 403
    assert client.post("/batches/x/cancel", headers=headers).status_code == 403
    assert "prompt used last the team's" in page(client)


def test_an_open_port_without_a_password_shows_no_prompts_and_takes_no_orders(make_app: MakeApp) -> None:
    client = make_app(host=EVERYWHERE).test_client()
    client.post("/webhook", json=event("SECRET-PROMPT"))
    assert "SECRET-PROMPT" not in page(client)
    assert "set BASIC_AUTH_USER" in page(client)
    assert "<button" not in client.get(f"/projects/{PROJECT}").get_data(as_text=True)
    assert pressed(client, "pin", text="x").status_code == 403


def test_with_a_password_the_buttons_work_on_every_address(make_app: MakeApp) -> None:
    client = make_app(host=EVERYWHERE, basic_auth_user="ann", basic_auth_pass="secret").test_client()
    assert client.get(f"/projects/{PROJECT}").status_code == 401
    assert client.post(PROMPT, headers=OWN).status_code == 401
    client.post("/webhook", json=event(), auth=("ann", "secret"))
    answer = client.post(
        PROMPT,
        data={"field": "prompt", "action": "reset"},
        headers={"Host": "backend.test", "Origin": "https://backend.test"},
        auth=("ann", "secret"),
    )
    assert answer.status_code == 303


def test_a_batch_under_way_can_be_cancelled_on_the_page(make_app: MakeApp, llm: FakeLLM) -> None:
    llm.answer = Reply(["OK"], hang=True)
    app = make_app(default_prompt="Judge.", max_concurrency=1)
    client = app.test_client()
    with ThreadPoolExecutor(1) as thread:
        under_way = thread.submit(results, app.test_client(), batch(tasks(3)))
        llm.wait_for_calls(1)
        home = client.get("/", headers=BROWSER).get_data(as_text=True)
        [cancel] = re.findall(r'action="(batches/\w+/cancel)"', home)
        assert client.post(f"/{cancel}", headers=OWN).status_code == 303
        llm.release()
        assert sum("result" in entry for entry in under_way.result()) == 1
    assert "ended The batch was cancelled" in page(client)


def test_batches_and_errors_are_on_the_page_after_a_restart(make_app: MakeApp, llm: FakeLLM) -> None:
    results(make_app(default_prompt="Judge.").test_client(), batch(tasks(4)))
    shown = page(make_app(default_prompt="Judge.").test_client(), "/")
    assert re.search(r"Project 4 [-\d]+ [:\d]+ ended 4 4 0 0 0 0", shown)


def test_annotations_that_hold_an_error_are_listed_until_they_are_mended(client: FlaskClient) -> None:
    wrong = event()
    wrong["annotation"] |= {"id": 77, "task": 12, "result": [texts_region("response", "⚠ No reply in time.")]}
    client.post("/webhook", json=wrong)
    assert "task 12 (annotation 77)" in page(client)
    mended = event()
    mended["annotation"] |= {"id": 77, "task": 12}
    client.post("/webhook", json={**mended, "action": "ANNOTATION_UPDATED"})
    assert "annotation 77" not in page(client)


class Studio(MediaServer):
    """As much of Label Studio's API as is asked for a project's title and progress."""

    def answer(self, asked: Asked) -> Answer:
        project = {"id": 4, "title": "From the API", "label_config": "<View/>", "created_at": CREATED}
        found = {"tasks": [], "total": 9} if asked.path.startswith("/api/tasks") else project
        return Answer(json.dumps(found).encode(), headers={"Content-Type": "application/json"})


def test_label_studio_is_asked_for_what_no_event_has_told(make_app: MakeApp) -> None:
    with Studio() as studio:
        token = "0123456789abcdef0123456789abcdef01234567"
        client = make_app(
            default_prompt="Judge.", label_studio_url=studio.url, label_studio_api_key=token
        ).test_client()
        results(client, batch([task(1)]))
        until(lambda: "From the API #4" in page(client))
        assert "Labelled 9 of 9" in page(client)


def test_a_projects_page_waits_a_moment_for_what_label_studio_says(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llm_interactive.web.status._LOOK_UP_SECONDS", 60.0)
    with Studio() as studio:
        token = "0123456789abcdef0123456789abcdef01234567"
        client = make_app(label_studio_url=studio.url, label_studio_api_key=token).test_client()
        client.post("/webhook", json=event(task_number=60, num_tasks_with_annotations=0))
        assert "Labelled 9 of 9" in page(client)
