"""Models that take no images: noticed by what their server says, and given text from then on."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from testing.llm import Call, FakeLLM, FixedAnswer, Reply, error
from tests.server.bodies import batch, chosen, press, results, setup, texts
from tests.server.conftest import MakeApp
from tests.server.test_images import ONE, SLIP_TEXT, asked_now, image_parts, reads_text, slip_task

# How servers say that a model takes no images: bodies as they send them.
REFUSALS: dict[str, Reply] = {
    "OpenAI": error(
        400,
        "Invalid content type. image_url is only supported by certain models.",
        param="messages.[0].content.[0].type",
    ),
    "OpenRouter": error(404, "No endpoints found that support image input"),
    "llama.cpp": error(
        500, "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj"
    ),
    "vLLM": Reply(
        status=400,
        body=b'{"object": "error", "message": "smol is not a multimodal model", "type": "BadRequestError"}',
    ),
    "Ollama": error(500, "this model is missing data required for image input"),
    "Groq": error(400, "'messages.0' : for 'role:user' the following must be satisfied: content must be a string"),
    "vLLM's limit": error(400, "At most 0 image(s) may be provided in one prompt."),
    "DeepSeek": error(
        400,
        "Failed to deserialize the JSON body into the target type: messages[0]: unknown variant `image_url`, "
        "expected `text` at line 1 column 88",
    ),
    "Mistral": error(400, "Image input is not enabled for this model"),
    "FastAPI": Reply(
        status=422,
        body=json.dumps(
            {
                "detail": [
                    {
                        "type": "string_type",
                        "loc": ["body", "messages", 0, "content"],
                        "msg": "Input should be a valid string",
                        "input": [{"type": "image_url", "image_url": {"url": "data:…"}}],
                    }
                ]
            }
        ).encode(),
    ),
}

# What is wrong with one image or one request says nothing about the model.
OTHER_FAILURES: dict[str, Reply] = {
    "too large": error(400, "The image is too large. The maximum supported size is 20 MB."),
    "format": error(
        400, "You uploaded an unsupported image. Please make sure your image is of one the formats png, jpeg."
    ),
    "download": error(400, "Failed to download image from https://files.example.com/a.png"),
    "unreadable": error(400, "cannot identify image file <_io.BytesIO object at 0x7f>"),
    "safety": error(400, "Your input image may contain content that is not allowed by our safety system."),
    "long prompt": error(
        400,
        "Invalid 'messages[1].content': string too long. Expected a string with maximum length 1048576.",
        code="string_above_max_length",
    ),
    "too many images": error(400, "At most 1 image(s) may be provided in one prompt."),
    "overloaded": error(503, "Unable to process images at the moment, the server is overloaded."),
    "key": error(401, "This key cannot use image input."),
    "rate": error(429, "The rate limit for image input is reached; contact support."),
}


def refusing(refusal: FixedAnswer) -> Callable[[Call], FixedAnswer]:
    """A model that refuses images in these words and answers text."""
    return lambda call: refusal if image_parts(call) else "Pharmacy"


@pytest.fixture
def client(make_app: MakeApp) -> FlaskClient:
    return make_app(default_prompt="Which shop?").test_client()


@reads_text
@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_an_annotator_gets_the_answer_to_the_text_where_the_model_takes_no_images(
    client: FlaskClient, llm: FakeLLM, refusal: Reply
) -> None:
    llm.answer = refusing(refusal)
    entry = press(client, asked_now(slip_task()))
    assert (texts(entry), chosen(entry)) == (["Pharmacy"], ["Pharmacy"])
    assert SLIP_TEXT in llm.calls[-1].prompt
    assert len(llm.calls) == 2


@reads_text
@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_a_batch_is_answered_by_text_where_the_model_takes_no_images(
    client: FlaskClient, llm: FakeLLM, refusal: Reply
) -> None:
    llm.answer = refusing(refusal)
    entries = results(client, batch([slip_task(1), slip_task(2)], ONE))
    assert [chosen(entry) for entry in entries] == [["Pharmacy"], ["Pharmacy"]]


@reads_text
def test_a_model_that_refused_an_image_is_never_sent_one_again(client: FlaskClient, llm: FakeLLM) -> None:
    llm.answer = refusing(REFUSALS["OpenAI"])
    press(client, asked_now(slip_task()))
    llm.forget()
    press(client, asked_now(slip_task(2)))
    results(client, batch([slip_task(3), slip_task(4)], ONE))
    assert llm.calls
    assert not any(image_parts(call) for call in llm.calls)


@reads_text
def test_a_batch_finds_out_by_one_image(client: FlaskClient, llm: FakeLLM) -> None:
    llm.answer = refusing(REFUSALS["vLLM"])
    results(client, batch([slip_task(number) for number in range(1, 6)], ONE))
    assert sum(bool(image_parts(call)) for call in llm.calls) == 1


@reads_text
def test_what_one_model_refuses_another_is_given(client: FlaskClient, llm: FakeLLM) -> None:
    llm.answer = refusing(REFUSALS["OpenAI"])
    press(client, asked_now(slip_task()))
    setup(client, ONE, extra_params='{"model": "one-that-sees"}')
    llm.forget()
    llm.answer = "Pharmacy"
    press(client, asked_now(slip_task(2)))
    assert [(call.json["model"], len(image_parts(call))) for call in llm.calls] == [("one-that-sees", 1)]


@pytest.mark.parametrize("failure", OTHER_FAILURES.values(), ids=OTHER_FAILURES)
def test_a_failure_of_one_request_does_not_keep_images_from_the_model(
    make_app: MakeApp, llm: FakeLLM, failure: Reply
) -> None:
    client = make_app(predict_deadline=1).test_client()
    llm.answer = failure
    press(client, asked_now(slip_task()))
    llm.answer = "Pharmacy"
    press(client, asked_now(slip_task(2)))
    assert all(image_parts(call) for call in llm.calls)


def test_with_vision_mode_the_annotator_reads_that_the_model_takes_no_images(make_app: MakeApp, llm: FakeLLM) -> None:
    client = make_app(image_mode="vision").test_client()
    llm.answer = refusing(REFUSALS["OpenAI"])
    for _ in range(2):
        [shown] = texts(press(client, asked_now(slip_task())))
        assert "The model takes no images (400)" in shown
    assert [len(image_parts(call)) for call in llm.calls] == [1, 1]
