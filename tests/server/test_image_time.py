"""Deadlines hold for images, annotators wait for no batch's, and the server's end waits for no decoder."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from testing.llm import FakeLLM
from tests.media_server import Answer, Asked, MediaServer
from tests.receipts import as_file
from tests.server.bodies import Json, batch, press, results, task, texts
from tests.server.conftest import KEY, MakeApp
from tests.server.process import Backend
from tests.server.test_images import ONE, SEVERAL, asked_now
from tests.unit.test_decoding import SLOW

SMALL = as_file(Image.new("L", (30, 20)))


@pytest.fixture
def media() -> Iterator[MediaServer]:
    with MediaServer() as server:
        server.serve("/small.png", SMALL)
        server.serve("/slow.png", SLOW)
        yield server


def later(media: MediaServer, seconds: float, _: Asked) -> Answer:
    """The small image, after a while."""
    media.stopping.wait(seconds)
    return Answer(SMALL)


def of_ten(media: MediaServer) -> Json:
    """A task of ten images, each of which takes half a second to come."""
    for number in range(10):
        media.serve(f"/{number}.png", partial(later, media, 0.5))
    return task(1, data={"images": [f"{media.url}/{number}.png" for number in range(10)]})


def test_an_annotator_is_told_at_the_deadline_that_images_were_not_ready(
    make_app: MakeApp, llm: FakeLLM, media: MediaServer
) -> None:
    client = make_app(media_hosts=media.place, predict_deadline=1.5).test_client()
    began = time.monotonic()
    [shown] = texts(press(client, asked_now(of_ten(media), SEVERAL)))
    assert time.monotonic() - began < 3
    assert "not ready in time" in shown
    assert llm.calls == []


@pytest.mark.parametrize("mode", ["auto", "vision"])
def test_a_batch_is_answered_at_the_deadline_though_its_images_are_not_ready(
    make_app: MakeApp, llm: FakeLLM, media: MediaServer, mode: str
) -> None:
    settings = {"predict_deadline": 1.5, "image_mode": mode, "default_prompt": "What is it?"}
    client = make_app(media_hosts=media.place, **settings).test_client()
    began = time.monotonic()
    [entry] = results(client, batch([of_ten(media)], SEVERAL))
    assert time.monotonic() - began < 3
    assert "in time" in entry["error"]


def test_nothing_is_fetched_any_more_for_a_batch_that_is_past_its_deadline(
    make_app: MakeApp, llm: FakeLLM, media: MediaServer
) -> None:
    app = make_app(media_hosts=media.place, predict_deadline=1, image_mode="vision", default_prompt="What is it?")
    for number in range(30):
        media.serve(f"/{number}.png", partial(later, media, 0.6))
    results(app.test_client(), batch([task(n, data={"image": f"{media.url}/{n}.png"}) for n in range(30)], ONE))
    fetched = len(media.asked)
    # Another batch's turn comes after all that is left of the first one's.
    asked = [task(1, data={"image": f"{media.url}/small.png"})]
    [entry] = results(app.test_client(), batch(asked, ONE))
    assert "result" in entry
    assert len(media.asked) == fetched + 1 < 30


def test_an_image_of_an_annotator_does_not_wait_for_those_of_a_batch(
    make_app: MakeApp, llm: FakeLLM, media: MediaServer
) -> None:
    for number in range(12):
        media.serve(f"/slow.png?{number}", SLOW)
    app = make_app(media_hosts=media.place, predict_deadline=8, image_mode="vision", default_prompt="What is it?")
    asked = [task(n, data={"image": f"{media.url}/slow.png?{n}"}) for n in range(12)]
    with ThreadPoolExecutor(1) as pool:
        under_way = pool.submit(results, app.test_client(), batch(asked, ONE))
        while len(media.asked) < 8:
            time.sleep(0.01)
        press(app.test_client(), asked_now(task(99, data={"image": f"{media.url}/small.png"})))
        assert not under_way.done()
        assert len(llm.calls) == 1
        under_way.result()


def test_one_image_of_another_project_does_not_wait_for_the_many_of_a_batch(
    make_app: MakeApp, llm: FakeLLM, media: MediaServer
) -> None:
    app = make_app(media_hosts=media.place, image_mode="vision", default_prompt="What is it?")
    for number in range(60):
        media.serve(f"/{number}.png", partial(later, media, 0.3))
    many = [task(n, data={"image": f"{media.url}/{n}.png"}) for n in range(60)]
    one = [task(1, data={"image": f"{media.url}/small.png"})]
    with ThreadPoolExecutor(1) as pool:
        under_way = pool.submit(results, app.test_client(), batch(many, ONE))
        while len(media.asked) < 8:
            time.sleep(0.01)
        [entry] = results(app.test_client(), batch(one, ONE, project="5.1700000000"))
        assert "result" in entry
        assert len(media.asked) < 30
        assert all("result" in entry for entry in under_way.result())


def test_sigterm_does_not_wait_for_a_decoder(llm: FakeLLM, media: MediaServer, tmp_path: Path) -> None:
    arrived = threading.Event()

    def slow(_: Asked) -> Answer:
        arrived.set()
        return Answer(SLOW)

    media.serve("/slow.png", slow)
    given = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": llm.base_url, "MODEL_DIR": str(tmp_path / "data")}
    with Backend(tmp_path / "log", MEDIA_HOSTS=media.place, **given) as running, ThreadPoolExecutor(1) as pool:
        about = task(1, data={"image": f"{media.url}/slow.png"})
        under_way = pool.submit(running.results, asked_now(about))
        assert arrived.wait(20)
        began = time.monotonic()
        os.kill(running.process.pid, signal.SIGTERM)
        [shown] = texts(under_way.result()[0])
        assert running.process.wait(timeout=20) == 0
        assert time.monotonic() - began < 6
        assert "is stopping" in shown
        assert "Traceback" not in running.log
