"""A run's work as its driver sees it: what every kind of run has to offer. Knows no kind, and never imports torch."""

from collections.abc import Iterator

from core.runs.events import AnyStep, Checkpointed, Event
from core.runs.folder import RunFolder


class Job:
    """The work of one run, from what it begins with to its last event.

    To make one may take long: it reads what the run begins with, or goes on from. A kind that saves nothing, and can be
    left after any step, needs `events` alone.
    """

    problem = ""  # what of the run's own files could not be used, in a sentence
    step = 0  # the last one that an earlier attempt has done

    def __init__(self, folder: RunFolder, device: str) -> None:
        """Prepare the work of a run's folder, on that device.

        Raises:
            UnfreezeError: that cannot be done, in a sentence for the user.
            ValueError: the run's settings are not possible.
        """
        raise NotImplementedError

    def events(self) -> Iterator[Event]:
        """What happens, as it happens, until the run is done: the last event says so.

        Raises:
            UnfreezeError: the run cannot go on, in a sentence for the user.
        """
        raise NotImplementedError

    def before(self, event: Event) -> None:
        """Do what must be done before anybody is told of an event."""

    def may_stop(self, event: Event) -> bool:
        """Whether the run can be left right after this event: as a rule, between two steps."""
        return isinstance(event, AnyStep)

    def is_save_due(self, event: Event) -> bool:
        """Whether to save right after this event, though nobody wants to stop."""
        return False

    def save(self, event: Event) -> Checkpointed | None:
        """Save what a later attempt goes on from, right after this event. None: there is nothing to save."""
        return None

    def leave(self) -> None:
        """Save what a viewer of the run expects of one that has ended before its end."""

    def log_line(self, event: Event) -> str:
        """What the run's log says of an event; nothing where it is empty."""
        return ""
