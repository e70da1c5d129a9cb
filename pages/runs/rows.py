"""The rows of the list: a run each, or a race. Pure."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from core.runs.overview import Summary
from core.runs.status import Status
from core.words import shown
from pages.runs.words import status_in_words


@dataclass(frozen=True)
class Row:
    """One run, or the runs of a race."""

    runs: tuple[Summary, ...]  # one at least, in the race's order

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(summary.id for summary in self.runs)

    @property
    def first(self) -> Summary:
        return self.runs[0]

    @property
    def name(self) -> str:
        if len(self.runs) == 1:
            return shown(self.first.name)
        return f"{shown(self.texts(lambda run: run.network))}, race"

    @property
    def status(self) -> str:
        """That of all, or of how many that have finished."""
        statuses = {summary.status for summary in self.runs}
        live = next((summary for summary in self.runs if summary.is_live), None)
        if len(statuses) == 1 or live:
            return status_in_words(live or self.first)
        finished = sum(summary.status is Status.FINISHED for summary in self.runs)
        return f"◐ {finished} of {len(self.runs)} finished"

    def best(self, of: Callable[[Summary], float | None]) -> float | None:
        """The greatest of what is known."""
        return max(self._known(of), default=None)

    def total(self, of: Callable[[Summary], float | None]) -> float | None:
        """The sum of what is known."""
        known = self._known(of)
        return sum(known) if known else None

    def shared(self, of: Callable[[Summary], float | None]) -> float | None:
        """What all have in common."""
        values = {of(summary) for summary in self.runs}
        return values.pop() if len(values) == 1 else None

    def texts(self, of: Callable[[Summary], str]) -> str:
        """What they have, each once."""
        return ", ".join(dict.fromkeys(filter(None, map(of, self.runs))))

    def matches(self, words: Sequence[str]) -> bool:
        """Whether every word stands in what the list says of one of the runs."""
        return any(all(word in _searched(summary) for word in words) for summary in self.runs)

    def _known(self, of: Callable[[Summary], float | None]) -> list[float]:
        return [value for value in map(of, self.runs) if value is not None]


def rows_of(listed: Sequence[Summary], *, is_unfolded: bool, selected: Collection[str]) -> list[Row]:
    """A row for each run, but one for a whole race, unless races are unfolded or only some of its runs are selected."""
    by_id = {summary.id: summary for summary in listed}
    rows: list[Row] = []
    seen: set[str] = set()
    for summary in listed:
        if summary.id in seen:
            continue
        lanes = [by_id[id] for id in summary.race if id in by_id and by_id[id].race == summary.race]
        is_split = len({lane.id in selected for lane in lanes}) > 1
        runs = (summary,) if len(lanes) < 2 or summary not in lanes or is_unfolded or is_split else tuple(lanes)
        rows.append(Row(runs))
        seen.update(rows[-1].ids)
    return rows


def _searched(summary: Summary) -> str:
    race = "race" if len(summary.race) > 1 else ""
    return f"{summary.name} {summary.network} {summary.mode} {race} {status_in_words(summary)} {summary.id}".lower()
