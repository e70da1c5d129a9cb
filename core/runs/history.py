"""What a run's events say when read together. Pure: a resumed run's later attempt replaces what it did again."""

import time
from collections.abc import Sequence

from core.runs.events import Checkpointed, Evaluated, RareEvent, Started
from core.runs.store import RunReader


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


def has_checkpoint(run_events: Sequence[RareEvent]) -> bool:
    """Whether anything was saved."""
    return any(isinstance(event, Checkpointed) for event in run_events)


def last_step(reader: RunReader) -> int:
    """The newest step's number; 0 where there is none."""
    steps = reader.steps
    return int(steps["step"][-1]) if len(steps) else 0


def working_s(reader: RunReader) -> float:
    """Wall-clock time since the newest attempt's first step was about to come, in seconds."""
    begun = started(reader.events)
    return time.time() - reader.time_of(begun) if begun else 0.0
