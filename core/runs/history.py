"""What a run's events say when read together. Pure: a resumed run's later attempt replaces what it did again."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from core.runs.events import Checkpointed, EpochDone, Evaluated, RareEvent, Recovered, Resumed, Started


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
    """What was damaged when the newest attempt began, in sentences."""
    since = next((index for index, event in reversed(list(enumerate(run_events))) if isinstance(event, Resumed)), 0)
    return [event.message for event in run_events[since:] if isinstance(event, Recovered)]


def has_checkpoint(run_events: Sequence[RareEvent]) -> bool:
    """Whether anything was saved."""
    return any(isinstance(event, Checkpointed) for event in run_events)
