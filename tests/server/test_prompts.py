"""Which prompt holds, and what both template modes make of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from typer.testing import CliRunner, Result

from llm_interactive.cli.app import app as command
from testing.llm import FakeLLM
from tests.server.bodies import (
    TEXT,
    Json,
    batch,
    interactive,
    press,
    results,
    submitted,
    task,
    texts,
    texts_region,
    typed,
    version,
)
from tests.server.conftest import MakeApp


def _work(prompt: str, day: int, **more: object) -> Json:
    """A draft, annotation or prediction that holds a prompt, of a day in November."""
    return {"result": [texts_region("prompt", prompt)], "updated_at": f"2026-11-{day:02}T18:00:00.000000Z", **more}


DRAFT, ANNOTATION, PREDICTION = _work("a draft's", 3), _work("an annotation's", 2), _work("a prediction's", 1)


@pytest.mark.parametrize(
    ("context", "about", "project", "expected"),
    [
        ("typed", task(drafts=[DRAFT]), "the project's", "typed"),
        (None, task(drafts=[DRAFT], annotations=[ANNOTATION], predictions=[PREDICTION]), "the project's", "a draft's"),
        (None, task(annotations=[ANNOTATION], predictions=[PREDICTION]), "the project's", "an annotation's"),
        (None, task(predictions=[PREDICTION]), "the project's", "a prediction's"),
        (None, task(annotations=[_work("older", 1), _work("newer", 9), _work("old", 5)]), None, "newer"),
        (None, task(drafts=[{"result": []}, {"result": None}, {}], annotations=[ANNOTATION]), None, "an annotation's"),
        (None, task(), "the project's", "the project's"),
        (None, task(), None, "the default"),
    ],
    ids=["context", "draft", "annotation", "prediction", "newest", "work-without-prompt", "project", "default"],
)
def test_an_annotator_is_answered_by_the_first_prompt_that_exists(
    make_app: MakeApp, llm: FakeLLM, context: str | None, about: Json, project: str | None, expected: str
) -> None:
    client = make_app(default_prompt="the default").test_client()
    if project:
        client.post("/webhook", json=submitted(project))
    regions = [texts_region("prompt", context)] if context else []
    press(client, interactive(*regions, about=about))
    assert llm.calls[0].prompt.endswith(f"Task Directive: {expected}")


@pytest.mark.parametrize(
    ("project", "expected"),
    [("the project's", "the project's"), (None, "a draft's")],
    ids=["project", "task"],
)
def test_in_a_batch_the_projects_prompt_goes_before_a_tasks_own(
    make_app: MakeApp, llm: FakeLLM, project: str | None, expected: str
) -> None:
    client = make_app(default_prompt="the default").test_client()
    if project:
        client.post("/webhook", json=submitted(project))
    results(client, batch([task(drafts=[DRAFT])]))
    assert llm.calls[0].prompt.endswith(f"Task Directive: {expected}")


def test_the_default_prompt_is_used_with_the_internal_template(make_app: MakeApp, llm: FakeLLM) -> None:
    results(make_app(default_prompt="Judge {x}.").test_client(), batch([task(1)]))
    assert llm.calls[0].prompt == "Source Text: text 1\n\nTask Directive: Judge {x}."


def test_the_default_prompt_is_the_template_without_the_internal_one(make_app: MakeApp, llm: FakeLLM) -> None:
    app = make_app(default_prompt="Judge {text}.", use_internal_prompt_template=False)
    results(app.test_client(), batch([task(1)]))
    assert llm.calls[0].prompt == "Judge text 1."


def test_the_specs_own_template_example(make_app: MakeApp, llm: FakeLLM) -> None:
    client = make_app(use_internal_prompt_template=False).test_client()
    about = task(data={"input_text": "user text", "instruction": "user instruction"})
    prompt = "Source Text: {input_text}, Custom instruction : {instruction}"
    entry = press(client, typed(prompt, about=about, config=TEXT.replace("$text", "$input_text")))
    assert llm.calls[0].prompt == "Source Text: user text, Custom instruction : user instruction"
    assert texts(entry, "prompt") == [prompt]


USERS_TEMPLATES = [
    ("No placeholder", "No placeholder"),
    ("{text}", "the text"),
    ("{text}{text}", "the textthe text"),
    ("{meta.author}", "Ann"),
    ("{tags}", '["a", "ü"]'),
    ("{meta}", '{"author": "Ann"}'),
    ("{n}", "5"),
    ("{labels}", "Sarcastic, Not Sarcastic"),
    ('Answer {"label": "x"} for {text}', 'Answer {"label": "x"} for the text'),
    ("{{text}}", "{text}"),
    ("{ text } {} {0} { {text} }", "the text {} {0} { the text }"),
    ("{braced}", "{text} {{x}}"),
    ("100% {text!r} {text:>9}", "100% {text!r} {text:>9}"),
]


@pytest.mark.parametrize(("prompt", "sent"), USERS_TEMPLATES, ids=[prompt for prompt, _ in USERS_TEMPLATES])
def test_the_annotators_template_is_filled(make_app: MakeApp, llm: FakeLLM, prompt: str, sent: str) -> None:
    data = {"text": "the text", "meta": {"author": "Ann"}, "tags": ["a", "ü"], "n": 5, "braced": "{text} {{x}}"}
    press(make_app(use_internal_prompt_template=False).test_client(), typed(prompt, about=task(data=data)))
    assert llm.calls[0].prompt == sent


@pytest.mark.parametrize(
    ("prompt", "fragments"),
    [
        ("{unknown} {text}", ["unknown", "text, title"]),
        ("{text.__class__}", ["text.__class__"]),
        ("{text.__class__.__mro__}", ["text.__class__.__mro__"]),
        ("{title}", ["title", "null"]),
        ("{prompt} {nope}", ["title"]),
    ],
    ids=["unknown", "attribute", "attributes", "null", "two"],
)
def test_a_placeholder_that_nothing_fills_is_an_error_that_names_it_before_any_call(
    make_app: MakeApp, llm: FakeLLM, prompt: str, fragments: list[str]
) -> None:
    client = make_app(use_internal_prompt_template=False).test_client()
    [shown] = texts(press(client, typed(prompt, about=task(data={"text": "t", "title": None}))))
    assert shown.startswith("⚠ ")
    assert all(fragment in shown for fragment in fragments)
    assert llm.calls == []


@pytest.mark.parametrize("prompt", ["{unknown}", "{text}", '{"label": 1}', "{{x}}", "{prompt}", "{text.__class__}"])
def test_with_the_internal_template_the_annotators_prompt_is_a_value(
    client: FlaskClient, llm: FakeLLM, prompt: str
) -> None:
    press(client, typed(prompt, about=task(1)))
    assert llm.calls[0].prompt == f"Source Text: text 1\n\nTask Directive: {prompt}"


@pytest.mark.parametrize("field", ["prompt", "text", "labels"])
def test_a_field_that_is_called_like_a_placeholder_does_not_take_its_place(
    client: FlaskClient, llm: FakeLLM, field: str
) -> None:
    config = TEXT.replace('value="$text"', f'value="${field}"')
    press(client, typed("rewrite it politely", about=task(data={field: "How tall is the tower?"}), config=config))
    assert llm.calls[0].prompt == "Source Text: How tall is the tower?\n\nTask Directive: rewrite it politely"


def test_the_operators_template_may_name_labels_and_task_fields(make_app: MakeApp, llm: FakeLLM) -> None:
    app = make_app(prompt_template="{prompt} [{labels}] {title}: {text}")
    press(app.test_client(), typed("Judge.", about=task(data={"text": "t", "title": "T"})))
    assert llm.calls[0].prompt == "Judge. [Sarcastic, Not Sarcastic] T: t"


def test_placeholders_in_task_data_are_text(client: FlaskClient, llm: FakeLLM) -> None:
    press(client, typed("Judge.", about=task(text="{prompt} {labels} {{")))
    assert llm.calls[0].prompt == "Source Text: {prompt} {labels} {{\n\nTask Directive: Judge."


@pytest.mark.parametrize("value", ["$text", "Review: $text!", "A literal text"], ids=str)
def test_text_is_whatever_the_object_shows(client: FlaskClient, llm: FakeLLM, value: str) -> None:
    press(client, typed("Judge.", about=task(1), config=TEXT.replace("$text", value)))
    assert f"Source Text: {value.replace('$text', 'text 1')}\n" in llm.calls[0].prompt


def test_a_nested_field_is_found(client: FlaskClient, llm: FakeLLM) -> None:
    about = task(data={"doc": {"body": "nested"}})
    press(client, typed("Judge.", about=about, config=TEXT.replace("$text", "$doc.body")))
    assert "Source Text: nested\n" in llm.calls[0].prompt


@pytest.mark.parametrize("internal", ["0", "1"])
def test_the_default_prompt_may_stand_in_a_file(
    llm: FakeLLM, make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, internal: str
) -> None:
    from llm_interactive.settings import Settings

    file = tmp_path / "prompt.txt"
    file.write_text("Judge {text}.\n", encoding="utf-8")
    monkeypatch.setenv("DEFAULT_PROMPT", str(file))
    monkeypatch.setenv("USE_INTERNAL_PROMPT_TEMPLATE", internal)
    read = Settings.from_environment()
    app = make_app(default_prompt=read.default_prompt, use_internal_prompt_template=read.use_internal_prompt_template)
    results(app.test_client(), batch([task(1)]))
    expected = {"0": "Judge text 1.", "1": "Source Text: text 1\n\nTask Directive: Judge {text}."}
    assert llm.calls[0].prompt == expected[internal]


def prompts(folder: Path, *arguments: str) -> Result:
    """The outcome of `llm-interactive prompts` over the database in `folder`."""
    return CliRunner().invoke(command, ["prompts", *arguments], env={"MODEL_DIR": str(folder)})


def sent(client: FlaskClient, llm: FakeLLM, number: int) -> str:
    """The prompt that a batch of one new task is asked with."""
    results(client, batch([task(number)]))
    return llm.calls[-1].prompt.partition("Task Directive: ")[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the app of `client` has its database."""
    return tmp_path / "data"


def test_a_pinned_prompt_is_the_batch_prompt_whatever_annotators_type(
    client: FlaskClient, llm: FakeLLM, folder: Path
) -> None:
    client.post("/webhook", json=submitted("the team's"))
    assert prompts(folder, "pin", "--project", "4").exit_code == 0
    pinned = version(client)
    press(client, typed("a trial"))
    client.post("/webhook", json=submitted("another trial"))
    assert sent(client, llm, 1) == "the team's"
    assert version(client) == pinned


def test_an_annotator_is_still_answered_by_the_prompt_just_typed(
    client: FlaskClient, llm: FakeLLM, folder: Path
) -> None:
    client.post("/webhook", json=submitted("the team's"))
    prompts(folder, "pin", "--project", "4")
    press(client, typed("a trial"))
    assert llm.calls[0].prompt.endswith("Task Directive: a trial")


def test_after_unpinning_the_prompt_used_last_holds(client: FlaskClient, llm: FakeLLM, folder: Path) -> None:
    client.post("/webhook", json=submitted("the team's"))
    prompts(folder, "pin", "--project", "4", "--text", "the lead's")
    assert sent(client, llm, 1) == "the lead's"
    prompts(folder, "unpin", "--project", "4")
    assert sent(client, llm, 2) == "the team's"


def test_after_a_reset_the_default_prompt_holds_until_the_next_is_used(
    make_app: MakeApp, llm: FakeLLM, folder: Path
) -> None:
    client = make_app(default_prompt="the default").test_client()
    client.post("/webhook", json=submitted("nonsense"))
    prompts(folder, "pin", "--project", "4")
    prompts(folder, "reset", "--project", "4")
    assert sent(client, llm, 1) == "the default"
    press(client, typed("the next"))
    assert sent(client, llm, 2) == "the next"


def test_a_project_that_has_no_prompt_yet_can_be_given_one(client: FlaskClient, llm: FakeLLM, folder: Path) -> None:
    version(client)
    assert prompts(folder, "pin", "--project", "4", "--text", "the lead's").exit_code == 0
    assert sent(client, llm, 1) == "the lead's"


def test_prompts_are_listed_and_shown_with_those_before(client: FlaskClient, folder: Path) -> None:
    for text in ("first", "second"):
        client.post("/webhook", json=submitted(text))
    [row] = json.loads(prompts(folder, "list", "--json").stdout)
    assert (row["project"], row["field"], row["prompt"], row["pinned"]) == ("4", "prompt", "second", False)
    shown = json.loads(prompts(folder, "show", "--project", "4", "--json").stdout)
    assert [entry["prompt"] for entry in shown["earlier"]] == ["second", "first"]
    assert "used last:\n  second\n" in prompts(folder, "show", "--project", "4").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["pin", "--project", "7", "--text", "x"], "has not heard of a project 7"),
        (["pin", "--project", "4"], "no prompt to pin"),
        (["pin", "--project", "4", "--text", " "], "no prompt to pin"),
        (["pin", "--project", "4", "--field", "other", "--text", "x"], "prompt fields: prompt"),
    ],
    ids=["project", "none", "blank", "field"],
)
def test_what_cannot_be_pinned_is_refused_with_the_reason(
    client: FlaskClient, folder: Path, arguments: list[str], said: str
) -> None:
    version(client)
    refused = prompts(folder, *arguments)
    assert refused.exit_code == 2
    assert said in refused.stderr
