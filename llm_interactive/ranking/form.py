"""The labeling config in which people rank replies, and the data of its tasks.

Two replies stand side by side (Pairwise), more in a list to be dragged (Ranker). Replies are called r1, r2, … in the
order in which they are shown; whose they are stands nowhere in Label Studio.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

from llm_interactive.errors import LabelingConfigError
from llm_interactive.export.comparisons import BAD, LEFT, PICTURES, RIGHT, SAME, SOURCE, VERDICT, Comparison
from llm_interactive.label_studio.records import Task
from llm_interactive.labeling.config import tags_of
from llm_interactive.labeling.contents import addresses_of
from llm_interactive.labeling.split import CONTENT
from llm_interactive.labeling.tags import ObjectTag, Region

MESSAGES, REPLIES = "messages", "replies"
"""Fields of a task's data: what is replied to, and the replies of a list."""

CONTEXT = "context"
"""Name of the object that shows what is replied to."""

_PAIR = f"""  <Header value="Which reply is better?"/>
  <Pairwise name="better" toName="r1,r2"/>
  <View className="replies">
    <View className="reply"><Text name="r1" value="$r1"/></View>
    <View className="reply"><Text name="r2" value="$r2"/></View>
  </View>
  <Choices name="{VERDICT}" toName="{CONTEXT}" choice="single-radio" showInLine="true">
    <Choice value="{LEFT}"/>
    <Choice value="{RIGHT}"/>
    <Choice value="{SAME}"/>
    <Choice value="{BAD}"/>
  </Choices>
"""

_LIST = """  <Header value="Drag the replies into order, the best first"/>
  <List name="replies" value="$replies"/>
  <Ranker name="order" toName="replies"/>
"""

# A small model can name one of two replies, but hardly write down an order.
_BETTER = """  <Header value="Replies"/>
  <List name="replies" value="$replies"/>
  <Header value="The better reply"/>
  <Choices name="order" toName="context" choice="single">
    <Choice value="1"/>
    <Choice value="2"/>
  </Choices>
"""

# The Ranker prints an item's id in its last paragraph, and would show a reply's lines as one. A rule with a child
# selector is lost: Label Studio escapes its sign.
_STYLE = """  <Style>
    .replies { display: flex; gap: 16px; }
    .reply { flex: 1; min-width: 0; border: 1px solid #c8ccd4; border-radius: 4px; padding: 4px; }
    .htx-ranker-item p { white-space: pre-wrap; }
    .htx-ranker-item p:last-child { display: none; }
  </Style>
"""


def labeling_config(pictures: Sequence[ObjectTag], *, as_pair: bool) -> str:
    """The labeling config: the dialogue that is replied to, with its pictures, and the replies."""
    context = '  <Paragraphs name="context" value="$messages" layout="dialogue" nameKey="role" textKey="content"/>\n'
    return f"<View>\n{_STYLE}{_shown(pictures)}{context}{_PAIR if as_pair else _LIST}</View>\n"


def judging_config(ranking: str, prompt: str) -> str:
    """The labeling config by which an LLM ranks what is ranked in the labeling config `ranking`, asked by `prompt`."""
    pictures = [tag for tag in tags_of(ranking)[0] if tag.tag in PICTURES]
    asked = f'  <Text name="context" value="$context"/>\n  <TextArea name={quoteattr(prompt)} toName="context"/>\n'
    verdict = _BETTER if comparison_of(ranking).control.tag == "Pairwise" else _LIST
    return f"<View>\n{_shown(pictures)}{asked}{verdict}</View>\n"


def comparison_of(config: str) -> Comparison:
    """The control in which replies are ranked.

    Raises:
        LabelingConfigError: there is none.
    """
    found = Comparison.of(config, "Pairwise") or Comparison.of(config, "Ranker")
    if found is None:
        raise LabelingConfigError(
            "The project's labeling config has no Pairwise and no Ranker: replies are not ranked in it."
        )
    return found


def verdict_region(label: str) -> Region:
    """The region that says which of two replies is better."""
    value = {"choices": [label]}
    return {"id": VERDICT, "from_name": VERDICT, "to_name": CONTEXT, "type": "choices", "value": value}


def _shown(pictures: Sequence[ObjectTag]) -> str:
    return "".join(
        f'  <{tag.tag} name="{_field(number)}" {_value_attribute(tag)}="${_field(number)}"/>\n'
        for number, tag in enumerate(pictures)
    )


def task_data(
    task: Task,
    content: str,
    messages: Sequence[Mapping[str, str]],
    replies: Mapping[str, str],
    pictures: Sequence[ObjectTag],
    *,
    as_pair: bool,
) -> dict[str, Any]:
    """The data of the task in which `replies` (by their ids) to `task` are ranked; `content` as `Split.content`.

    Nothing else of the task is taken: it may name a model.
    """
    shown: dict[str, Any] = {}
    for number, tag in enumerate(pictures):
        addresses = addresses_of(tag, task.data)
        shown[_field(number)] = addresses if _value_attribute(tag) == "valueList" else addresses[0]
    listed = replies if as_pair else {REPLIES: [{"id": id, "body": text} for id, text in replies.items()]}
    return {MESSAGES: list(messages), **shown, **listed, SOURCE: task.id, CONTENT: content}


def _value_attribute(tag: ObjectTag) -> str:
    return "valueList" if "valuelist" in tag.attributes else "value"


def _field(number: int) -> str:
    return f"picture{number + 1}"
