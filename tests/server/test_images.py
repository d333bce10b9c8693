"""Tasks with images: sent as images or as the text that stands in them, from wherever the task says they are."""

from __future__ import annotations

import base64
import sys
import threading
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image

from llm_interactive.deadline import Deadline
from llm_interactive.errors import TaskDataError
from llm_interactive.media import ocr
from llm_interactive.media.image_input import ImageInput
from llm_interactive.media.images import Picture
from llm_interactive.media.ocr import Reader
from llm_interactive.settings import Settings
from testing.llm import Call, FakeLLM, FixedAnswer, error
from tests.media_server import Asked, MediaServer
from tests.receipts import as_file, receipt
from tests.server.bodies import Json, batch, chosen, interactive, press, results, task, texts, texts_region
from tests.server.conftest import KEY, MakeApp, MakeSettings

CONTROLS = """<TextArea name="prompt" toName="image"/><TextArea name="response" toName="image"/>
  <Choices name="category" toName="image"><Choice value="Pharmacy"/><Choice value="Fuel"/></Choices>"""
ONE = f'<View><Image name="image" value="$image"/>{CONTROLS}</View>'
SEVERAL = f'<View><Image name="image" valueList="$images"/>{CONTROLS}</View>'
PUBLIC = "https://files.example.com/receipt.png"

# Few and short lines: a reader takes a third of a second for them.
SLIP = as_file(receipt(("PHARMACY", "Total | 9.44"), width=240))
SLIP_TEXT = "PHARMACY\nTotal 9.44"

reads_text = pytest.mark.skipif(not ocr.installed(), reason="the OCR extra is not installed")


def data_uri(content: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def slip_task(number: int = 1, address: str = data_uri(SLIP)) -> Json:
    return task(number, data={"image": address})


def asked_now(about: Json, config: str = ONE) -> Json:
    """/predict after an annotator typed a prompt about an image."""
    return interactive(texts_region("prompt", "Which shop?", to="image"), about=about, config=config)


def image_parts(call: Call) -> list[Json]:
    """What the chat's last message holds as images."""
    content = call.messages[-1]["content"]
    return [] if isinstance(content, str) else [part["image_url"] for part in content if part["type"] == "image_url"]


def images(call: Call) -> list[Image.Image]:
    """The images sent, decoded."""
    found = [base64.b64decode(part["url"].partition(";base64,")[2], validate=True) for part in image_parts(call)]
    return [Image.open(BytesIO(content)) for content in found]


def blind(call: Call) -> FixedAnswer:
    """A model that refuses images and answers text."""
    return error(500, "image input is not supported") if image_parts(call) else "Pharmacy"


@pytest.fixture
def client(make_app: MakeApp) -> FlaskClient:
    return make_app(default_prompt="Which shop?").test_client()


@pytest.fixture
def media() -> Iterator[MediaServer]:
    with MediaServer() as server:
        server.serve("/slip.png", SLIP)
        yield server


def test_a_model_is_sent_the_image_itself_upright_and_without_metadata(client: FlaskClient, llm: FakeLLM) -> None:
    photo = Image.new("RGB", (60, 40), "red")
    exif = photo.getexif()
    exif[0x0112] = 6  # to be turned to the right
    exif[0x010E] = "taken by somebody"
    press(client, asked_now(slip_task(address=data_uri(as_file(photo, "JPEG", exif=exif, comment=b"somewhere")))))
    [image] = images(llm.calls[0])
    assert (image.size, image.mode) == ((40, 60), "RGB")
    assert dict(image.getexif()) == {}
    assert not {"exif", "comment", "icc_profile"} & set(image.info)


def test_a_drawn_image_arrives_to_the_pixel(client: FlaskClient, llm: FakeLLM) -> None:
    press(client, asked_now(slip_task()))
    [image] = images(llm.calls[0])
    with Image.open(BytesIO(SLIP)) as drawn:
        assert image.convert("RGB").tobytes() == drawn.convert("RGB").tobytes()


def test_a_large_image_is_sent_smaller(client: FlaskClient, llm: FakeLLM) -> None:
    press(client, asked_now(slip_task(address=data_uri(as_file(Image.new("L", (4096, 1024)))))))
    assert [image.size for image in images(llm.calls[0])] == [(2048, 512)]


def test_several_images_of_a_task_are_sent_in_their_order(client: FlaskClient, llm: FakeLLM) -> None:
    addresses = [data_uri(as_file(Image.new("L", (width, 10)))) for width in (30, 10, 20)]
    press(client, asked_now(task(1, data={"images": addresses}), SEVERAL))
    assert [image.width for image in images(llm.calls[0])] == [30, 10, 20]


@pytest.mark.parametrize(("given", "sent"), [({}, "auto"), ({"image_detail": "low"}, "low")])
def test_the_detail_setting_goes_with_each_image(
    make_app: MakeApp, llm: FakeLLM, given: dict[str, Any], sent: str
) -> None:
    about = task(1, data={"images": [data_uri(SLIP)] * 2})
    press(make_app(**given).test_client(), asked_now(about, SEVERAL))
    assert [part["detail"] for part in image_parts(llm.calls[0])] == [sent, sent]


@reads_text
def test_with_ocr_mode_no_image_is_ever_sent(make_app: MakeApp, llm: FakeLLM) -> None:
    client = make_app(image_mode="ocr", default_prompt="Which shop?").test_client()
    press(client, asked_now(slip_task()))
    results(client, batch([slip_task(2)], ONE))
    expected = f"Source Text: {SLIP_TEXT}\n\nTask Directive: Which shop?"
    assert {call.messages[-1]["content"] for call in llm.calls} == {expected}


@reads_text
def test_the_texts_of_several_images_are_sent_in_their_order(make_app: MakeApp, llm: FakeLLM) -> None:
    fuel = as_file(receipt(("FUEL STATION",), width=240))
    about = task(1, data={"images": [data_uri(fuel), data_uri(SLIP)]})
    press(make_app(image_mode="ocr").test_client(), asked_now(about, SEVERAL))
    assert f"FUEL STATION\n\n{SLIP_TEXT}" in llm.calls[0].prompt


def test_a_public_address_is_handed_on_to_a_hosted_model(tmp_path: Path) -> None:
    inputs = ImageInput(Settings(openai_api_key=KEY, model_dir=tmp_path, image_detail="high"))
    expected = {"type": "image_url", "image_url": {"url": PUBLIC, "detail": "high"}}
    assert list(inputs.content([PUBLIC], "1", "gpt").parts) == [expected]
    inputs.close()


def test_a_public_pdf_is_not_handed_on_as_if_it_were_an_image(tmp_path: Path) -> None:
    inputs = ImageInput(Settings(openai_api_key=KEY, model_dir=tmp_path))
    with pytest.raises(TaskDataError, match="MEDIA_HOSTS"):
        inputs.content(["https://files.example.com/receipt.PDF?page=1"], "1", "gpt")
    inputs.close()


def test_a_public_address_is_the_tasks_error_for_a_model_on_the_own_network(client: FlaskClient, llm: FakeLLM) -> None:
    [entry] = results(client, batch([slip_task(address=PUBLIC)], ONE))
    assert "files.example.com" in entry["error"]
    assert "MEDIA_HOSTS" in entry["error"]
    assert llm.calls == []


def test_an_address_in_media_hosts_is_fetched_for_a_model_on_the_own_network(
    make_app: MakeApp, llm: FakeLLM, media: MediaServer
) -> None:
    client = make_app(media_hosts=media.place).test_client()
    press(client, asked_now(slip_task(address=f"{media.url}/slip.png")))
    assert [image.width for image in images(llm.calls[0])] == [240]


def test_an_address_in_media_hosts_is_fetched_for_a_hosted_model_too(
    make_settings: MakeSettings, media: MediaServer
) -> None:
    inputs = ImageInput(make_settings(openai_base_url=None, media_hosts=media.place))
    [part] = inputs.content([f"{media.url}/slip.png"], "1", "gpt").parts
    assert part["image_url"]["url"].startswith("data:image/png;base64,")
    inputs.close()


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("/missing.png", "404"),
        ("/page.html", "HTML"),
        ("/cut.png", "damaged"),
        (PUBLIC, "MEDIA_HOSTS"),
        ("data:image/png;base64,!", "base64"),
        ("/data/upload/1/a.png", "LABEL_STUDIO_URL"),
        ("s3://bucket/a.png", "LABEL_STUDIO_URL"),
        (5, "not the address of an image"),
    ],
)
def test_one_bad_image_in_a_batch_is_that_tasks_error_alone(
    make_app: MakeApp, llm: FakeLLM, media: MediaServer, address: Any, said: str
) -> None:
    media.serve("/page.html", b"<html>log in</html>")
    media.serve("/cut.png", SLIP[:200])
    if address in ("/missing.png", "/page.html", "/cut.png"):
        address = media.url + address
    client = make_app(media_hosts=media.place, default_prompt="Which shop?").test_client()
    entries = results(client, batch([slip_task(1), slip_task(2, address), slip_task(3)], ONE))
    assert ["result" in entry for entry in entries] == [True, False, True]
    assert said in entries[1]["error"]


@pytest.mark.parametrize(
    "address", ["/data/upload/4/0a1b2c3d-slip.png", "https://labels.example.com/data/upload/4/0a1b2c3d-slip.png"]
)
def test_an_upload_is_fetched_from_label_studio_with_its_token(
    make_app: MakeApp, llm: FakeLLM, media: MediaServer, address: str
) -> None:
    media.serve("/ls/data/upload/4/0a1b2c3d-slip.png", SLIP)
    client = make_app(label_studio_url=f"{media.url}/ls/", label_studio_api_key="its-token").test_client()
    press(client, asked_now(slip_task(address=address)))
    assert [image.width for image in images(llm.calls[0])] == [240]
    assert [asked.headers["authorization"] for asked in media.asked] == ["Token its-token"]


def test_a_file_above_the_limit_is_the_tasks_error(make_app: MakeApp, llm: FakeLLM) -> None:
    client = make_app(max_image_mb=0.001, default_prompt="Which shop?").test_client()
    [entry] = results(client, batch([slip_task()], ONE))
    assert "MAX_IMAGE_MB" in entry["error"]


def test_the_pages_of_a_pdf_are_sent_in_their_order(client: FlaskClient, llm: FakeLLM) -> None:
    pages = [Image.new("L", size, "white") for size in ((300, 100), (100, 300))]
    document = base64.b64encode(as_file(pages[0], "PDF", save_all=True, append_images=pages[1:])).decode()
    press(client, asked_now(slip_task(address=f"data:application/pdf;base64,{document}")))
    assert [image.width > image.height for image in images(llm.calls[0])] == [True, False]


def test_the_model_is_asked_about_one_image_while_the_next_is_fetched(
    make_app: MakeApp, llm: FakeLLM, media: MediaServer
) -> None:
    asked_about_the_first = threading.Event()

    def late(_: Asked) -> bytes:
        assert asked_about_the_first.wait(10)
        return SLIP

    def reply(_: Call) -> str:
        asked_about_the_first.set()
        return "Pharmacy"

    llm.answer = reply
    media.serve("/late.png", late)
    client = make_app(media_hosts=media.place, image_mode="vision", default_prompt="Which shop?").test_client()
    addresses = [f"{media.url}/slip.png", f"{media.url}/late.png"]
    entries = results(client, batch([slip_task(n, address) for n, address in enumerate(addresses, 1)], ONE))
    assert [chosen(entry) for entry in entries] == [["Pharmacy"]] * 2


@pytest.mark.parametrize("mode", ["auto", "ocr"])
def test_without_the_extra_the_annotator_reads_how_to_install_it(
    make_app: MakeApp, llm: FakeLLM, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    llm.answer = blind
    [shown] = texts(press(make_app(image_mode=mode).test_client(), asked_now(slip_task())))
    assert "pip install --no-deps -r requirements-ocr.txt" in shown


def test_a_public_address_is_fetched_for_its_text_only_if_its_host_is_listed(tmp_path: Path) -> None:
    inputs = ImageInput(Settings(openai_api_key=KEY, model_dir=tmp_path, image_mode="ocr"))
    with pytest.raises(TaskDataError, match=r"files\.example\.com.* not in MEDIA_HOSTS"):
        inputs.content([PUBLIC], "1", "gpt")
    inputs.close()


@reads_text
def test_one_image_in_fifty_tasks_is_fetched_and_read_once(
    make_app: MakeApp, llm: FakeLLM, media: MediaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Picture] = []
    by_engine = Reader.text

    def counted(reader: Reader, picture: Picture, deadline: Deadline, *, urgent: bool) -> str:
        read.append(picture)
        return by_engine(reader, picture, deadline, urgent=urgent)

    monkeypatch.setattr(Reader, "text", counted)
    client = make_app(media_hosts=media.place, image_mode="ocr", default_prompt="Which shop?").test_client()
    results(client, batch([slip_task(number, f"{media.url}/slip.png") for number in range(1, 51)], ONE))
    assert (len(media.asked), len(read)) == (1, 1)


@reads_text
@pytest.mark.parametrize("takes_images", [True, False], ids=["images", "text"])
def test_a_second_retrieval_of_images_asks_nothing(client: FlaskClient, llm: FakeLLM, takes_images: bool) -> None:
    llm.answer = "Pharmacy" if takes_images else blind
    asked = [slip_task(n, data_uri(as_file(receipt((f"PHARMACY {n}",), width=240)))) for n in range(1, 6)]
    first = results(client, batch(asked, ONE))
    llm.forget()
    second = results(client, batch(asked, ONE))
    assert [chosen(entry) for entry in second] == [chosen(entry) for entry in first] == [["Pharmacy"]] * 5
    assert llm.calls == []


def test_another_projects_upload_is_not_sent_to_the_model(make_app: MakeApp, llm: FakeLLM, media: MediaServer) -> None:
    media.serve("/data/upload/5/0a1b2c3d-slip.png", SLIP)
    client = make_app(label_studio_url=media.url, label_studio_api_key="its-token").test_client()
    [shown] = texts(press(client, asked_now(slip_task(address="/data/upload/5/0a1b2c3d-slip.png"))))
    assert "another project" in shown
    assert media.asked == []
    assert llm.calls == []
