"""What a ranking says of the models: which is better, and how far the votes can be trusted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

from llm_interactive.evaluation.agreement import Agreement, agreements
from llm_interactive.evaluation.answers import Answers, Given
from llm_interactive.evaluation.comparison import at_cost, more_cost, no_difference
from llm_interactive.evaluation.spending import Spent
from llm_interactive.evaluation.statistics import Interval
from llm_interactive.evaluation.values import Kind, Value
from llm_interactive.ranking.ballots import Ballot, Ballots
from llm_interactive.ranking.standing import Duel, Rate, bradley_terry, lean_to_first, lean_to_longer, scores_of_pairs

_VERDICTS = {1.0: "first", 0.5: "tie", 0.0: "second"}


@dataclass(frozen=True)
class Contestant:
    """A model version.

    Attributes:
        chance: to win against one of the others, by Bradley and Terry; None of two versions.
        characters: the mean length of its replies.
        spent: money and time.
        prompt: what it was asked; empty where that is not known.
    """

    version: str
    chance: Interval | None
    characters: float
    spent: Spent
    prompt: str = ""


@dataclass(frozen=True)
class RankingReport:
    """A ranking.

    Attributes:
        contestants: the best first.
        duels: each two of them, the better one first.
        first: how often the reply is better that is shown first, or on the left; untouched lists count, too.
        longer: how often the longer one is.
        agreement: of people with each other, and of each judge with people.
        tasks, people: how many have votes.
        rankings: how many annotations count.
        untouched: how many are just a list in the order in which it was shown, and do not count.
        untouched_by_chance: how many would be if all were thought about.
        prefilled: how many of those that count began with what a judge had filled in; not in agreement and first.
        silent, unknown: as in Ballots.
    """

    contestants: Sequence[Contestant]
    duels: Sequence[Duel]
    first: Rate
    longer: Rate
    agreement: Sequence[Agreement]
    tasks: int
    people: int
    rankings: int
    untouched: int
    untouched_by_chance: float
    prefilled: int
    silent: int
    unknown: int

    @property
    def shows_prompts(self) -> bool:
        """Whether it is prompts that are compared, or prompts, too."""
        return len({one.prompt for one in self.contestants}) > 1

    @property
    def unmet(self) -> list[tuple[str, str]]:
        """Each two of which no task says which is better, as those that always reply alike; the better one first."""
        met = {(duel.first, duel.second) for duel in self.duels}
        return [pair for pair in combinations([one.version for one in self.contestants], 2) if pair not in met]

    @property
    def sentence(self) -> str:
        """What the ranking decides."""
        best, *others = self.contestants
        if unmet := [second for first, second in self.unmet if first == best.version]:
            return f"none is the best: nothing was voted on between {best.version} and {' or '.join(unmet)}"
        # Only who beats all others is the best: the one that it beats least surely decides.
        duels = [duel for duel in self.duels if duel.first == best.version]
        duel = max(duels, key=lambda duel: duel.rate.p if duel.rate.is_more_than_half else 2)
        rate, share = duel.rate, duel.rate.share
        rival = next(one for one in others if one.version == duel.second)
        if rate.is_shown and not rate.is_more_than_half:
            return f"{best.version} is ahead on the whole, but loses against {rival.version}: none is the best"
        if not rate.is_shown:
            ahead = f"{best.version} is ahead, but against {rival.version} there is " if len(others) > 1 else ""
            undecided = no_difference(rate.n, rate.reach, lambda least: f"a win rate of {50 + 50 * least:.1f} %")
            return ahead + undecided + more_cost(rival.version, rival.spent, best.spent)
        wins = f"it wins {100 * share.value:.1f} % [{100 * share.low:.1f}, {100 * share.high:.1f}] of {rate.n:,} tasks"
        if len(others) == 1:
            return f"{best.version} is better: {wins}{at_cost(best.spent, rival.spent)}"
        return f"{best.version} is the best: {wins} against {rival.version}{at_cost(best.spent, rival.spent)}"

    @property
    def cautions(self) -> list[str]:
        """Reasons to trust the votes less, as sentences."""
        found = [f"Nothing was voted on between {first} and {second}." for first, second in self.unmet]
        for what, rate in (("reply that is shown first", self.first), ("longer reply", self.longer)):
            if rate.n and rate.is_shown:
                often = "more" if rate.is_more_than_half else "less"
                found.append(f"The {what} wins {often} often than by chance: {100 * rate.share.value:.1f} % of tasks.")
        if self.untouched:
            all = self.rankings + self.untouched
            found.append(
                f"{self.untouched:,} of {all:,} rankings are just the order shown and do not count; by chance about "
                f"{self.untouched_by_chance:.0f} would be."
            )
        if self.prefilled:
            found.append(
                f"{self.prefilled:,} of {self.rankings:,} rankings began with what a judge had filled in: they lean to "
                "it, so that agreement is measured without them."
            )
        if self.unknown:
            found.append(f"The database does not know whose replies {self.unknown:,} tasks show: they do not count.")
        return found


def ranking_report(
    ballots: Ballots,
    spent: Mapping[str, Spent],
    judges: Mapping[str, Sequence[Ballot]] | None = None,
    prompts: Mapping[str, str] | None = None,
) -> RankingReport | None:
    """The report; None where no votes are on replies of two versions.

    `judges` are ballots of LLMs, `prompts` what versions were asked, both by the version.
    """
    counted = [ballot for ballot in ballots.cast if not ballot.is_untouched]
    scores = scores_of_pairs(counted)
    if not scores:
        return None
    duels = {pair: Rate.of(given) for pair, given in scores.items()}
    duels |= {(second, first): rate.reversed() for (first, second), rate in duels.items()}
    chances = bradley_terry(scores) if len(scores) > 1 else {}
    ranked = sorted({name for pair in duels for name in pair}, key=lambda name: -_standing(name, chances, duels))
    lengths = _lengths(counted)
    return RankingReport(
        [
            Contestant(name, chances.get(name), lengths[name], spent.get(name, Spent()), (prompts or {}).get(name, ""))
            for name in ranked
        ],
        [Duel(*pair, duels[pair]) for pair in combinations(ranked, 2) if pair in duels],
        lean_to_first(ballot for ballot in ballots.cast if not ballot.prefilled),
        lean_to_longer(counted),
        agreement(counted, judges or {}),
        len({ballot.task for ballot in counted}),
        len({ballot.voter for ballot in counted}),
        len(counted),
        ballots.untouched,
        sum(ballot.chance_untouched for ballot in ballots.cast),
        sum(ballot.prefilled for ballot in counted),
        ballots.silent,
        ballots.unknown,
    )


def _standing(name: str, chances: Mapping[str, Interval], duels: Mapping[tuple[str, str], Rate]) -> float:
    if name in chances:
        return chances[name].value
    return next(rate.share.value for (first, _), rate in duels.items() if first == name)


def _lengths(ballots: Iterable[Ballot]) -> dict[str, float]:
    """The mean number of characters of each version's replies."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for replies in {ballot.task: ballot.replies for ballot in ballots}.values():
        for reply in replies.values():
            for version in reply.versions:
                found[version].append(len(reply.text))
    return {version: fmean(lengths) for version, lengths in found.items()}


def agreement(ballots: Iterable[Ballot], judges: Mapping[str, Sequence[Ballot]]) -> list[Agreement]:
    """Agreement on which of two replies is better, each two of a task by itself, in ballots that count.

    Those that began with a judge's order are left out.
    """
    places: dict[tuple[int, tuple[str, str]], int] = {}

    def verdicts(ballot: Ballot) -> Iterator[tuple[int, Value]]:
        for vote in ballot.votes:
            yield places.setdefault((ballot.task, vote.ids), len(places)), _VERDICTS[vote.score]

    people: defaultdict[int, dict[int, Value]] = defaultdict(dict)
    for ballot in ballots:
        if not ballot.prefilled:
            people[ballot.voter].update(verdicts(ballot))
    versions = {
        judge: {place: Given(value) for ballot in cast for place, value in verdicts(ballot)}
        for judge, cast in judges.items()
    }
    return agreements(Answers("better", Kind.LABEL, people, {}, versions), versions)
