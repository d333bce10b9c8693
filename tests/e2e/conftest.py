"""Fixtures: the running parts (once for the whole session), a browser, and a logged-in page for each test."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, StorageState, sync_playwright

from demo.label_studio import Json
from testing.llm import FakeLLM
from tests.e2e.labeling_page import LabelingPage
from tests.e2e.stack import LOGIN, Project, Stack, example, make_project, running_stack, sample_tasks

CHROMIUM = "/usr/bin/chromium"
# Without a sandbox, since tests may run as root in a container; without anything that looks for the internet.
CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
CHROMIUM_FLAGS += ["--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture(scope="session")
def personal_token(stack: Stack) -> str:
    """The account's personal access token: Label Studio makes one, and no second one. Legacy tokens stay allowed."""
    allowed = {"api_tokens_enabled": True, "legacy_api_tokens_enabled": True}
    stack.studio.call("POST", "/api/jwt/settings", json=allowed)
    return str(stack.studio.call("POST", "/api/token/", json={})["token"])


@pytest.fixture
def fixed_llm(stack: Stack) -> FakeLLM:
    """The LLM with fixed replies, with nothing recorded and "OK" as its reply."""
    stack.fixed_llm.forget()
    stack.fixed_llm.answer = "OK"
    return stack.fixed_llm


@pytest.fixture
def fixed_project(stack: Stack, fixed_llm: FakeLLM) -> Callable[..., Project]:
    """Makes a project out of an example's labeling config, connected to the backend whose replies the test fixes."""

    def make(name: str, tasks: Sequence[Json] | None = None) -> Project:
        return make_project(
            stack.studio, example(name), tasks or sample_tasks(name)[:2], stack.fixed_backend, _title(name)
        )

    return make


def _title(name: str) -> str:
    return name.replace("-", " ").capitalize()


@pytest.fixture
def real_project(stack: Stack) -> Callable[[str], Project]:
    """Makes a project out of an example, with all its tasks, connected to the backend with the real LLM."""
    return lambda name: make_project(
        stack.studio, example(name), sample_tasks(name), stack.real_backend, f"{_title(name)}, real LLM"
    )


@pytest.fixture
def prompt() -> str:
    """A prompt that no other test has: what one batch has paid for serves the next, in other projects too."""
    return f"Is text number {next(_numbers)} Sarcastic or Not Sarcastic?"


_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@pytest.fixture(scope="session")
def logged_in(browser: Browser, stack: Stack) -> StorageState:
    """The cookies of a login, so that not every test has to log in."""
    with browser.new_context() as context:
        LabelingPage(context.new_page(), stack.studio.url).log_in(LOGIN)
        return context.storage_state()


@pytest.fixture
def page(browser: Browser, stack: Stack, logged_in: StorageState, tmp_path: Path) -> Iterator[LabelingPage]:
    """A browser window of its own for each test; a picture of its end is in the test's folder."""
    with browser.new_context(storage_state=logged_in, viewport={"width": 1280, "height": 800}) as context:
        window: Page = context.new_page()
        yield LabelingPage(window, stack.studio.url)
        window.screenshot(path=tmp_path / "end.png")


@pytest.fixture(params=[(1280, "light"), (390, "dark")], ids=["desk", "phone"])
def window(browser: Browser, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Page]:
    """A window in which nothing may be refused or fail; a picture of its end is in the test's folder."""
    width, colors = request.param
    with browser.new_context(viewport={"width": width, "height": 800}, color_scheme=colors) as context:
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        yield page
        page.screenshot(path=tmp_path / "end.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert said == []
