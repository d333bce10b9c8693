"""The backend's own pages in a browser, on a desk and on a phone, light and dark."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Page, expect
from werkzeug.serving import make_server

from llm_interactive.settings import Settings
from llm_interactive.web.app import create_app
from testing.llm import FakeLLM, Reply
from tests.server.bodies import PROJECT, batch, results, submitted, tasks

pytestmark = pytest.mark.e2e


@pytest.fixture
def llm() -> Iterator[FakeLLM]:
    with FakeLLM("OK") as server:
        yield server


@pytest.fixture
def app(llm: FakeLLM, tmp_path: Path) -> Iterator[Flask]:
    settings = Settings(
        openai_api_key="any", openai_base_url=llm.base_url, model_dir=tmp_path / "data", max_concurrency=2
    )
    app = create_app(settings)
    event = submitted("Is it sarcastic?")
    event["project"] |= {"title": "A title as long as titles of projects can be " * 2, "task_number": 1240}
    app.test_client().post("/webhook", json=event)
    yield app
    app.extensions["llm_interactive"].close()


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_lead_pins_a_prompt_and_unpins_it(address: str, window: Page) -> None:
    window.goto(address)
    window.get_by_role("link", name="A title").first.click()
    expect(window.locator(".badge")).to_have_text("used last")

    window.get_by_text("Pin another prompt").click()
    window.get_by_label("Prompt").fill("The lead's.")
    window.get_by_role("button", name="Pin this prompt").click()

    expect(window.locator(".badge")).to_have_text("pinned")
    expect(window.locator("pre").first).to_have_text("The lead's.")
    window.get_by_text("Pin another prompt").click()
    window.get_by_role("button", name="Unpin").click()
    expect(window.locator("pre").first).to_have_text("Is it sarcastic?")


def test_a_lead_cancels_a_batch(app: Flask, address: str, window: Page, llm: FakeLLM) -> None:
    llm.answer = Reply(["OK"], hang=True)
    with ThreadPoolExecutor(1) as pool:
        under_way = pool.submit(results, app.test_client(), batch(tasks(20)))
        llm.wait_for_calls(2)
        window.goto(f"{address}/projects/{PROJECT}")

        window.get_by_role("button", name="Cancel").click()

        expect(window.get_by_text("The batch was cancelled")).to_be_visible()
        llm.release()
        assert sum("result" in entry for entry in under_way.result()) == 2
