"""The whole way of /predict under arbitrary input: never a 5xx, one entry for each task, never a label of its own.

Hypothesis makes what Label Studio, the annotator, the labeling config and the model may say, each from nearly right to
plain garbage. What must hold is checked from outside, by the SDK's own validation and by the config's text.
"""

from __future__ import annotations

import json
import unicodedata
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from lxml import etree
from werkzeug.test import TestResponse

from llm_interactive.errors import UNEXPECTED
from llm_interactive.llm import dispatcher
from llm_interactive.settings import Settings
from llm_interactive.web import views
from llm_interactive.web.app import create_app
from testing.llm import Call, FakeLLM, FixedAnswer, Reply
from testing.region_rules import faults
from tests.server.bodies import PROJECT, TEXT, Json, batch, chosen, results, sentence_of, task, texts_region
from tests.server.conftest import KEY

_CHECKS_OF_SPEED = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
"""They measure the machine and the size of examples, which is wide on purpose."""


def fuzz(examples: int) -> settings:
    """The same `examples` in every run."""
    return settings(
        max_examples=examples, derandomize=True, database=None, deadline=None, suppress_health_check=_CHECKS_OF_SPEED
    )


# ------------------------------------------------------------------------------------------------ what may come in

ANY_TEXT = st.text(st.characters(), max_size=20)
"""Every character, lone surrogates and NUL too."""

XML_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), max_size=12)

ANY_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=8,
)

WORDS = st.sampled_from(
    ["Judge.", "Positive", "OK", "{text}", "{labels} {a.b}", "{no_such_field}", "⚠ failed", " ", ""]
)


def mostly(right: st.SearchStrategy[Any], wrong: st.SearchStrategy[Any] = ANY_JSON) -> st.SearchStrategy[Any]:
    """`right` in most examples, `wrong` in some."""
    return st.sampled_from([True] * 9 + [False]).flatmap(lambda usual: right if usual else wrong)


CONTROLS = st.sampled_from(["prompt", "response", "sentiment", "other"])
REGIONS = st.fixed_dictionaries(
    {
        "from_name": mostly(CONTROLS),
        "to_name": mostly(st.just("text")),
        "type": mostly(st.sampled_from(["textarea", "choices"])),
        "value": mostly(
            st.fixed_dictionaries({"text": mostly(WORDS | st.lists(WORDS | ANY_TEXT, max_size=3))})
            | st.fixed_dictionaries({"choices": mostly(st.lists(WORDS, max_size=3))})
        ),
    }
)
RESULTS = mostly(st.lists(mostly(REGIONS), max_size=3))
RECORDS = mostly(
    st.lists(mostly(st.fixed_dictionaries({"result": RESULTS}, optional={"updated_at": ANY_JSON})), max_size=2)
)
DIALOGUES = st.lists(
    mostly(
        st.fixed_dictionaries(
            {}, optional={"author": mostly(WORDS), "role": mostly(st.just("user")), "text": mostly(WORDS)}
        )
    ),
    max_size=3,
)
OPTIONS = st.lists(
    mostly(WORDS | st.fixed_dictionaries({"value": mostly(WORDS)}, optional={"alias": mostly(WORDS)})), max_size=4
)
ADDRESSES = st.sampled_from(
    ["/data/upload/1/a.png", "/data/local-files/?d=a.png", "data:image/png;base64,AAAA", "a.png"]
)
DATA = st.builds(
    lambda usual, more: {**more, **usual},
    st.fixed_dictionaries(
        {"text": mostly(WORDS | ANY_TEXT | DIALOGUES | ADDRESSES)},
        optional={"options": mostly(OPTIONS), "a": mostly(st.fixed_dictionaries({"b": ANY_JSON}))},
    ),
    st.dictionaries(ANY_TEXT, ANY_JSON, max_size=2),
)
TASKS = mostly(
    st.fixed_dictionaries(
        {"id": mostly(st.integers(1, 3)), "data": mostly(DATA)},
        optional={"annotations": RECORDS, "drafts": RECORDS, "predictions": RECORDS},
    ),
    st.dictionaries(ANY_TEXT, ANY_JSON),
)
CONTEXTS = mostly(st.fixed_dictionaries({"result": RESULTS}), st.none() | st.dictionaries(ANY_TEXT, ANY_JSON))

NAMES = (
    st.sampled_from(["Positive", "Negative", "Not Positive", "neg", "A", "1", "Yes", "None", "ä", "🙂", "?!", " ", ""])
    | XML_TEXT
)
LABELS = st.lists(NAMES, max_size=5)

OBJECTS = st.sampled_from(["Text"] * 4 + ["HyperText", "Paragraphs", "Image", "Audio"])
VALUES = st.sampled_from(
    ["$text", "$a.b", "$options", "$options[0]", "$", "$$", "about $text", "true", "url", "text", ""]
)
EDITS = st.tuples(
    st.integers(0, 12),
    st.sampled_from(
        "name toName value alias choice perRegion allowNested valueType valueList nameKey textKey required".split()
    ),
    st.none() | VALUES | st.sampled_from(["prompt", "second", "text,second", "multiple", "missing"]) | XML_TEXT,
)
"""Which element of a config gets which attribute changed to what; None takes it away."""


@st.composite
def configs(draw: st.DrawFn, labels: Sequence[str] = ("Positive", "Negative")) -> str:
    """Labeling configs with `labels` as choices: most can be used, some lack something, some are no XML."""
    view = etree.Element("View")
    etree.SubElement(view, draw(OBJECTS), name="text", value="$text")
    etree.SubElement(view, "TextArea", name="prompt", toName="text")
    if draw(mostly(st.just(True), st.just(False))):
        etree.SubElement(view, "TextArea", name="response", toName="text")
    if draw(mostly(st.just(True), st.just(False))):
        choices = etree.SubElement(view, "Choices", name="sentiment", toName="text")
        choices.set("choice", draw(st.sampled_from(["single", "multiple", "single-radio"])))
        if draw(mostly(st.just(False), st.just(True))):
            choices.set("value", "$options")
        for label in labels:
            choice = etree.SubElement(choices, "Choice", value=label)
            if draw(mostly(st.just(False), st.just(True))):
                choice.set("alias", draw(NAMES))
    if draw(mostly(st.just(False), st.just(True))):
        etree.SubElement(view, draw(OBJECTS), name="second", value=draw(VALUES))
        more = draw(st.sampled_from(["TextArea", "Choices", "Rating", "Labels", "Taxonomy", "Pairwise", "Unknown"]))
        etree.SubElement(view, more, name="more", toName=draw(st.sampled_from(["text", "second", "text,second"])))
    for place, attribute, value in draw(st.just([]) | st.lists(EDITS, max_size=3)):
        element = list(view.iter())[place % len(list(view.iter()))]
        if value is not None:
            element.set(attribute, value)
        elif attribute in element.attrib:
            del element.attrib[attribute]
    config: str = etree.tostring(view, encoding="unicode")
    cut = draw(st.integers(0, len(config)))
    damaged = st.sampled_from([config[:cut], config[:cut] + config[cut + 1 :], config[cut:]]) | ANY_TEXT
    text: str = draw(mostly(st.just(config), damaged))
    return text


ODD_USAGES: list[Any] = [
    [],
    "12",
    {},
    {"prompt_tokens": None},
    {"prompt_tokens": "12"},
    {"prompt_tokens": [1]},
    {"prompt_tokens": -1},
    {"completion_tokens": {}},
    {"completion_tokens": 1.5},
    {"completion_tokens": float("nan")},
    {"completion_tokens": 10**400},
]

SAYINGS = [
    "{}",
    " {}.\n",
    "The answer is: {}",
    "**{}**",
    "not {}",
    '{{"label": "{}"}}',
    "{0} or {0}?",
    "<think>{}",
    "{}{}",
]


USAGES = mostly(st.dictionaries(st.sampled_from(["prompt_tokens", "completion_tokens"]), mostly(st.integers(0, 99))))


def replies(labels: Sequence[str] = ("Positive", "Negative")) -> st.SearchStrategy[FixedAnswer]:
    """What a provider may answer: words about the labels, other words, completions of odd shapes, any JSON."""
    said = st.builds(
        lambda saying, first, second: saying.format(first, second),
        st.sampled_from(SAYINGS),
        st.sampled_from([*labels, "Neutral"]),
        st.sampled_from([*labels, ""]),
    )
    message = mostly(st.fixed_dictionaries({"role": st.just("assistant"), "content": mostly(ANY_TEXT)}))
    choice = mostly(
        st.fixed_dictionaries({"index": st.just(0), "message": message, "finish_reason": mostly(st.just("stop"))})
    )
    completion = st.fixed_dictionaries({"choices": mostly(st.lists(choice, max_size=2))}, optional={"usage": USAGES})
    refusal = st.fixed_dictionaries({"error": mostly(st.fixed_dictionaries({"message": ANY_JSON, "code": ANY_JSON}))})
    odd = st.builds(
        lambda body, status: Reply(body=json.dumps(body).encode(), status=status),
        completion | refusal | ANY_JSON,
        st.sampled_from([200, 200, 200, 302, 400, 401, 404, 413, 422]),
    )
    return st.one_of(said, said, ANY_TEXT, odd)


# ------------------------------------------------------------------------------------------------ the backend


@dataclass(frozen=True)
class Backend:
    """An application whose model answers as the example says."""

    client: FlaskClient
    llm: FakeLLM

    def predict(
        self, body: Json, said: Sequence[FixedAnswer] = ("Positive",), *, patient: bool = False
    ) -> TestResponse:
        """The answer to `body`; each request to the model gets one of what is `said`, always the same."""

        def answer(call: Call) -> FixedAnswer:
            return said[zlib.crc32(repr(call.messages).encode("utf-8", "replace")) % len(said)]

        self.llm.answer = answer
        with pytest.MonkeyPatch.context() as patch:
            if patient:
                patch.setattr(views, "_QUIET_SECONDS", 0.0)
            # A project for each example: none finds what another one left behind.
            mark = f"{zlib.crc32(repr((body, said)).encode('utf-8', 'replace'))}"
            project = body.get("project", PROJECT)
            sent = {**body, "project": f"{project}.{mark}"} if isinstance(project, str | int) else body
            return self.client.post("/predict", data=json.dumps(sent), content_type="application/json", buffered=True)


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    with FakeLLM() as llm, pytest.MonkeyPatch.context() as patch:
        patch.setattr(dispatcher, "_FIRST_PAUSE", 0.0)
        patch.setattr(dispatcher, "MAX_TRIES", 2)
        app = create_app(
            Settings(
                openai_api_key=KEY,
                openai_base_url=llm.base_url,
                model_dir=tmp_path_factory.mktemp("fuzz") / "data",
                default_prompt="Judge.",
                num_responses=2,
                reply_ttl=0,
                predict_deadline=10,
            )
        )
        yield Backend(app.test_client(), llm)
        app.extensions["llm_interactive"].close()


# ------------------------------------------------------------------------------------------------ what must hold


def check(response: TestResponse, body: Json) -> None:
    """Fails where `response` is not a right answer to `body`, or one sentence that says why there is none."""
    text = response.get_data(as_text=True)
    assert "Traceback" not in text
    assert KEY not in text
    if response.status_code != 200:
        # To an annotator whose labeling config has no field for it, a failure of the model is a 502.
        assert response.status_code in ((400, 422, 502) if annotator_waits(body) else (400,)), response.status
        check_sentence(sentence_of(response))
        return
    entries = json.loads(text)["results"]
    assert len(entries) == len(body["tasks"])
    for asked, entry in zip(body["tasks"], entries, strict=True):
        if "error" in entry:
            assert set(entry) == {"error"}
            check_sentence(entry["error"])
        else:
            check_prediction(entry, asked, body["label_config"])
    if not annotator_waits(body):
        assert len({entry["model_version"] for entry in entries if "result" in entry}) <= 1


def annotator_waits(body: Json) -> bool:
    params = body.get("params")
    return isinstance(params, Mapping) and bool(params.get("context"))


def check_sentence(sentence: str) -> None:
    assert sentence.strip()
    assert not [char for char in sentence if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")], ascii(sentence)
    assert sentence != UNEXPECTED
    assert "No reply in time" not in sentence


def check_prediction(entry: Json, asked: Json, config: str) -> None:
    assert set(entry) == {"result", "score", "model_version"}
    assert entry["score"] is None or 0 <= entry["score"] <= 1
    data = asked.get("data")
    assert faults(config, data if isinstance(data, dict) else {}, entry["result"]) == []


def request(asked: Sequence[Any], config: Any = TEXT, context: Any = None) -> Json:
    body = batch(asked, config)
    body["params"]["context"] = context
    return body


# ------------------------------------------------------------------------------------------------ the tests


@fuzz(200)
@given(changes=st.dictionaries(st.sampled_from(["tasks", "project", "label_config", "params"]), ANY_JSON, min_size=1))
def test_any_json_in_the_fields_of_a_request_is_answered_or_refused(backend: Backend, changes: Json) -> None:
    body = {**request([task()]), **changes}
    check(backend.predict(body), body)


@fuzz(100)
@given(body=ANY_JSON)
def test_any_json_as_a_request_is_refused(backend: Backend, body: Any) -> None:
    response = backend.client.post("/predict", data=json.dumps(body), content_type="application/json")
    assert response.status_code == 400
    check_sentence(sentence_of(response))


@fuzz(250)
@given(tasks=st.lists(TASKS, max_size=3), patient=st.booleans())
@example(tasks=[task(annotations=5)], patient=False)
@example(tasks=[task(drafts=True)], patient=True)
def test_any_tasks_are_answered_one_entry_each(backend: Backend, tasks: list[Json], patient: bool) -> None:
    body = request(tasks)
    check(backend.predict(body, patient=patient), body)


@fuzz(250)
@given(asked=TASKS, context=CONTEXTS)
@example(
    asked=task(predictions=7),
    context={"result": [texts_region("prompt", "Judge."), texts_region("response", "my own")]},
)
def test_any_regions_of_an_annotator_are_answered(backend: Backend, asked: Json, context: Any) -> None:
    body = request([asked], context=context)
    check(backend.predict(body), body)


@fuzz(250)
@given(config=configs(), asked=TASKS, context=st.none() | CONTEXTS)
def test_any_labeling_config_is_used_or_refused(backend: Backend, config: str, asked: Json, context: Any) -> None:
    body = request([asked, task()], config, context)
    check(backend.predict(body, ["Positive", "Negative"]), body)


@fuzz(250)
@given(data=st.data(), labels=LABELS)
def test_any_reply_gives_labels_of_the_config_or_none(backend: Backend, data: st.DataObject, labels: list[str]) -> None:
    config = data.draw(configs(labels), "config")
    said = data.draw(st.lists(replies(labels), min_size=1, max_size=3), "replies")
    context = data.draw(st.sampled_from([None, {"result": [texts_region("prompt", "Judge.")]}]), "context")
    body = request([task(number) for number in range(1, 4)], config, context)
    check(backend.predict(body, said), body)


@fuzz(200)
@given(data=st.data(), labels=LABELS, tasks=st.lists(TASKS, max_size=3), context=CONTEXTS, patient=st.booleans())
def test_everything_at_once(
    backend: Backend, data: st.DataObject, labels: list[str], tasks: list[Json], context: Any, patient: bool
) -> None:
    config = data.draw(configs(labels), "config")
    said = data.draw(st.lists(replies(labels), min_size=1, max_size=3), "replies")
    body = request(tasks, config, context if data.draw(st.booleans(), "interactive") else None)
    check(backend.predict(body, said, patient=patient), body)


@pytest.mark.parametrize("usage", ODD_USAGES, ids=lambda usage: repr(usage)[:30])
def test_a_usage_of_an_odd_shape_costs_neither_the_reply_nor_the_status(
    client: FlaskClient, llm: FakeLLM, usage: Any
) -> None:
    message = {"role": "assistant", "content": "Sarcastic"}
    completion = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}
    llm.answer = Reply(body=json.dumps(completion).encode())
    [entry] = results(client, batch([prompted()]))
    assert chosen(entry) == ["Sarcastic"]
    check_pages(client)


@pytest.mark.parametrize("name", ["a\nb", "\x00", "\x7f", "\u2028", "\ud800", "\r\nSet-Cookie: a=b"], ids=ascii)
@pytest.mark.parametrize("response_field", [True, False])
def test_an_odd_field_name_leaves_the_sentence_one_line_that_every_page_can_show(
    client: FlaskClient, name: str, response_field: bool
) -> None:
    config = TEXT if response_field else TEXT.replace('<TextArea name="response" toName="text"/>', "")
    waiting = {"result": [texts_region("prompt", "Judge.")]}
    for context in (None, waiting):
        body = request([prompted(data={name: "x"})], config, context)
        response = client.post("/predict", json=body)
        check(response, body)
        assert not [char for char in response.status if unicodedata.category(char) == "Cc"]
    check_pages(client)


def prompted(**changes: Any) -> Json:
    """A task that brings its prompt along."""
    return task(1, annotations=[{"result": [texts_region("prompt", "Judge.")]}], **changes)


def check_pages(client: FlaskClient) -> None:
    for path in ("/", "/status", "/metrics"):
        response = client.get(path, headers={"Accept": "text/html"}, buffered=True)
        assert response.status_code == 200, path
