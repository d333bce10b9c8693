"""What people say of the replies that a project shows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import factorial

from llm_interactive.errors import SetupError
from llm_interactive.export.comparisons import SOURCE, Comparison, is_filled_in
from llm_interactive.label_studio.records import Project, Task
from llm_interactive.outputs.annotated import LeftOut
from llm_interactive.store.rankings import Order, Ranked, Rankings


@dataclass(frozen=True)
class Reply:
    """A reply that is ranked, and the model versions that gave it."""

    text: str
    versions: Sequence[str]


@dataclass(frozen=True)
class Vote:
    """What a ballot says of two replies: `score` is 1 where the one shown first is better, 0.5 at a tie, else 0."""

    ids: tuple[str, str]
    first: Reply
    second: Reply
    score: float


@dataclass(frozen=True)
class Ballot:
    """What somebody says of the replies to one prompt.

    Attributes:
        task: id of the task that shows them.
        voter: the user's id, 0 where it is unknown.
        replies: by their ids, in the order in which they are shown.
        order: the ids, best first; in one list, those that are as good as each other.
        prefilled: whether it began with what a judge had filled in.
        is_list: whether the replies are in a list, which can be submitted without a look at it.
    """

    task: int
    voter: int
    replies: Mapping[str, Reply]
    order: Order
    prefilled: bool = False
    is_list: bool = False

    @property
    def is_untouched(self) -> bool:
        """Whether it is just the order in which a list was shown, which may mean that nobody looked at it."""
        return bool(self.chance_untouched) and self.order == [[id] for id in self.replies]

    @property
    def chance_untouched(self) -> float:
        """How likely an order that was thought about is the one shown; 0 where this says nothing."""
        return 1 / factorial(len(self.replies)) if self.is_list and not self.prefilled else 0.0

    @property
    def votes(self) -> Iterator[Vote]:
        """Each two replies that it ranks."""
        places = {id: place for place, ids in enumerate(self.order) for id in ids}
        for first, second in combinations((id for id in self.replies if id in places), 2):
            difference = places[second] - places[first]
            score = 0.5 if difference == 0 else float(difference > 0)
            yield Vote((first, second), self.replies[first], self.replies[second], score)


@dataclass(frozen=True)
class Ballots:
    """All ballots of a project.

    Attributes:
        cast: those that say something, the newest one of each person for a task.
        silent: how many annotations say nothing: the task was skipped, or nothing was chosen.
        unknown: how many annotated tasks show replies of which nobody knows whose they are.
    """

    cast: Sequence[Ballot]
    silent: int = 0
    unknown: int = 0

    @property
    def untouched(self) -> int:
        """How many are just the order in which a list was shown."""
        return sum(ballot.is_untouched for ballot in self.cast)

    def judged(self, verdicts: Mapping[str, Mapping[int, Order]]) -> dict[str, list[Ballot]]:
        """What judges say of the tasks that people rank, by the judge; `verdicts` are by judge and task."""
        shown = {ballot.task: ballot.replies for ballot in self.cast}
        return {
            judge: [Ballot(task, 0, shown[task], order) for task, order in orders.items() if task in shown]
            for judge, orders in verdicts.items()
        }


def known_replies(rankings: Rankings | None, project: Project) -> dict[str, Ranked]:
    """Whose the replies of a project are, by the task that was replied to; `rankings` is None without a database.

    Raises:
        SetupError: nobody knows.
    """
    known = rankings.of(project.key) if rankings else {}
    if not known:
        raise SetupError(
            f"The database does not know whose replies project {project.id} shows. It takes the one with which "
            "`rank create` made the project, or that of the backend which filled it (DATABASE_URL or MODEL_DIR)."
        )
    return known


def ballots_in(tasks: Iterable[Task], comparison: Comparison, known: Mapping[str, Ranked]) -> Ballots:
    """The ballots in annotated tasks. `known` says whose the replies are, by the task that was replied to."""
    cast: dict[tuple[int, int], Ballot] = {}
    silent = unknown = 0
    for task in tasks:
        replies = _replies(task, comparison, known.get(str(task.data.get(SOURCE))))
        if not replies:
            unknown += 1
            continue
        for annotation in task.annotations:
            order = [] if annotation.cancelled else comparison.order(annotation)
            silent += not order
            if order:
                voter = annotation.user or 0
                prefilled, is_list = is_filled_in(annotation), comparison.control.tag == "Ranker"
                cast[task.id, voter] = Ballot(task.id, voter, replies, order, prefilled, is_list)
    return Ballots(list(cast.values()), silent, unknown)


def _replies(task: Task, comparison: Comparison, known: Ranked | None) -> dict[str, Reply]:
    """The replies that a task shows, as far as they are known."""
    try:
        texts = comparison.replies(task.data) if known else {}
    except LeftOut:
        return {}
    return {id: Reply(text, known.versions[id]) for id, text in texts.items() if known and id in known.versions}
