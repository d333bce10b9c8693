"""The labeling templates that Label Studio ships, each with a prompt field and with tasks made of its own sample data.

    for template in templates():
        status, entries = ask(client, template, model="any")

A template's data is what Label Studio's preview shows for it: made from `data_examples.json` by field name and tag,
then replaced by the comment in the config that holds sample tasks. Files are small `data:` URIs instead of addresses on
the internet. Where a template shows text, its last task has characters beyond the basic plane in front of each.
"""

from __future__ import annotations

import base64
import functools
import html
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import yaml
from lxml import etree
from PIL import Image, ImageDraw

Json = dict[str, Any]
Kind = Literal["text", "vision", "shapes"]

RELATIONS = "Relations"
"""How the control tag Relations is called among `controls`: it has no name of its own."""

KINDS: Mapping[Kind, tuple[str, ...]] = {
    # Everything in them can be read as text.
    "text": (
        "audio-speech-processing/conversational-analysis",  # by its transcript
        "community-contributions/html-ner-tagging-person-and-organization",
        "community-contributions/ner-tagging-invoices-bio-format",
        "community-contributions/two-level-sentiment-analysis-of-x-twitter-posts",
        "conversational-ai/coreference-resolution-and-entity-linking",
        "conversational-ai/intent-classification-and-slot-filling",
        "conversational-ai/response-generation",
        "conversational-ai/response-selection",
        "generative-ai/chatbot-assessment",
        "generative-ai/human-feedback-collection",
        "generative-ai/llm-ranker",
        "generative-ai/response-grading",
        "generative-ai/supervised-llm",
        "natural-language-processing/content-moderation",
        "natural-language-processing/machine-translation",
        "natural-language-processing/named-entity-recognition",
        "natural-language-processing/question-answering",
        "natural-language-processing/relation-extraction",
        "natural-language-processing/taxonomy",
        "natural-language-processing/text-classification",
        "natural-language-processing/text-summarization",
        "ranking-and-scoring/document-retrieval",
        "ranking-and-scoring/pairwise-classification",
        "ranking-and-scoring/serp-ranking",
        "structured-data-parsing/freeform-metadata",
        "structured-data-parsing/html-entity-recognition",
        "structured-data-parsing/tabular-data",
    ),
    # They need a model that sees.
    "vision": (
        "community-contributions/breast-cancer-mammogram-classification",
        "community-contributions/ocr-invoices-pre-ner-bio-format",
        "computer-vision/image-captioning",
        "computer-vision/image-classification",
        "computer-vision/medical-image-classification-with-bboxes",
        "computer-vision/multipage-documents",
        "computer-vision/object-detection-with-bounding-boxes",
        "computer-vision/optical-character-recognition",
        "computer-vision/visual-genome",
        "computer-vision/visual-question-answering",
        "generative-ai/visual-ranker",
        "ranking-and-scoring/content-based-image-search",
        "ranking-and-scoring/pairwise-regression",
        "ranking-and-scoring/text-to-image",
        "structured-data-parsing/pdf-classification",
    ),
    # A model sees the image, but points and polygons are all that is asked for: nothing in them is fillable today.
    "shapes": (
        "computer-vision/inventory-tracking",
        "computer-vision/keypoints",
        "computer-vision/semantic-segmentation-with-polygons",
    ),
}

_AUDIO = "audio: no chat model's API takes a task's sound"
_SERIES = "time series"
_VIDEO = "video"
_CHAT = "the Chat tag is of the Enterprise edition: this editor has none, so nothing could be shown"

NOT_FILLABLE: Mapping[str, str] = {
    "audio-speech-processing/automatic-speech-recognition": _AUDIO,
    "audio-speech-processing/automatic-speech-recognition-using-segments": _AUDIO,
    "audio-speech-processing/intent-classification": _AUDIO,
    "audio-speech-processing/signal-quality-detection": _AUDIO,
    "audio-speech-processing/sound-event-detection": _AUDIO,
    "audio-speech-processing/speaker-segmentation": _AUDIO,
    "audio-speech-processing/speech-transcription": _AUDIO,
    "chat/chat_eval": _CHAT,
    "chat/chat_llm_eval": _CHAT,
    "chat/chat_red_team": _CHAT,
    "chat/chat_rlhf": _CHAT,
    "chat/chatbot": _CHAT,
    "computer-vision/pdf_ocr": "OcrLabels is of the Enterprise edition: this editor has none",
    "computer-vision/semantic-segmentation-with-masks": "masks of pixels",
    "ranking-and-scoring/asr-hypotheses": _AUDIO,
    "time-series-analysis/activity-recognition": _SERIES,
    "time-series-analysis/change-point-detection": _SERIES,
    "time-series-analysis/outliers-anomaly-detection": _SERIES,
    "time-series-analysis/signal-quality": _SERIES,
    "time-series-analysis/time-series-forecasting": _SERIES,
    "videos/video-classification": _VIDEO,
    "videos/video-frame-classification": _VIDEO,
    "videos/video-object-tracking": _VIDEO,
    "videos/video-timeline-segmentation": _VIDEO,
}
"""Templates that no chat model can fill, each with the reason."""

FILLABLE_TAGS = frozenset(
    "Choices TextArea Taxonomy Rating Number DateTime Pairwise Ranker Labels HyperTextLabels ParagraphLabels "
    "RectangleLabels Rectangle Relations".split()
)
_UNFILLABLE_TAGS = frozenset("Polygon PolygonLabels KeyPoint KeyPointLabels Brush BrushLabels Ellipse".split())
# The page can take in answers about these; List, Table and Pdf come last (see label-studio-regions.md).
_TEXTS = ("Text", "HyperText", "Paragraphs")
_READABLE = (*_TEXTS, "Image")
_READABLE_LAST = ("List", "Table", "Pdf")

_FIELD = re.compile(r"\$(\w+)")
_IMG = re.compile(r"(<img[^>]*?\ssrc=)(['\"]).*?\2")
_TAG = re.compile(r"<[^<>]*>")
_DATA_URI = re.compile(r"data:(?:image|application)/\w+;base64,[\w+/=]*")
_WORD = re.compile(r"[^\W\d_]{4,}")
_ASTRAL = "😀 Zażółć 𝔤ęślą, "


@dataclass(frozen=True)
class Template:
    """One template: `controls` are those that Label Studio's SDK knows, `fillable` those that a model should fill."""

    name: str
    kind: Kind
    config: str
    prompt: str
    tasks: tuple[Json, ...]
    controls: tuple[str, ...]
    fillable: tuple[str, ...]

    def filled(self, result: list[Json]) -> set[str]:
        """Fillable controls that have a region in a task's `result`."""
        found = {RELATIONS if region.get("type") == "relation" else str(region.get("from_name")) for region in result}
        return found & set(self.fillable)


def not_shown(template: Template, task: Json, messages: list[Json]) -> list[str]:
    """Words and pictures of the task that `messages` hold nothing of: what a model can only guess about.

    All that the config shows counts: objects, and what stands on choices and labels that come with the task.
    """
    shown = (element for element in _elements(_parsed(template.config)) if element.tag not in ("Audio", "Video"))
    fields = {_field(element) for element in shown}
    texts: list[str] = []
    pictures = 0
    for text in _strings([value for field, value in task["data"].items() if field in fields]):
        pictures += len(_DATA_URI.findall(text))
        texts.append(html.unescape(_TAG.sub(" ", _DATA_URI.sub(" ", text))))
    parts = [part for message in messages for part in _parts(message["content"])]
    # A speaker's name may be the role of a message.
    said = " ".join([*(message["role"] for message in messages), *(p["text"] for p in parts if p["type"] == "text")])
    missing = sorted({word for text in texts for word in _WORD.findall(text) if word not in said})
    sent = sum(part["type"] == "image_url" for part in parts)
    return missing + ["a picture"] * max(0, pictures - sent)


def _parts(content: Any) -> list[Json]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content or [])


def _strings(value: Any) -> Iterator[str]:
    """All texts in a task's value but those that only name or paint something."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in ("id", "style", "background", "hotkey", "alias"):
                yield from _strings(item)


class Response(Protocol):
    """What an HTTP client answers with, as far as it is needed here."""

    @property
    def status_code(self) -> int: ...

    def get_json(self) -> Any: ...


class Client(Protocol):
    """Flask's test client, as far as it is needed here."""

    def post(self, path: str, /, *, json: Any) -> Response: ...


def ask(client: Client, template: Template, model: str) -> tuple[int, list[Json]]:
    """Status and entries of /predict for a batch of the template's tasks, after the /setup that names the `model`.

    A model's name of its own keeps apart what the backend remembers of a server: which forms of answer it refuses.
    """
    project = f"{model}.1795372442"
    client.post("/setup", json=_setup(project, template.config, model))
    params = {"login": None, "password": None, "context": None}
    body = {"project": project, "label_config": template.config, "tasks": list(template.tasks), "params": params}
    response = client.post("/predict", json=body)
    answer = response.get_json()
    entries = answer.get("results", []) if isinstance(answer, dict) else []
    return response.status_code, entries


def folder() -> Path | None:
    """The installed templates; None where Label Studio is not installed beside this repository's environment."""
    root = Path(__file__).parents[1] / ".venv-label-studio"
    return next(root.glob("lib/python3*/site-packages/label_studio/annotation_templates"), None)


def shipped() -> dict[str, str]:
    """Configs of all templates that are installed, by name ("<group>/<template>")."""
    root = folder()
    paths = sorted(root.glob("*/*/config.yml")) if root else []
    documents = {path: yaml.safe_load(path.read_text(encoding="utf-8")) for path in paths}
    return {"/".join(path.parts[-3:-1]): str(document["config"]) for path, document in documents.items()}


@functools.cache
def templates() -> tuple[Template, ...]:
    """All templates that a model can fill, those of text first; none where Label Studio is not installed."""
    configs = shipped()
    names = [(name, kind) for kind, members in KINDS.items() for name in members if name in configs]
    return tuple(template(name, kind, configs[name]) for name, kind in names)


def template(name: str, kind: Kind, config: str) -> Template:
    """The template made of `config`: a prompt field is put in, tasks are made, controls are counted."""
    root = _parsed(config)
    prompt = _free_name({str(element.get("name")) for element in root.iter() if element.get("name")})
    data = _with_own_files(root, _sample(root, config))
    changed = _beyond_the_basic_plane(root, data[0])
    tasks = data if changed == data[0] else [*data, changed]
    controls = [(element, _called(element)) for element in _elements(root) if _is_control(element)]
    # Put in last: it is no control to fill.
    field = etree.SubElement(root, "TextArea", name=prompt, toName=_first_readable(root))
    field.tail = "\n"
    bodies = [
        {"id": number, "data": each, "annotations": [], "drafts": [], "predictions": []}
        for number, each in enumerate(tasks, start=1)
    ]
    return Template(
        name=name,
        kind=kind,
        config=etree.tostring(root.getroottree(), encoding="unicode"),
        prompt=prompt,
        tasks=tuple(bodies),
        controls=tuple(called for _, called in controls),
        fillable=tuple(called for element, called in controls if element.tag in FILLABLE_TAGS),
    )


def _parsed(config: str) -> Any:
    return etree.fromstring(config.strip().encode())


def _setup(project: str, config: str, model: str) -> Json:
    return {
        "project": project,
        "schema": config,
        "hostname": "http://127.0.0.1:8085",
        "access_token": "creators-token",
        "extra_params": {"model": model},
    }


def _free_name(taken: set[str]) -> str:
    return "llm-prompt" if "prompt" in taken else "prompt"


def _elements(root: Any) -> Iterator[Any]:
    """All tags in document order, without comments."""
    return (element for element in root.iter() if isinstance(element.tag, str))


def _called(element: Any) -> str:
    return RELATIONS if element.tag == "Relations" else str(element.get("name"))


def _is_control(element: Any) -> bool:
    if element.tag == "Relations":
        return True
    # A Rating without toName (chatbot-assessment has one) is no control for the SDK.
    return element.tag in FILLABLE_TAGS | _UNFILLABLE_TAGS and bool(element.get("name") and element.get("toName"))


def _field(element: Any) -> str | None:
    """The task field that a tag shows; None for a text of its own."""
    found = _FIELD.fullmatch(element.get("value") or element.get("valueList") or "")
    return found[1] if found else None


def _first_readable(root: Any) -> str:
    shown = [element for element in _elements(root) if _field(element) and element.get("name")]
    for tags in (_READABLE, _READABLE_LAST):
        for element in shown:
            if element.tag in tags:
                return str(element.get("name"))
    raise AssertionError("a template without an object that a model can read")


def _sample(root: Any, config: str) -> list[Json]:
    """Task data as Label Studio's preview has it: examples by field and tag, replaced by the config's own."""
    shown = {field: element for element in _elements(root) if (field := _field(element))}
    own = [_renamed(data, set(shown)) for data in _own_samples(config)] or [{}]
    return [{**{field: _example(shown[field], field) for field in shown if field not in data}, **data} for data in own]


def _example(element: Any, field: str) -> Any:
    examples = _examples()
    by_name = examples.get(f"${field}")
    if by_name is not None:
        return by_name
    if element.tag == "Paragraphs":
        name, text = element.get("nameKey") or "author", element.get("textKey") or "text"
        return [{name: item["author"], text: item["text"]} for item in examples["Paragraphs"]]
    if element.tag == "Text":
        return f"{examples['TextRaw']} This one is called {field}."
    return examples["Labels" if element.tag.endswith("Labels") else element.tag]


@functools.cache
def _examples() -> Json:
    root = folder()
    assert root is not None
    text = (root.parent / "core/utils/schema/data_examples.json").read_text(encoding="utf-8")
    examples: Json = json.loads(text.replace("<HOSTNAME>", "http://localhost:8080"))["editor_preview"]
    return examples


def _own_samples(config: str) -> list[Json]:
    """Data of the tasks in the config's comments: an object with or without "data", or a list of them."""
    for comment in re.findall(r"<!--(.*?)-->", config, re.DOTALL):
        if comment.lstrip()[:1] in ("{", "["):
            found = json.loads(comment)
            return [item.get("data", item) for item in (found if isinstance(found, list) else [found])]
    return []


def _renamed(data: Json, fields: set[str]) -> Json:
    """`data` under the config's field where both have only one: two templates call it otherwise in their samples."""
    if len(data) == len(fields) == 1:
        return dict(zip(fields, data.values(), strict=True))
    return data


def _with_own_files(root: Any, tasks: list[Json]) -> list[Json]:
    """The tasks with `data:` URIs instead of the addresses of images and PDFs, in HTML too."""
    kinds = {field: element for element in _elements(root) if (field := _field(element))}

    def own(value: Any, element: Any) -> Any:
        if element is not None and element.tag == "Image":
            return [picture(1), picture(2)] if element.get("valueList") else picture()
        if element is not None and element.tag == "Pdf":
            return picture(kind="PDF")
        if isinstance(value, str):
            return _IMG.sub(lambda found: f'{found[1]}"{picture()}"', value)
        if isinstance(value, list):
            return [own(item, None) for item in value]
        if isinstance(value, dict):
            return {key: own(item, None) for key, item in value.items()}
        return value

    return [{field: own(value, kinds.get(field)) for field, value in data.items()} for data in tasks]


def _beyond_the_basic_plane(root: Any, data: Json) -> Json:
    """`data` with characters in front of each text that UTF-16 counts as two: wrong offsets show."""
    changed = dict(data)
    for element in _elements(root):
        field = _field(element)
        value = data.get(field or "")
        if element.tag == "Text" and isinstance(value, str):
            changed[str(field)] = _ASTRAL + value
        elif element.tag == "HyperText" and isinstance(value, str):
            changed[str(field)] = f"<p>{_ASTRAL}&amp; more<br>on two lines</p>{value}"
        elif element.tag == "Paragraphs" and isinstance(value, list):
            key = element.get("textKey") or "text"
            changed[str(field)] = [{**item, key: _ASTRAL + item[key]} for item in value]
    return changed


@functools.cache
def picture(number: int = 0, kind: Literal["PNG", "PDF"] = "PNG") -> str:
    """A small picture as a `data:` URI: a rectangle on white, another for each `number`."""
    image = Image.new("RGB", (96, 64), "white")
    ImageDraw.Draw(image).rectangle((8 + 4 * number, 8, 48 + 4 * number, 40), fill="navy")
    file = io.BytesIO()
    image.save(file, kind)
    mime = "image/png" if kind == "PNG" else "application/pdf"
    return f"data:{mime};base64,{base64.b64encode(file.getvalue()).decode()}"
