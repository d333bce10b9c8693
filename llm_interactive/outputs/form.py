"""A prompt spec with its outputs: the schema and the field guide of one call, and its reply turned into regions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from llm_interactive.errors import is_error_text
from llm_interactive.labeling.config import PromptSpec, texts_in
from llm_interactive.labeling.tags import ControlTag, Region
from llm_interactive.outputs.base import Data, Output, Schema, region
from llm_interactive.outputs.choices import Choices
from llm_interactive.outputs.kinds import has_options, outputs_of
from llm_interactive.outputs.reading import Answer, read
from llm_interactive.outputs.relations import Relations
from llm_interactive.outputs.schema import guide, object_schema
from llm_interactive.outputs.scores import Probability, has_labels, scores
from llm_interactive.outputs.textarea import TextArea
from llm_interactive.outputs.visibility import saved

_MEANT = (
    "allownested choice format leafsonly max maxrating maxsubmissions maxusages min only peritem perregion step value "
    "whenlabelvalue"
).split()
"""Attributes of controls that make another prediction; the others are looks."""


@dataclass(frozen=True)
class Filled:
    """What replies make of a form: regions, and how sure the model is of each output with labels, by control name.

    The regions of such an output have its score, where it is known.
    """

    regions: list[Region]
    scores: Mapping[str, float | None]


@dataclass(frozen=True)
class Form:
    """What one prompt fills.

    Attributes:
        spec: the prompt field and its controls.
        outputs: those that are filled, in document order.
        unfilled: the others, each with the reason.
        rivals: TextAreas of which annotators prefer one: each is filled by a reply of its own.
    """

    spec: PromptSpec
    outputs: tuple[Output, ...]
    unfilled: tuple[tuple[ControlTag, str], ...]
    rivals: tuple[Output, ...] = ()

    @classmethod
    def of(cls, spec: PromptSpec) -> Form:
        """The form of a prompt spec."""
        outputs, unfilled = outputs_of(spec)
        areas = tuple(output for output in outputs if isinstance(output, TextArea))
        chosen = next((control for control in spec.controls if is_preference(control)), None)
        if chosen is None or len(areas) < 2:
            return cls(spec, outputs, unfilled)
        filled = tuple(output for output in outputs if output.control != chosen)
        return cls(spec, filled, (*unfilled, (chosen, "annotators choose which response is better")), areas)

    @cached_property
    def asked(self) -> tuple[Output, ...]:
        """The outputs that one reply fills: of rivals the first one."""
        return tuple(output for output in self.outputs if output not in self.rivals[1:])

    @cached_property
    def sides(self) -> tuple[Form, ...]:
        """Of two rivals, the form of each: the first one with what else is filled. None where there are no two."""
        if len(self.rivals) != 2:
            return ()
        first, second = (rival.control for rival in self.rivals)
        rest = tuple(tag for tag in self.spec.controls if tag != second and not is_preference(tag))
        return tuple(
            Form.of(replace(self.spec, controls=controls, response=area))
            for area, controls in ((first, rest), (second, (second,)))
        )

    @property
    def name(self) -> str:
        """The name of the prompt field."""
        return self.spec.prompt.name

    @property
    def shows_images(self) -> bool:
        """Whether the prompt's message shows files of the task: images, PDFs."""
        return bool(self.picture_fields) or any(tag.tag in ("Image", "Pdf") for tag in self.spec.objects)

    @cached_property
    def picture_fields(self) -> dict[str, str]:
        """`$field` of the Lists and of the choices that a task brings, whose items may hold pictures, by tag name."""
        fields = {tag.name: tag.value for tag in self.spec.objects if tag.tag == "List"}
        controls = [output.control for output in self.outputs if isinstance(output, Choices) and output.depends_on_task]
        return fields | {control.name: control.attributes["value"] for control in controls}

    @cached_property
    def is_plain(self) -> bool:
        """Whether the whole reply is the one thing that is filled, so that no schema is needed."""
        return len(self.asked) == 1 and isinstance(self.asked[0], TextArea)

    @cached_property
    def has_labels(self) -> bool:
        """Whether an output is filled of which a model can be more or less sure."""
        return any(map(has_labels, self.outputs))

    def has_failed(self, regions: Sequence[Region]) -> bool:
        """Whether there is an error text where the response should be."""
        return any(is_error_text(text) for control in self.texts for text in texts_in(regions, control))

    @cached_property
    def texts(self) -> tuple[ControlTag, ...]:
        """The TextAreas that are filled, the response first."""
        found = [output.control for output in self.outputs if isinstance(output, TextArea)]
        return tuple(sorted(found, key=lambda control: control != self.spec.response))

    def labels(self, data: Data) -> list[str]:
        """The names of the first Choices, for `{labels}` in a template."""
        choices = next((output for output in self.outputs if isinstance(output, Choices)), None)
        return choices.names(data) if choices else []

    def schema(self, data: Data) -> Schema:
        """The schema of the reply.

        Raises:
            TaskDataError: labels or items that the task should bring are missing.
        """
        return self._constant[0] if self._constant else object_schema(self._open(data), data)

    def guide(self, data: Data) -> str:
        """The fields of the reply in words, for the system message."""
        return self._constant[1] if self._constant else guide(self._open(data), data)

    @cached_property
    def filled_controls(self) -> tuple[ControlTag, ...]:
        """The controls that are filled, those of regions too."""
        left = [control for control, _ in self.unfilled]
        return tuple(control for control in self.spec.controls if control not in left)

    @cached_property
    def digest(self) -> str:
        """What of the form makes a prediction another one (64 hex digits); what tasks bring does not count."""
        outcome = [
            self.guide({}) if self._constant else None,
            [_meaning(tag) for tag in self.filled_controls],
            [[tag.name, tag.tag, tag.value] for tag in self.spec.objects],
            [tag.title for tag in self.spec.objects] if len(self.spec.objects) > 1 else None,
        ]
        return hashlib.sha256(json.dumps(outcome, sort_keys=True).encode()).hexdigest()

    def read(self, reply: str, data: Data, *, cut: bool = False) -> Answer:
        """The values in a reply. `cut`: it ended at the limit of tokens."""
        return read(reply, self._open(data), data, cut=cut)

    def filled(
        self, replies: Sequence[str], data: Data, probability: Probability | None = None, *, cut: bool = False
    ) -> Filled:
        """What replies make: the first one fills the form, the texts of all stand in the response.

        Of rivals, each holds the text of one. `probability` is that of places in the first reply, if it is known.
        `cut`: a reply ended at the limit of tokens.
        """
        values: dict[str, Any] = {}
        sure: dict[str, float | None] = {}
        if self.is_plain:
            texts = [self.asked[0].check(reply, data).value for reply in replies]
        else:
            answers = [self.read(reply, data, cut=cut) for reply in replies]
            values = dict(answers[0].values)
            texts = [answer.values.get(self.texts[0].name) for answer in answers] if self.texts else []
            sure = scores(replies, answers, self._open(data), data, probability)
        if self.rivals:
            values |= {rival.control.name: text for rival, text in zip(self.rivals, texts, strict=False)}
        elif len(texts) > 1 or self.is_plain:
            several = [text if isinstance(text, list) else [text] for text in texts if text]
            values[self.texts[0].name] = [text for some in several for text in some]
        made = saved(self._regions(values, data), self.filled_controls)
        return Filled([_scored(region, sure) for region in made], sure)

    def _regions(self, values: Mapping[str, Any], data: Data) -> list[Region]:
        found: list[Region] = []
        for output in self.outputs:
            value = values.get(output.control.name)
            if isinstance(output, Relations):
                found += output.relations(value, data, values)
            else:
                found += output.regions(value, data)
        return found

    def prompt_region(self, prompt: str) -> Region:
        """The region of the prompt field."""
        return region(self.spec.prompt, {"text": [prompt]})

    def _open(self, data: Data) -> tuple[Output, ...]:
        """The outputs that can be filled for a task: those that the task brings labels for."""
        return self.asked if self._constant else tuple(out for out in self.asked if has_options(out, data))

    @cached_property
    def _constant(self) -> tuple[Schema, str] | None:
        if self.is_plain or any(output.depends_on_task for output in self.asked):
            return None
        said = guide(self.asked, {})  # first, as it is bounded
        return object_schema(self.asked, {}), said


def is_preference(control: ControlTag) -> bool:
    """Whether a control says which of two responses is better: Choices of A, B and others."""
    return control.tag == "Choices" and control.name.startswith("preference") and len(control.labels) >= 2


def _scored(region: Region, scores: Mapping[str, float | None]) -> Region:
    score = scores.get(region.get("from_name", ""))
    return region if score is None else {**region, "score": score}


def _meaning(tag: ControlTag) -> list[Any]:
    attributes = {name: tag.attributes[name] for name in _MEANT if name in tag.attributes}
    return [
        tag.tag,
        tag.name,
        [target.name for target in tag.objects],
        attributes,
        repr(tag.labels),
        repr(tag.conditions),
    ]
