"""Label Studio's page as an annotator uses it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from demo.label_studio import Json, Login

# Where words stand on the screen: left, right, middle of the height.
_PLACE_OF = """words => {
    const texts = document.createTreeWalker(document.querySelector(".lsf-htx-richtext"), NodeFilter.SHOW_TEXT);
    for (let node = texts.nextNode(); node; node = texts.nextNode()) {
        const start = node.data.indexOf(words);
        if (start < 0) continue;
        const range = document.createRange();
        range.setStart(node, start);
        range.setEnd(node, start + words.length);
        const {left, right, top, bottom} = range.getBoundingClientRect();
        return [left, right, (top + bottom) / 2];
    }
}"""


class LabelingPage:
    """One task open in a browser. Locators wait by themselves: compare them with `expect(…)`."""

    def __init__(self, page: Page, studio_url: str) -> None:
        self.page = page
        self.url = studio_url

    def log_in(self, login: Login) -> None:
        self.page.goto(f"{self.url}/user/login/")
        self.page.fill("input[name=email]", login.username)
        self.page.fill("input[name=password]", login.password)
        self.page.click("button[type=submit]")
        self.page.wait_for_url(f"{self.url}/", wait_until="commit")

    def open(self, project: int, task: int, *, auto_annotation: bool = True) -> None:
        self.page.goto(f"{self.url}/projects/{project}/data?task={task}")
        # First painted when the task is there, with the predictions that opening it may have brought.
        expect(self.page.get_by_test_id("textarea-control").first).to_be_visible(timeout=30_000)
        toggle = self.page.get_by_test_id("bottombar-auto-annotation-toggle")
        if toggle.is_checked() != auto_annotation:
            self.page.locator("label", has=toggle).click()
        expect(toggle).to_be_checked(checked=auto_annotation)

    def texts(self, name: str) -> Locator:
        """The texts that stand under the TextArea `name`."""
        return self.page.locator(f'[data-testid=htx-textbox-content][name^="{name}:"]')

    def choice(self, value: str) -> Locator:
        """The box of a choice."""
        return self.page.locator(f'input[type=checkbox][name="{value}"]')

    def expect_ticked(self, *values: str, of: Sequence[str]) -> None:
        for value in of:
            expect(self.choice(value)).to_be_checked(checked=value in values)

    def ask(self, prompt: str, field: str = "prompt") -> Json:
        """Type a prompt and press Shift+Enter; what Label Studio answered to the page."""
        return self.add(field, prompt)

    def add(self, name: str, text: str) -> Json:
        """Add a text to the TextArea `name`, which asks the model."""
        field = self.page.locator(f"[data-testid=textarea-input][name={name}]")
        field.fill(text)
        # A field of one row takes Enter, one of several rows keeps it for a line break.
        return self._asking(lambda: field.press("Shift+Enter"))

    def edit(self, name: str, text: str) -> Json:
        """Replace the first text that stands under the TextArea `name`, which asks the model too."""
        box = self.page.get_by_test_id("htx-textbox-view").filter(has=self.texts(name)).first
        box.hover()
        box.get_by_test_id("htx-textbox-edit-button").click()
        self.page.get_by_test_id("htx-textbox-input").fill(text)
        return self._asking(self.page.get_by_test_id("htx-textbox-save").click)

    def mark(self, label: str, words: str) -> Json:
        """Draw a span of `label` over the first `words` of a Text, which asks the model too."""
        self.page.locator(".lsf-label").filter(has_text=label).click()
        left, right, middle = self.page.evaluate(_PLACE_OF, words)
        mouse = self.page.mouse
        mouse.move(left + 1, middle)
        mouse.down()
        mouse.move(right, middle, steps=4)
        return self._asking(mouse.up)

    def submit(self) -> Json:
        """Submit. With Auto-Annotation on, the page asks the model again as it loads the result: the answer to that."""
        answer = self._asking(self.page.get_by_test_id("bottombar-submit-button").click)
        expect(self.page.get_by_test_id("bottombar-update-button")).to_be_visible()
        return answer

    def screenshot(self, file: Path) -> None:
        self.page.screenshot(path=file)

    def _asking(self, act: Callable[[], None]) -> Json:
        """What Label Studio answered to the page's first request for the model after `act`."""
        with self.page.expect_response(lambda response: "/interactive-annotating" in response.url) as asked:
            act()
        body: Json = asked.value.json()
        return body

    def undo(self) -> None:
        """Press Label Studio's Undo."""
        self.page.get_by_role("button", name="Undo").click()
