"""Shift+Enter: the prompt is asked, the reply comes back as valid regions, the prompt becomes the project's."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from label_studio_sdk.label_interface import LabelInterface

from demo.paths import EXAMPLES
from testing.llm import FakeLLM, Reply, error
from tests.server.bodies import (
    CHAT,
    ONLY_CHOICES,
    PROJECT,
    TEXT,
    Json,
    batch,
    chosen,
    interactive,
    press,
    results,
    sample,
    task,
    texts,
    texts_region,
    typed,
    version,
)
from tests.server.conftest import KEY, MakeApp

TWO_REPLIES = (EXAMPLES / "two-replies.xml").read_text()
QUESTION = "Is this text sarcastic? Answer with one of: Sarcastic, Not Sarcastic."


def test_the_typed_prompt_is_asked_about_the_tasks_text(client: FlaskClient, llm: FakeLLM) -> None:
    press(client, sample("ui_interactive_predict_request"))
    [call] = llm.calls
    assert call.messages[-1] == {
        "role": "user",
        "content": f"Source Text: I love it when my computer crashes\n\nTask Directive: {QUESTION}",
    }


def test_a_system_message_says_what_is_to_be_filled_and_a_schema_says_it_to_the_server(
    client: FlaskClient, llm: FakeLLM
) -> None:
    press(client, typed("Judge."))
    [call] = llm.calls
    assert call.messages[0]["role"] == "system"
    assert '"sentiment": list of any of "Sarcastic", "Not Sarcastic"' in call.messages[0]["content"]
    schema = call.json["response_format"]["json_schema"]["schema"]
    assert list(schema["properties"]) == ["response", "sentiment"]


def test_a_single_text_is_asked_for_as_plain_text(client: FlaskClient, llm: FakeLLM) -> None:
    chat = {"dialogue": [{"role": "user", "content": "Hi"}]}
    region = texts_region("prompt", "Go on.", to="chat")
    press(client, interactive(region, about=task(data=chat), config=CHAT))
    [call] = llm.calls
    assert "response_format" not in call.json
    assert [message["role"] for message in call.messages] == ["user", "user"]


def test_model_temperature_and_key_are_the_specs_defaults(client: FlaskClient, llm: FakeLLM) -> None:
    press(client, typed("Judge."))
    [call] = llm.calls
    assert call.path == "/v1/chat/completions"
    assert call.headers["authorization"] == f"Bearer {KEY}"
    assert call.json["model"] == "gpt-3.5-turbo"
    assert call.json["temperature"] == 0.7
    assert call.json.get("n", 1) == 1


def test_the_operators_model_temperature_tokens_and_system_prompt_are_sent(make_app: MakeApp, llm: FakeLLM) -> None:
    app = make_app(openai_model="gpt-4o", temperature=0, max_tokens=50, system_prompt="Be terse.")
    press(app.test_client(), typed("Judge."))
    [call] = llm.calls
    assert (call.json["model"], call.json["temperature"], call.json["max_tokens"]) == ("gpt-4o", 0, 50)
    assert call.messages[0]["role"] == "system"
    assert call.messages[0]["content"].startswith("Be terse.\n\n")


def test_a_line_break_at_the_prompts_end_is_no_part_of_it(client: FlaskClient, llm: FakeLLM) -> None:
    recorded = sample("ui_interactive_call_prompt_edited")["request"]["context"]["result"]
    entry = press(client, interactive(*recorded))
    assert llm.calls[0].prompt.endswith("Task Directive: Edited prompt: is it sarcastic?")
    assert texts(entry, "prompt") == ["Edited prompt: is it sarcastic?"]


def test_choices_response_and_prompt_come_back_as_regions_that_the_sdk_finds_valid(
    client: FlaskClient, llm: FakeLLM
) -> None:
    llm.answer = "Not Sarcastic"
    entry = press(client, sample("ui_interactive_predict_request"))
    assert [region["from_name"] for region in entry["result"]] == ["response", "sentiment", "prompt"]
    assert (chosen(entry), texts(entry), texts(entry, "prompt")) == (["Not Sarcastic"], ["Not Sarcastic"], [QUESTION])
    assert len({region["id"] for region in entry["result"]}) == 3
    assert entry["score"] is None
    assert LabelInterface(TEXT).validate_prediction(entry, return_errors=True) == []


def test_a_reply_that_names_no_choice_ticks_none(client: FlaskClient, llm: FakeLLM) -> None:
    llm.answer = "Lorem ipsum"
    entry = press(client, typed("Judge."))
    assert [region["from_name"] for region in entry["result"]] == ["response", "prompt"]


def test_a_config_without_response_field_gets_choices_and_prompt(client: FlaskClient, llm: FakeLLM) -> None:
    llm.answer = "Sarcastic"
    entry = press(client, typed("Judge.", config=ONLY_CHOICES))
    assert [region["from_name"] for region in entry["result"]] == ["sentiment", "prompt"]


def test_an_alias_is_stored_for_the_choice_that_people_see(client: FlaskClient, llm: FakeLLM) -> None:
    llm.answer = "Sarcastic"
    config = ONLY_CHOICES.replace('value="Sarcastic"', 'value="Sarcastic" alias="s"')
    assert chosen(press(client, typed("Judge.", config=config))) == ["s"]


def test_dynamic_choices_come_from_the_task(client: FlaskClient, llm: FakeLLM) -> None:
    llm.answer = "Blue"
    config = """<View><Text name="text" value="$text"/><TextArea name="prompt" toName="text"/>
      <Choices name="sentiment" toName="text" value="$options"/></View>"""
    data = {"text": "the sky", "options": [{"value": "Red"}, {"value": "Blue"}]}
    entry = press(client, typed("Which of {labels}?", about=task(data=data), config=config))
    assert chosen(entry) == ["Blue"]


@pytest.mark.parametrize("ignores_n", [False, True], ids=["server-knows-n", "server-ignores-n"])
def test_all_replies_asked_for_stand_in_the_response_field(make_app: MakeApp, llm: FakeLLM, ignores_n: bool) -> None:
    llm.ignores_n = ignores_n
    llm.queue(*([["a"], ["b"], ["c"]] if ignores_n else [["a", "b", "c"]]))
    entry = press(make_app(num_responses=3).test_client(), typed("Judge."))
    assert texts(entry) == ["a", "b", "c"]
    assert [call.json.get("n", 1) for call in llm.calls] == ([3, 2, 1] if ignores_n else [3])


def test_fewer_replies_than_asked_for_are_topped_up(make_app: MakeApp, llm: FakeLLM) -> None:
    llm.queue(["a", "b"], ["c"])
    assert texts(press(make_app(num_responses=3).test_client(), typed("Judge."))) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "failure", [error(503, "Busy."), error(400, "No."), Reply([None])], ids=["busy", "refused", "empty"]
)
def test_replies_that_are_paid_for_stand_there_even_if_the_rest_fails(
    make_app: MakeApp, llm: FakeLLM, failure: Reply
) -> None:
    llm.queue(["a"], failure)
    client = make_app(num_responses=3).test_client()
    assert texts(press(client, typed("Judge."))) == ["a"]
    assert [texts(entry) for entry in results(client, batch([task()]))] == [["a"]]
    assert len(llm.calls) == 2


def test_a_dialogue_of_chat_roles_is_sent_as_a_chat_with_the_prompt_last(client: FlaskClient, llm: FakeLLM) -> None:
    about = sample("batch_predict_request_chat")["tasks"][0]
    press(client, interactive(texts_region("prompt", "Answer.", to="chat"), about=about, config=CHAT))
    assert llm.calls[0].messages == [*about["data"]["dialogue"], {"role": "user", "content": "Answer."}]


def test_a_dialogue_of_other_names_is_sent_as_a_transcript(client: FlaskClient, llm: FakeLLM) -> None:
    about = task(data={"dialogue": [{"role": "Ann", "content": "Hi."}, {"role": "Bob", "content": "Bye."}]})
    press(client, interactive(texts_region("prompt", "Who left?", to="chat"), about=about, config=CHAT))
    [message] = llm.calls[0].messages
    assert message["content"] == "Source Text: Ann: Hi.\nBob: Bye.\n\nTask Directive: Who left?"


def test_hypertext_is_sent_as_readable_text(client: FlaskClient, llm: FakeLLM) -> None:
    config = TEXT.replace("<Text ", "<HyperText ")
    press(client, typed("Judge.", about=task(text="<p>One &amp; <b>two</b></p><script>x()</script>"), config=config))
    assert "One & two" in llm.calls[0].prompt
    assert "<" not in llm.calls[0].prompt
    assert "x()" not in llm.calls[0].prompt


def test_pressing_again_asks_afresh(client: FlaskClient, llm: FakeLLM) -> None:
    llm.queue("first", "second")
    first = press(client, typed("Judge."))
    shown = interactive(texts_region("prompt", "Judge."), texts_region("response", *texts(first)))
    assert texts(press(client, shown)) == ["second"]
    assert len(llm.calls) == 2


def test_the_typed_prompt_becomes_the_projects(client: FlaskClient, llm: FakeLLM) -> None:
    press(client, typed("Judge one."))
    results(client, batch([task(11)]))
    assert llm.calls[1].prompt == "Source Text: text 11\n\nTask Directive: Judge one."


def test_the_typed_prompt_survives_a_restart(make_app: MakeApp, llm: FakeLLM) -> None:
    first = make_app()
    press(first.test_client(), typed("Judge one."))
    first.extensions["llm_interactive"].close()
    results(make_app().test_client(), batch([task(11)]))
    assert llm.calls[1].prompt.endswith("Judge one.")


def test_another_projects_prompt_stays_its_own(client: FlaskClient, llm: FakeLLM) -> None:
    press(client, typed("Judge four.", project="4.1795372442"))
    press(client, typed("Judge five.", project="5.1795372450"))
    results(client, batch([task(11)], project="4.1795372442"))
    assert llm.calls[2].prompt.endswith("Judge four.")


def test_the_version_is_setups_and_another_one_for_another_prompt(client: FlaskClient) -> None:
    seen: list[Json] = [press(client, typed(prompt)) for prompt in ("Judge.", "Judge.", "Judge well.")]
    versions = [entry["model_version"] for entry in seen]
    assert versions[0] == versions[1] != versions[2]
    assert version(client) == versions[2]
    assert versions[0].startswith("gpt-3.5-turbo/")
    assert results(client, batch([task(1)]))[0]["model_version"] == versions[2]


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": 0.1},
        {"openai_model": "gpt-4o"},
        {"prompt_template": "{prompt} {text}"},
        {"num_responses": 2},
        {"system_prompt": "Be terse."},
        {"use_internal_prompt_template": False},
    ],
    ids=str,
)
def test_the_version_changes_with_what_the_reply_depends_on(make_app: MakeApp, change: dict[str, object]) -> None:
    before = press(make_app().test_client(), typed("Judge."))["model_version"]
    after = version(make_app(**change).test_client())
    assert before != after


def test_the_version_is_the_same_after_a_restart(make_app: MakeApp) -> None:
    assert press(make_app().test_client(), typed("Judge."))["model_version"] == version(make_app().test_client())


def test_the_reply_is_shown_without_the_models_reasoning(client: FlaskClient, llm: FakeLLM) -> None:
    llm.answer = "<think>Is it Not Sarcastic? No.</think>\n\nSarcastic"
    entry = press(client, typed("Judge."))
    assert (texts(entry), chosen(entry)) == (["Sarcastic"], ["Sarcastic"])


def test_a_label_in_a_code_fence_is_ticked(client: FlaskClient, llm: FakeLLM) -> None:
    llm.answer = "```\nSarcastic\n```"
    assert chosen(press(client, typed("Judge."))) == ["Sarcastic"]


def test_a_reply_cut_off_by_the_token_limit_is_shown_as_far_as_it_came_and_the_log_says_so(
    client: FlaskClient, llm: FakeLLM, caplog: pytest.LogCaptureFixture
) -> None:
    llm.answer = Reply(texts=["Once upon a"], finish_reason="length")
    assert texts(press(client, typed("Tell a story."))) == ["Once upon a"]
    assert "cut off at the limit of tokens" in caplog.text
    assert "Raise MAX_TOKENS." in caplog.text


def test_the_projects_id_alone_is_not_the_project(client: FlaskClient, llm: FakeLLM) -> None:
    press(client, typed("Judge.", project=PROJECT))
    response = client.post("/predict", json=batch([task()], project="4.1899999999"))
    assert response.status_code == 400
    assert len(llm.calls) == 1


def test_two_replies_to_choose_from_come_from_one_request(client: FlaskClient, llm: FakeLLM) -> None:
    llm.answer = Reply(texts=["The first one.", "The second one."])
    entry = press(client, typed("Answer.", config=TWO_REPLIES, about=task(data={"question": "Why?"})))
    [call] = llm.calls
    assert call.json["n"] == 2
    assert texts(entry, "response-a") == ["The first one."]
    assert texts(entry, "response-b") == ["The second one."]
    assert {region["from_name"] for region in entry["result"]} == {"prompt", "response-a", "response-b"}
