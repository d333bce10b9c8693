"""Labeling templates that Label Studio ships, in its own page: predictions are shown, submitted and still right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import expect

from llm_interactive.settings import Settings
from llm_interactive.web.app import create_app
from testing.llm import FakeLLM
from testing.region_rules import faults
from testing.schema_model import SERVERS
from testing.templates import ask, templates
from tests.e2e.labeling_page import LabelingPage
from tests.e2e.stack import Stack, eventually

pytestmark = pytest.mark.e2e

SHOWN = (
    "community-contributions/html-ner-tagging-person-and-organization",
    "community-contributions/two-level-sentiment-analysis-of-x-twitter-posts",
    "conversational-ai/coreference-resolution-and-entity-linking",
    "conversational-ai/intent-classification-and-slot-filling",
    "conversational-ai/response-selection",
    "generative-ai/human-feedback-collection",
    "generative-ai/llm-ranker",
    "generative-ai/response-grading",
    "natural-language-processing/named-entity-recognition",
    "natural-language-processing/relation-extraction",
    "natural-language-processing/taxonomy",
    "natural-language-processing/text-classification",
    "structured-data-parsing/tabular-data",
    "computer-vision/image-classification",
)


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """A backend whose model follows every schema."""
    folder = tmp_path_factory.mktemp("templates") / "data"
    with FakeLLM(SERVERS["obeys"]()) as llm:
        app = create_app(
            Settings(
                openai_api_key="k",
                openai_base_url=llm.base_url,
                model_dir=folder,
                default_prompt="Fill in the form.",
                image_mode="vision",
            )
        )
        yield app.test_client()
        app.extensions["llm_interactive"].close()


@pytest.mark.parametrize("name", SHOWN, ids=lambda name: Path(name).name)
def test_the_prediction_of_a_shipped_template_is_shown_and_submitted(
    name: str, backend: FlaskClient, stack: Stack, page: LabelingPage
) -> None:
    [shipped] = [template for template in templates() if template.name == name]
    status, entries = ask(backend, shipped, model="any")
    assert status == 200
    studio, result = stack.studio, entries[0]["result"]
    project = studio.create_project(Path(name).name, shipped.config)
    [task] = studio.import_tasks(project, [shipped.tasks[0]["data"]])
    studio.call("POST", "/api/predictions/", json={"task": task, "result": result})

    page.page.goto(f"{page.url}/projects/{project}/data?task={task}")
    submit = page.page.get_by_test_id("bottombar-submit-button")
    expect(submit).to_be_visible(timeout=30_000)
    submit.click()

    [annotation] = eventually(lambda: studio.annotations(task))
    saved = annotation["result"]
    assert {region.get("from_name") for region in saved} == {region.get("from_name") for region in result}
    # What the page saves of a span in a Text is without the offsets that it needs in what it is given.
    assert [f for f in faults(shipped.config, shipped.tasks[0]["data"], saved) if "globalOffsets None" not in f] == []
