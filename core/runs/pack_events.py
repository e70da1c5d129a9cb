"""What a packing reports: small frozen values, as `core.runs.events` has them."""

from dataclasses import dataclass

from core.runs.events import AnyStep, Beginning, Ending, RareEvent
from core.runs.quantities import Count, Share


@dataclass(frozen=True, slots=True)
class PackStep(AnyStep):
    """Some more files were looked at. `step` counts the files so far; `seconds` is the run's own clock."""

    photos: int  # of them, so far
    bytes: int  # that this attempt has read so far
    seconds: float


@dataclass(frozen=True, slots=True)
class PackStarted(Beginning):
    """The first file is about to be read."""

    files: Count
    files_before: Count  # that former attempts have looked at


@dataclass(frozen=True, slots=True)
class Comparing(RareEvent):
    """How far the search for near duplicates has come. Passing news: a worker may leave some out of the file."""

    done: Share


@dataclass(frozen=True, slots=True)
class Unreadable(RareEvent):
    """So many photos cannot be read that the packing does not leave them out unasked."""

    files: Count
    photos: Count  # that can be read


@dataclass(frozen=True, slots=True)
class PackDone(Ending):
    """The version of the data set is there."""

    photos: Count
    classes: Count
    findings: Count
    came: Count = 0  # photos that the version before did not have
    went: Count = 0  # and that it had, and this one has not
    is_new: bool = True  # else nothing has changed since the version before, and none was made
