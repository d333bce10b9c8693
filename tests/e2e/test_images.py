"""Receipts as images, from every place Label Studio keeps files, to models that see and models that read."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from label_studio_sdk.label_interface.interface import LabelInterface
from PIL import Image
from playwright.sync_api import Browser, expect

from demo.label_studio import Json, LabelStudio
from demo.processes import free_port
from llm_interactive.media import ocr
from testing.llm import Call, FakeLLM
from tests.e2e.google_storage import GoogleStorage
from tests.e2e.labeling_page import LabelingPage
from tests.e2e.object_store import ObjectStore, connect_storage, object_store_child
from tests.e2e.stack import LOGIN, Stack, own_backend, url_of, values
from tests.receipts import FILES, RECEIPTS, receipt, text_of

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(not ocr.installed(), reason="the OCR extra is not installed")]

SAMPLES = Path(__file__).parents[1] / "samples"
CONFIG = json.loads((SAMPLES / "setup_request.json").read_text())["schema"]
"""A form whose prompt field lacks maxSubmissions, so that it gathers prompts."""
CATEGORIES = {"groceries.png": "Groceries", "pharmacy.png": "Health/Pharmacy"}


@dataclass(frozen=True)
class Parts:
    """What runs. Backends by name: `sees` and `reads` ask the LLM whose replies are fixed, `real` asks the real one.

    `by_personal_token` is as `sees`, with a personal access token and without MEDIA_HOSTS. Files of `documents` are
    what Label Studio's local storage may serve.
    """

    studio: LabelStudio
    store: ObjectStore
    google: GoogleStorage
    documents: Path
    llm: FakeLLM
    backends: dict[str, str]


@pytest.fixture(scope="module")
def parts(stack: Stack, personal_token: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    folder = tmp_path_factory.mktemp("images")
    port = free_port()
    store = ObjectStore(port)
    buckets = object_store_child(port, log=folder / "s3.log")
    with ExitStack() as cleanup:
        llm = cleanup.enter_context(FakeLLM(category))
        cleanup.callback(buckets.stop)
        buckets.start()
        buckets.wait_until_ready(store.is_up, timeout=60)
        backends = {
            name: url_of(cleanup.enter_context(own_backend(stack, folder / name, **changed)))
            for name, changed in settings(stack, store, llm, personal_token).items()
        }
        yield Parts(stack.studio, store, stack.google, stack.documents, llm, backends)


def settings(stack: Stack, store: ObjectStore, llm: FakeLLM, personal_token: str) -> dict[str, dict[str, str]]:
    """What the backends differ in, by their names."""
    known = {"OPENAI_BASE_URL": llm.base_url, "MEDIA_HOSTS": f"{store.place},{stack.google.place}"}
    return {
        "sees": known,
        "reads": {**known, "IMAGE_MODE": "ocr"},
        "real": {**known, "OPENAI_BASE_URL": stack.real_llm},
        "by_personal_token": {"OPENAI_BASE_URL": llm.base_url, "LABEL_STUDIO_API_KEY": personal_token},
    }


@dataclass(frozen=True)
class Receipts:
    """A project with one task for each of RECEIPTS."""

    studio: LabelStudio
    id: int
    tasks: dict[str, int]
    backend: int

    def ask(self, prompt: str, name: str = "groceries.png") -> Json:
        """What the page gets when `prompt` is typed into an untouched task."""
        region = {"id": "typed", "from_name": "classification-prompt", "to_name": "image", "type": "textarea"}
        return self.studio.ask(self.backend, self.tasks[name], [{**region, "value": {"text": [prompt]}}])

    def retrieved(self, prompt: str) -> dict[str, list[Json]]:
        """What is stored for each receipt by "Retrieve predictions", `prompt` being the project's."""
        self.ask(prompt)
        self.studio.retrieve_predictions(self.id)
        stored = {prediction["task"]: prediction for prediction in self.studio.predictions(self.id)}
        return {name: stored[task]["result"] for name, task in self.tasks.items() if task in stored}


def uploaded(parts: Parts, project: int, folder: Path) -> None:
    addresses = [parts.studio.upload_file(project, drawn(name, folder)) for name in RECEIPTS]
    parts.studio.import_tasks(project, [{"image": address} for address in addresses])


def local_storage(parts: Parts, project: int, _: Path) -> None:
    folder = parts.documents / f"project {project}"
    folder.mkdir(parents=True)
    for name in RECEIPTS:
        drawn(name, folder)
    connect_storage(parts.studio, "localfiles", project, path=str(folder))


def presigned_bucket(parts: Parts, project: int, _: Path) -> None:
    parts.store.connect(parts.studio, project, FILES, presign=True)


def proxied_bucket(parts: Parts, project: int, _: Path) -> None:
    parts.store.connect(parts.studio, project, FILES, presign=False)


def presigned_google_bucket(parts: Parts, project: int, _: Path) -> None:
    parts.google.connect(parts.studio, project, presign=True)


def proxied_google_bucket(parts: Parts, project: int, _: Path) -> None:
    parts.google.connect(parts.studio, project, presign=False)


Place = Callable[[Parts, int, Path], None]
PLACES = [uploaded, local_storage, presigned_bucket, proxied_bucket, presigned_google_bucket, proxied_google_bucket]
everywhere = pytest.mark.parametrize("place", PLACES)


def drawn(name: str, folder: Path) -> Path:
    receipt(RECEIPTS[name]).save(folder / name)
    return folder / name


@pytest.fixture
def project(parts: Parts, tmp_path: Path) -> Callable[[Place, str], Receipts]:
    """Makes a project whose receipts are at a place, connected to a backend."""

    def make(place: Place, backend: str) -> Receipts:
        studio = parts.studio
        number = studio.create_project(f"Receipts, {place.__name__}, {backend}", CONFIG)
        place(parts, number, tmp_path)
        found = {name: task["id"] for task in studio.tasks(number) for name in RECEIPTS if name in str(task)}
        assert set(found) == set(RECEIPTS)
        return Receipts(studio, number, found, studio.connect_backend(number, parts.backends[backend]))

    return make


@pytest.fixture
def llm(parts: Parts) -> FakeLLM:
    parts.llm.forget()
    return parts.llm


@pytest.fixture
def prompt() -> str:
    """A prompt that no other test has: replies are paid for once."""
    return f"Question {next(_numbers)}: which category is this receipt in?"


_numbers = itertools.count(1)


def category(call: Call) -> str:
    """The reply of a model that sees and reads: the receipt's category, if it is exactly one of RECEIPTS."""
    if image := image_in(call):
        found = [name for name, lines in RECEIPTS.items() if image.tobytes() == receipt(lines).tobytes()]
    else:
        found = [name for name, lines in RECEIPTS.items() if all(line in call.prompt for line in text_of(lines))]
    return CATEGORIES[found[0]] if found else "I cannot see it."


def image_in(call: Call) -> Image.Image | None:
    content = call.messages[-1]["content"]
    urls = [] if isinstance(content, str) else [p["image_url"]["url"] for p in content if p["type"] == "image_url"]
    if not urls:
        return None
    return Image.open(BytesIO(base64.b64decode(urls[0].partition(",")[2]))).convert("RGB")


def expected(prompt: str) -> dict[str, dict[str, list[str]]]:
    """What every receipt's prediction should hold."""
    return {
        name: {"classification-prompt": [prompt], "category": [right], "summarization-response": [right]}
        for name, right in CATEGORIES.items()
    }


@everywhere
def test_a_model_that_sees_is_sent_the_receipt_as_it_was_drawn(
    project: Callable[..., Receipts], llm: FakeLLM, prompt: str, place: Place
) -> None:
    stored = project(place, "sees").retrieved(prompt)
    assert all(image_in(call) for call in llm.calls)
    assert {name: values(result) for name, result in stored.items()} == expected(prompt)


@everywhere
def test_a_model_that_reads_is_sent_every_line_of_the_receipt(
    project: Callable[..., Receipts], llm: FakeLLM, prompt: str, place: Place
) -> None:
    stored = project(place, "reads").retrieved(prompt)
    assert not any(image_in(call) for call in llm.calls)
    assert {name: values(result) for name, result in stored.items()} == expected(prompt)


def test_a_real_model_that_refuses_images_summarizes_every_receipt(
    project: Callable[..., Receipts], prompt: str
) -> None:
    stored = project(uploaded, "real").retrieved(prompt)
    assert set(stored) == set(RECEIPTS)
    interface: Any = LabelInterface(CONFIG)  # untyped
    for result in stored.values():
        assert values(result)["summarization-response"][0].strip()
        assert interface.validate_prediction({"result": result}, return_errors=True) == []


@pytest.mark.parametrize("place", [uploaded, local_storage, proxied_bucket, proxied_google_bucket])
def test_a_personal_access_token_fetches_files_too(
    project: Callable[..., Receipts], llm: FakeLLM, prompt: str, place: Place
) -> None:
    stored = project(place, "by_personal_token").retrieved(prompt)
    assert {name: values(result) for name, result in stored.items()} == expected(prompt)


def test_an_annotator_reads_what_to_set_where_the_storage_hands_out_presigned_addresses(
    project: Callable[..., Receipts], parts: Parts, llm: FakeLLM, prompt: str
) -> None:
    shown = values(project(presigned_bucket, "by_personal_token").ask(prompt)["data"]["result"])
    assert "MEDIA_HOSTS" in shown["summarization-response"][0]
    assert parts.store.place in shown["summarization-response"][0]
    assert llm.calls == []


def test_shift_enter_on_a_receipt_shows_its_category_and_summary(
    project: Callable[..., Receipts], browser: Browser, parts: Parts, llm: FakeLLM, prompt: str, tmp_path: Path
) -> None:
    receipts = project(uploaded, "sees")
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        page = LabelingPage(context.new_page(), parts.studio.url)
        page.log_in(LOGIN)
        page.open(receipts.id, receipts.tasks["pharmacy.png"])
        field = page.page.locator("textarea[name=classification-prompt]")
        field.fill(prompt)
        field.press("Shift+Enter")
        expect(page.texts("summarization-response")).to_have_text(["Health/Pharmacy"])
        expect(page.page.get_by_role("button", name="Health/Pharmacy", exact=True)).to_be_visible()
        again = f"{prompt} Take another look."
        with page.page.expect_response(lambda response: "/interactive-annotating" in response.url):
            field.fill(again)
            field.press("Shift+Enter")
        expect(page.texts("classification-prompt")).to_have_text([again])
        assert llm.calls[-1].prompt.endswith(again)
        assert llm.calls[-1].prompt.count(prompt) == 1
        page.screenshot(tmp_path / "end.png")
