"""A run as one look found it: what belongs together, and stays as it is whatever happens to the run meanwhile."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.runs.events import RareEvent
from core.runs.folder import RunFolder
from core.runs.status import Status, is_resumable


@dataclass(frozen=True, kw_only=True, eq=False)
class Snapshot:
    """What a run's files and its lock said. Nothing of it can be changed, by its viewer or by another one's look."""

    folder: RunFolder
    status: Status
    events: tuple[RareEvent, ...]
    times: tuple[float, ...]  # when each of the events was written, in seconds of Unix time
    steps: NDArray[np.void]  # (steps,) each once and in order, with the fields of its kind's `StepFormat`
    quiet_s: float  # since a look last found something new, by a clock that nobody sets

    @property
    def last_event(self) -> RareEvent | None:
        """The newest of the rare events."""
        return self.events[-1] if self.events else None

    @property
    def last_step(self) -> int:
        """The newest step's number; 0 where there is none."""
        return int(self.steps["step"][-1]) if len(self.steps) else 0

    @property
    def is_resumable(self) -> bool:
        """Whether another attempt makes sense, see `core.runs.status`."""
        return is_resumable(self.status, self.last_event)

    def time_of(self, event: RareEvent) -> float:
        """When one of the events was written, in seconds of Unix time."""
        return self.times[next(index for index, known in enumerate(self.events) if known is event)]
