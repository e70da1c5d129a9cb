"""What a run is doing: derived from its lock and its last event, never stored, so it cannot be wrong for long. Pure."""

from collections.abc import Sequence
from enum import StrEnum

from core.runs.events import Beginning, Ending, Failed, Queued, RareEvent, Resumed, Stopped


class Status(StrEnum):
    """In the order of a run's life."""

    STARTING = "starting"
    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"
    INTERRUPTED = "interrupted"

    @property
    def is_live(self) -> bool:
        """Whether more is to come."""
        return self in (Status.STARTING, Status.QUEUED, Status.RUNNING)


def is_resumable(status: Status, last: RareEvent | None) -> bool:
    """Whether another attempt makes sense: the run ended before its end, and not by its own numbers."""
    if isinstance(last, Failed):
        return last.can_resume
    return status in (Status.STOPPED, Status.INTERRUPTED)


def derive_status(is_live: bool, run_events: Sequence[RareEvent]) -> Status:
    """The status of a run by whether its lock is held, and its rare events."""
    last = run_events[-1] if run_events else None
    if isinstance(last, Ending):
        return Status.FINISHED
    if isinstance(last, Stopped):
        return Status.STOPPED
    if isinstance(last, Failed):
        return Status.FAILED
    if not is_live:
        return Status.INTERRUPTED
    for event in reversed(run_events):
        if isinstance(event, Beginning):
            return Status.RUNNING
        if isinstance(event, Queued):
            return Status.QUEUED if event is last else Status.STARTING
        if isinstance(event, Resumed):  # what stands before it belongs to a former attempt
            break
    return Status.STARTING
