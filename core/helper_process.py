"""What a helper does, in its own process: what it is asked for, within a limit of time, while its server lives."""

import faulthandler
import importlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from core.errors import UnfreezeError

LET_GO_S = 3.0  # what does not break off at its limit ends with its process so much later
_LOOK_UP_EVERY_S = 2.0  # whether the server is still there


class LimitReachedError(UnfreezeError):
    """Work that took longer than it may."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds

    def __str__(self) -> str:
        return f"This took longer than {self.seconds:g} s and was given up. Try again."


def end_with(server: int) -> None:
    """End this process soon after its server, which may be killed: nobody will ask it anything."""

    def watch() -> None:
        while os.getppid() == server:
            time.sleep(_LOOK_UP_EVERY_S)
        os._exit(0)

    threading.Thread(target=watch, daemon=True, name="ends with its server").start()


def run(target: str, arguments: tuple[Any, ...], limit_s: float | None = None) -> Any:
    """Do a "module:function", or only import a "module", ahead of work."""
    module, _, function = target.partition(":")
    imported = importlib.import_module(module)  # whole, or this process could never do it again
    if not function:
        return None
    with _time_limit(limit_s):
        return getattr(imported, function)(*arguments)


@contextmanager
def _time_limit(seconds: float | None) -> Iterator[None]:
    """Break off after so many seconds, between two steps of Python or in a wait. Only for a process's main thread.

    What listens to nothing, a long computation in C, ends with its process a little later.
    """
    if seconds is None:
        yield
        return

    def break_off(*_: object) -> None:
        raise LimitReachedError(seconds)

    before = signal.signal(signal.SIGALRM, break_off)
    with open(os.devnull, "w") as nowhere:
        faulthandler.dump_traceback_later(seconds + LET_GO_S, exit=True, file=nowhere)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            yield
        finally:
            try:
                signal.setitimer(signal.ITIMER_REAL, 0)
            finally:  # the limit may be reached right there
                faulthandler.cancel_dump_traceback_later()
                signal.signal(signal.SIGALRM, before)
