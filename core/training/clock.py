"""The run's own clock. Knows nothing of what is done meanwhile."""

import time


class Clock:
    """Counts the seconds that a run works, not those in which somebody else does."""

    def __init__(self, seconds: float = 0.0) -> None:
        self._seconds = seconds
        self._running_since: float | None = None

    def start(self) -> None:
        """Count from now on."""
        self._running_since = time.perf_counter()

    def pause(self) -> None:
        """Count no more, until the next start."""
        self._seconds = self.seconds
        self._running_since = None

    @property
    def seconds(self) -> float:
        """All that was counted so far."""
        running = 0.0 if self._running_since is None else time.perf_counter() - self._running_since
        return self._seconds + running
