"""A model that answers by the JSON schema of its request, and servers that treat such a request in six ways.

    llm.answer = SERVERS["obeys"]()

An answer depends on nothing but the request: the same messages give the same values. Quotes are words that stand in the
task's text, numbers of spans count from 1, relations name numbers that were given.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from testing.llm import Call, FixedAnswer, Reply, error

Json = dict[str, Any]

NOT_SUPPORTED = (
    "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model. "
    "Learn more about supported models at the Structured Outputs guide."
)
PROSE = "I looked at all of it carefully and would rather talk it over with a colleague before I say more."
UNKNOWN = "No such label ☂"

# What OpenAI's strict mode refuses, what Azure refuses beyond it, and what llama.cpp does not take.
_REFUSED = frozenset(
    "allOf not if then else dependentRequired dependentSchemas oneOf uniqueItems default minimum maximum multipleOf "
    "exclusiveMinimum exclusiveMaximum minLength maxLength pattern format minItems maxItems contains patternProperties "
    "propertyNames minProperties maxProperties prefixItems unevaluatedProperties".split()
)
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TAG = re.compile(r"<[^<>]*>")
_WORD = re.compile(r"[^\W\d_]{3,24}")
_DIRECTIVE = re.compile(r"\n*Task Directive:.*", re.DOTALL)


def schema_of(call: Call) -> Json | None:
    """The JSON schema that the request carries; None where it has none."""
    wanted = call.json.get("response_format") or {}
    schema: Json | None = (wanted.get("json_schema") or {}).get("schema")
    return schema


def schema_faults(call: Call) -> list[str]:
    """What keeps some server from taking the request's schema; none where it has none."""
    schema = schema_of(call)
    if schema is None:
        return []
    wanted = call.json["response_format"]["json_schema"]
    found = [] if _NAME.fullmatch(str(wanted.get("name"))) else [f"name {wanted.get('name')!r}"]
    if schema.get("type") != "object":
        found.append("the root is not an object")
    _find_faults(schema, "$", 1, found)
    if _enum_values(schema) > 1000:
        found.append("over 1,000 enum values")
    return found


def _find_faults(schema: Json, path: str, depth: int, found: list[str]) -> None:
    found += [f"{path}: {name} is refused" for name in sorted(_REFUSED & set(schema))]
    if depth > 10:
        found.append(f"{path}: more than 10 levels")
    if "enum" in schema:
        values = [json.dumps(value) for value in schema["enum"]]
        if not values:
            found.append(f"{path}: an empty enum")
        if len(set(values)) < len(values):
            found.append(f"{path}: a value twice in an enum")
        if len(values) > 250 and sum(map(len, values)) > 15_000:
            found.append(f"{path}: an enum of over 15,000 characters")
    if schema.get("type") == "object" or "properties" in schema:
        properties = schema.get("properties", {})
        if sorted(schema.get("required", [])) != sorted(properties):
            found.append(f"{path}: not every property is required")
        if schema.get("additionalProperties") is not False:
            found.append(f"{path}: additionalProperties is not false")
        for name, part in properties.items():
            _find_faults(part, f"{path}.{name}", depth + 1, found)
    if isinstance(schema.get("items"), dict):
        _find_faults(schema["items"], f"{path}[]", depth + 1, found)
    for part in schema.get("anyOf", []):
        _find_faults(part, f"{path}?", depth, found)


def _enum_values(schema: Any) -> int:
    if isinstance(schema, dict):
        own = len(schema["enum"]) if isinstance(schema.get("enum"), list) else 0
        return own + sum(_enum_values(part) for part in schema.values())
    return sum(map(_enum_values, schema)) if isinstance(schema, list) else 0


@dataclass
class _Writer:
    """Writes one answer: `quotes` are used up in their order, `spans` counts those that were given a number."""

    chance: random.Random
    quotes: list[str]
    guide: str
    empty: bool = False
    spans: int = 0
    root: Json = field(default_factory=dict)

    def value(self, schema: Json, name: str = "") -> Any:
        """A valid value for `schema`; `name` is its property's name."""
        if "$ref" in schema:
            return self.value(_resolved(self.root, schema["$ref"]), name)
        if "const" in schema:
            return schema["const"]
        if "anyOf" in schema:
            return self._any_of(schema["anyOf"], name)
        kinds = schema["type"] if isinstance(schema.get("type"), list) else [schema.get("type")]
        nullable = "null" in kinds or None in schema.get("enum", [])
        if nullable and (self.empty or name == "paragraph"):
            return None
        if "enum" in schema:
            return self.chance.choice([value for value in schema["enum"] if value is not None] or [None])
        kind = next((kind for kind in kinds if kind != "null"), "null")
        return self._plain(kind, schema, name)

    def _any_of(self, options: list[Json], name: str) -> Any:
        nothing = [option for option in options if option.get("type") == "null"]
        if self.empty and nothing:
            return None
        return self.value(next(option for option in options if option not in nothing), name)

    def _plain(self, kind: str | None, schema: Json, name: str) -> Any:
        if kind == "object":
            return self._object(schema)
        if kind == "array":
            return self._array(schema.get("items", {}), name)
        if kind == "string":
            return "" if self.empty else self._text(name)
        if kind in ("integer", "number"):
            return 0 if self.empty else self.chance.randint(1, 3)
        return True if kind == "boolean" else None

    def _object(self, schema: Json, **known: Any) -> Json:
        if buckets := _buckets(schema):
            return self._sorted_into(buckets)
        return {name: known.get(name, self.value(part, name)) for name, part in schema.get("properties", {}).items()}

    def _array(self, items: Json, name: str) -> list[Any]:
        if "$ref" in items:
            items = _resolved(self.root, items["$ref"])
        if self.empty:
            return []
        properties = items.get("properties", {})
        if "quote" in properties:
            return [self._span(items) for _ in range(min(4, len(self.quotes)))]
        if {"from", "to"} <= set(properties):
            return [self._object(items, **{"from": 1, "to": 2})] if self.spans > 1 else []
        if {"left", "top", "right", "bottom"} <= set(properties):
            return [self._box(items, number) for number in (1, 2)]
        if "page" in properties:
            return [self._object(items, page=1)]
        if "enum" in items:
            values = [value for value in items["enum"] if value is not None]
            # An order is an order of all.
            wanted = len(values) if " all " in self._line(name) else 2
            return self.chance.sample(values, k=min(wanted, len(values)))
        return [self.value(items, name) for _ in range(self.chance.randint(1, 2))]

    def _sorted_into(self, buckets: dict[str, list[Any]]) -> Json:
        """Each value in one of the buckets or in none."""
        places: Json = {name: [] for name in buckets}
        for value in [] if self.empty else next(iter(buckets.values())):
            if place := self.chance.choice([*places, ""]):
                places[place].append(value)
        return places

    def _line(self, name: str) -> str:
        """What the system message says of a field, in lower case."""
        return next((line for line in self.guide.splitlines() if name and f'"{name}"' in line), "").lower()

    def _span(self, items: Json) -> Json:
        self.spans += 1
        return self._object(items, n=self.spans)

    def _box(self, items: Json, number: int) -> Json:
        corner = 100 * number
        place = {"left": corner, "top": corner, "right": corner + 250, "bottom": corner + 150}
        self.spans += 1
        return self._object(items, **place, n=self.spans, page=1)

    def _text(self, name: str) -> str:
        if name == "quote":
            self.quotes.append(self.quotes.pop(0))
            return self.quotes[-1]
        wanted = self._line(name)
        if re.search(r"\bdate|\byyyy|\bday\b", wanted):
            return "2024-05-17T08:30" if "time" in wanted or "hh" in wanted else "2024-05-17"
        if re.search(r"\btime\b|\bhh:mm", wanted):
            return "08:30"
        return f"A sentence for {name or 'it'}."


def _buckets(schema: Json) -> dict[str, list[Any]]:
    """The values of each list where an object holds nothing but lists of the same values: a Ranker's buckets."""
    parts = {name: (part.get("items") or {}).get("enum") for name, part in schema.get("properties", {}).items()}
    alike = len(parts) > 1 and all(values and values == next(iter(parts.values())) for values in parts.values())
    return {name: values for name, values in parts.items() if values} if alike else {}


def _resolved(root: Json, reference: str) -> Json:
    part: Any = root
    for name in reference.removeprefix("#").strip("/").split("/"):
        part = part[name] if name else part
    return dict(part)


def task_text(call: Call) -> str:
    """What the model is to read: the last user message, without the directive that the default template adds."""
    said = [message for message in call.messages if message["role"] == "user"]
    text = _texts(said[-1]["content"]) if said else ""
    return _DIRECTIVE.sub("", text).removeprefix("Source Text:") or text


def _texts(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in content if part.get("type") == "text")


def quotes(text: str) -> list[str]:
    """Words to quote, in reading order: the longest one of each of the text's lines, or two of a single line."""
    lines = [found for line in _TAG.sub("\n", text).splitlines() if (found := _WORD.findall(line))]
    if len(lines) == 1:
        half = (len(lines[0]) + 1) // 2
        lines = [part for part in (lines[0][:half], lines[0][half:]) if part]
    return [max(words, key=len) for words in lines]


def valid_value(call: Call, schema: Json, *, empty: bool = False) -> Any:
    """A value that fits `schema`, the same for the same messages; with `empty`, as little as it allows."""
    seed = hashlib.sha256(json.dumps(call.messages, sort_keys=True).encode()).digest()
    guide = "\n".join(_texts(message["content"]) for message in call.messages if message["role"] == "system")
    writer = _Writer(random.Random(seed), quotes(task_text(call)), guide, empty, root=schema)
    return writer.value(schema)


def broken_value(value: Any, chance: random.Random) -> Any:
    """`value` with each part broken in some way: unknown labels, wrong types, strange numbers and keys of its own."""
    if isinstance(value, dict):
        changed = {name: broken_value(part, chance) for name, part in value.items()}
        return {**changed, "extra": "a key that nobody asked for", "": None}
    if isinstance(value, list):
        parts: list[Any] = [broken_value(part, chance) for part in value]
        return chance.choice([[*parts, *parts, UNKNOWN, 5, None, ["nested", [UNKNOWN]]], UNKNOWN, {"0": parts}, parts])
    if isinstance(value, bool) or value is None:
        return UNKNOWN
    if isinstance(value, (int, float)):
        return chance.choice([str(value), value + 10_000, -value, float(value) + 0.5, "many", [value], True])
    return chance.choice([UNKNOWN, {"text": value}, 42, [value, UNKNOWN], None, f"  {value.upper()}! ", "", "\ud83d"])


class _Server:
    """Answers with the schema of the request, else with the last one that this model's requests carried.

    A server that refused a schema, or whose answer did not fit, is asked again without it.
    """

    def __init__(self, answer: Callable[[Call, Json], FixedAnswer]) -> None:
        self._answer = answer
        self._seen: dict[str, Json] = {}
        # Guards _seen: a batch's requests come in threads.
        self._lock = threading.Lock()

    def __call__(self, call: Call) -> FixedAnswer:
        """The answer to one request; plain text where this model was never given a schema."""
        model = str(call.json.get("model"))
        with self._lock:
            schema = schema_of(call)
            if schema is not None:
                self._seen[model] = schema
            schema = self._seen.get(model)
        return "A plain answer, since nothing else was asked for." if schema is None else self._answer(call, schema)


def _obeys(call: Call, schema: Json) -> FixedAnswer:
    return _compact(valid_value(call, schema))


def _refuses(call: Call, schema: Json) -> FixedAnswer:
    if "response_format" in call.json:
        return error(400, NOT_SUPPORTED, param="response_format")
    return _fenced(valid_value(call, schema))


def _ignores(call: Call, schema: Json) -> FixedAnswer:
    return PROSE


def _breaks(call: Call, schema: Json) -> FixedAnswer:
    seed = hashlib.sha256(json.dumps(call.messages, sort_keys=True).encode()).digest()
    return json.dumps(broken_value(valid_value(call, schema), random.Random(seed)))


def _answers_none(call: Call, schema: Json) -> FixedAnswer:
    return _compact(valid_value(call, schema, empty=True))


def _cut(call: Call, schema: Json) -> FixedAnswer:
    text = _compact(valid_value(call, schema))
    return Reply([text[: len(text) // 2]] * int(call.json.get("n") or 1), finish_reason="length")


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _fenced(value: Any) -> str:
    """As chatty models write it."""
    return f"Sure, here it is:\n\n```json\n{json.dumps(value, ensure_ascii=False, indent=2)}\n```\nAnything else?"


SERVERS: Mapping[str, Callable[[], Callable[[Call], FixedAnswer]]] = {
    "obeys": lambda: _Server(_obeys),
    "refuses": lambda: _Server(_refuses),
    "ignores": lambda: _Server(_ignores),
    "breaks": lambda: _Server(_breaks),
    "answers_none": lambda: _Server(_answers_none),
    "cut": lambda: _Server(_cut),
}
"""Makers of a FakeLLM's `answer`, each a server of its own kind."""
