"""What a run's events say when read together. Pure: a resumed run's later attempt replaces what it did again."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from core.runs.events import Budgeted, Checkpointed, EpochDone, Evaluated, Noted, RareEvent, Recovered, Resumed, Started

_CLEARLY = 1.03  # a loss that is no more than this times another one may differ from it by chance
_LONG_ENOUGH = 2  # epochs: after a single one, nobody knows


def started(run_events: Sequence[RareEvent]) -> Started | None:
    """How the newest attempt has begun, if it has."""
    return next((event for event in reversed(run_events) if isinstance(event, Started)), None)


def first_started(run_events: Sequence[RareEvent]) -> Started | None:
    """How the first attempt has begun: it alone knows what the new head was."""
    return next((event for event in run_events if isinstance(event, Started)), None)


def validations(run_events: Sequence[RareEvent]) -> list[Evaluated]:
    """One result an epoch."""
    by_epoch = {
        event.epoch: event for event in run_events if isinstance(event, Evaluated) and event.split == "validation"
    }
    return list(by_epoch.values())


def lowest(validations: Sequence[Evaluated]) -> Evaluated | None:
    """The first of those with the lowest loss."""
    return min(validations, key=lambda event: event.loss, default=None)


def chosen(validations: Sequence[Evaluated]) -> Evaluated | None:
    """That of the best epoch, by whatever the run chooses: its weights are the ones that are kept."""
    return max((event for event in validations if event.best), key=lambda event: event.epoch, default=None)


@dataclass(frozen=True, kw_only=True)
class Turn:
    """A validation loss has clearly risen, for some epochs."""

    epoch: int  # after which it was lowest
    is_overfitting: bool  # the loss of the training went on falling


def turn(validations: Sequence[Evaluated], steps: NDArray[np.void], steps_per_epoch: int) -> Turn | None:
    """Where the validation loss turned, if it has."""
    least = lowest(validations)
    newest = max(validations, key=lambda event: event.epoch, default=None)
    if least is None or newest is None or newest.epoch - least.epoch < _LONG_ENOUGH:
        return None
    if newest.loss <= _CLEARLY * least.loss:
        return None
    before, now = (_training_loss(steps, event.epoch, steps_per_epoch) for event in (least, newest))
    return Turn(epoch=least.epoch, is_overfitting=before is not None and now is not None and now < before)


def _training_loss(steps: NDArray[np.void], epoch: int, steps_per_epoch: int) -> float | None:
    """The mean over the steps of an epoch, which counts from 1; None where none of them is known."""
    last = epoch * steps_per_epoch
    first, end = np.searchsorted(steps["step"], [last - steps_per_epoch + 1, last + 1])
    return float(steps["loss"][first:end].mean()) if end > first else None


@dataclass(frozen=True, kw_only=True)
class RaceStart:
    """What the records of the runs of a race say of their beginnings, and of the images that they trained on."""

    head_hashes: tuple[str, ...]  # of the new layer of each network; empty where runs of one did not begin alike
    epochs: int  # that all have finished
    rows_hash: str  # of the images of these epochs in their order; empty where two runs did not see the same


def race_start(lanes: Sequence[Sequence[RareEvent]]) -> RaceStart | None:
    """Whether the runs with these events began alike and saw the same, or None where their records do not tell.

    Networks that differ have new layers that differ. Any two runs are compared for as long as both went.
    """
    begun = [first_started(lane) for lane in lanes]
    heads = {(started.architecture, started.head_hash) for started in begun if started and started.head_hash}
    seen = [_rows_hashes(lane) for lane in lanes]
    epochs = max(set.intersection(*map(set, seen)), default=0)
    if not epochs or not all(started and started.head_hash for started in begun):
        return None
    lasts = [(one, other, max(one.keys() & other)) for one, other in combinations(seen, 2)]
    networks = {architecture for architecture, _ in heads}
    return RaceStart(
        head_hashes=tuple(sorted(hash for _, hash in heads)) if len(heads) == len(networks) else (),
        epochs=epochs,
        rows_hash=seen[0][epochs] if all(one[last] == other[last] for one, other, last in lasts) else "",
    )


def _rows_hashes(run_events: Sequence[RareEvent]) -> dict[int, str]:
    """What stands for the rows of each epoch and of those before it, where that was recorded."""
    unscored = {event.epoch: event.rows_hash for event in run_events if isinstance(event, EpochDone)}
    hashes = unscored | {event.epoch: event.rows_hash for event in validations(run_events)}
    return {epoch: hash for epoch, hash in hashes.items() if hash}


def recoveries(run_events: Sequence[RareEvent]) -> list[str]:
    """What went otherwise than was asked in the newest attempt, in sentences."""
    since = next((index for index, event in reversed(list(enumerate(run_events))) if isinstance(event, Resumed)), 0)
    return [event.message for event in run_events[since:] if isinstance(event, Recovered | Noted)]


def budget(run_events: Sequence[RareEvent]) -> Budgeted | None:
    """What was decided on, where the run was given minutes."""
    return next((event for event in reversed(run_events) if isinstance(event, Budgeted)), None)


def has_checkpoint(run_events: Sequence[RareEvent]) -> bool:
    """Whether anything was saved."""
    return any(isinstance(event, Checkpointed) for event in run_events)
