"""SIGTERM, SIGINT and SIGHUP as a wish to stop, heard whatever the process is busy with. Knows nothing of runs.

Python's own handlers wait until the main thread comes back from a download or a long step, and a mask does not hold for
the threads that libraries have started before. But whichever thread a signal reaches, its number stands in a pipe at
once, and a thread of our own reads it there.
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
        """Hear them from now on. Only in a process's main thread."""
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing)
        for number in _STOPPING:
            signal.signal(number, lambda *_: None)  # without a handler there is no number in the pipe
        threading.Thread(target=self._wait, args=(reading,), daemon=True, name="signals").start()

    def begin_work(self) -> None:
        """From now on a signal does not end the process: whoever works looks at `received`, and comes to an end."""
        self._has_work = True

    def _wait(self, reading: int) -> None:
        while True:
            for number in os.read(reading, 64):
                if number not in _STOPPING:
                    continue
                if not self._has_work:
                    os._exit(0)
                self.received = self.received or signal.Signals(number).name
