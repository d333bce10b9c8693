"""Why a trainer would refuse a line, or learn nothing from it."""

from __future__ import annotations

from jsonschema import Draft202012Validator

from llm_interactive.export.records import Example, Messages, Pair
from llm_interactive.export.shapes import Line, Shape
from llm_interactive.outputs.annotated import LeftOut
from llm_interactive.store.store import fingerprint

MAX_IMAGES = 64
MAX_IMAGE_CHARACTERS = 10 * 1024 * 1024 * 4 // 3
"""10 MB in base64: with 64 images, what OpenAI and Azure take in an example."""


class Validator:
    """Checks records against the rules that all trainers share, and their lines against the shape's JSON schema."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._schema = Draft202012Validator(shape.schema)

    def line(self, record: Example) -> Line:
        """The record's line.

        Raises:
            LeftOut: it breaks a rule; the reason.
        """
        _check_turns(record.messages)
        _check_images(record.messages, allowed=self._shape.images)
        if isinstance(record, Pair) and fingerprint(record.chosen) == fingerprint(record.rejected):
            raise LeftOut("both replies are the same")
        line = self._shape.write(record)
        if error := next(self._schema.iter_errors(line), None):
            raise LeftOut(f"its {error.json_path.removeprefix('$.')} is not what the format takes")
        return line


def _check_turns(messages: Messages) -> None:
    roles = [message["role"] for message in messages]
    turns = roles[1:] if roles[:1] == ["system"] else roles
    if not turns or turns[0] != "user":
        raise LeftOut("the dialogue does not begin with a user")
    if turns != [("user", "assistant")[number % 2] for number in range(len(turns))]:
        raise LeftOut("the dialogue's roles do not alternate")
    if turns[-1] != "user":
        raise LeftOut("the dialogue does not end with a user")


def _check_images(messages: Messages, *, allowed: bool) -> None:
    parts = [part for message in messages if isinstance(message["content"], list) for part in message["content"]]
    images = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    if images and not allowed:
        raise LeftOut("it has images, which only the format vision takes")
    if len(images) > MAX_IMAGES:
        raise LeftOut(f"it has more than {MAX_IMAGES} images")
    if any(len(url) > MAX_IMAGE_CHARACTERS for url in images):
        raise LeftOut("an image is larger than 10 MB")
