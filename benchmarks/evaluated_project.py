"""A made-up project with two annotators and two versions: `python -m benchmarks.evaluated_project TASKS`."""

from __future__ import annotations

import json
import random
import resource
import sys
import time
from collections.abc import Iterator
from typing import Any

_BEGAN = time.process_time()

from llm_interactive.evaluation.answers import MAJORITY, gather  # noqa: E402
from llm_interactive.evaluation.comparison import compare  # noqa: E402
from llm_interactive.evaluation.documents import (  # noqa: E402
    Heading,
    comparison_json,
    comparison_page,
    evaluation_json,
    evaluation_page,
)
from llm_interactive.evaluation.report import evaluate  # noqa: E402
from llm_interactive.label_studio.records import Annotation, Prediction, Project, Task  # noqa: E402
from llm_interactive.predict.project import forms_of  # noqa: E402

_CONFIG = """<View>
  <Text name="text" value="$text"/>
  <TextArea name="prompt" toName="text"/>
  <TextArea name="response" toName="text"/>
  <Choices name="topic" toName="text">{}</Choices>
  <Rating name="stars" toName="text"/>
  <Labels name="names" toName="text"><Label value="Person"/><Label value="Place"/></Labels>
</View>"""
_TOPICS = [f"Topic {number}" for number in range(8)]
_TEXT = "Ann met Bob in Paris, and both went on to Rome by train. " * 4


def _tasks(count: int) -> Iterator[Task]:
    chance = random.Random(1)  # noqa: S311
    for id in range(1, count + 1):
        topic, stars = chance.choice(_TOPICS), chance.randint(1, 5)
        annotations = (Annotation(n, n, _result(chance, topic, stars, 0.95)) for n in (1, 2))
        predictions = (
            Prediction(n * count + id, id, _result(chance, topic, stars, share), f"model/{n}", chance.random(), "")
            for n, share in ((1, 0.8), (2, 0.85))
        )
        yield Task(id, {"text": f"{id} {_TEXT}"}, tuple(annotations), tuple(predictions))


def _result(chance: random.Random, topic: str, stars: int, right: float) -> tuple[dict[str, Any], ...]:
    def said(value: Any, others: Any) -> Any:
        return value if chance.random() < right else chance.choice(others)

    def region(name: str, kind: str, **value: Any) -> dict[str, Any]:
        return {"id": name, "from_name": name, "to_name": "text", "type": kind, "value": value}

    spans = [
        region(
            "names", "labels", start=start, end=start + said(4, [3, 5]), text="Ann", labels=[said("Person", ["Place"])]
        )
        for start in range(0, 40, 10)
    ]
    return (
        region("topic", "choices", choices=[said(topic, _TOPICS)]),
        region("stars", "rating", rating=said(stars, range(1, 6))),
        region("response", "textarea", text=[_TEXT[: said(100, range(50, 150))]]),
        *spans,
    )


def main(count: int) -> None:
    """Measure it and print as JSON: CPU seconds, megabytes, characters of the files."""
    forms = forms_of(_CONFIG.format("".join(f'<Choice value="{topic}"/>' for topic in _TOPICS)), "prompt", "response")
    imported = time.process_time()
    material = gather(forms, _tasks(count))
    gathered = time.process_time()
    heading = Heading(Project(1, "Large", "", "", "1.1"), "the majority", str, material.subjects)
    reports = evaluate(material, MAJORITY, material.versions)
    comparisons = compare(material, MAJORITY, "model/1", "model/2")
    page, data = evaluation_page(heading, reports), evaluation_json(heading, reports)
    comparison_page(heading, comparisons, "model/1", "model/2"), comparison_json(heading, comparisons)
    figures = {
        "seconds": time.process_time() - gathered,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "page": len(page),
        "json": len(data),
        "imports": imported - _BEGAN,
        "reading": gathered - imported,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main(int(sys.argv[1]))
