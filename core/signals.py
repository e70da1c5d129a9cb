"""SIGTERM, SIGINT and SIGHUP as a wish to stop, heard whatever the process is busy with. Knows nothing of runs.

A handler would have to wait until the main thread comes back from a download or a long step: so, a thread of its own
waits for them.
"""

import os
import signal
import threading

_STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Signals:
    """What the system has asked of this process."""

    def __init__(self) -> None:
        self.received = ""  # the name of the first signal that came while there was work
        self._has_work = False

    def listen(self) -> None:
        """Hear them from now on. Before any other thread is started: each inherits that they are blocked."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
        threading.Thread(target=self._wait, daemon=True, name="signals").start()

    def begin_work(self) -> None:
        """From now on a signal does not end the process: whoever works looks at `received`, and comes to an end."""
        self._has_work = True

    def _wait(self) -> None:
        while True:
            name = signal.Signals(signal.sigwait(_STOPPING)).name
            if not self._has_work:
                os._exit(0)
            self.received = self.received or name
