"""One warm process for short torch work, so that the server imports no torch and a crash costs one answer.

Work is named, not passed: `call("core.models.build:check_file", ...)` imports the module over there. loky's executors,
unlike multiprocessing's, do not run the server's main script again in their processes.
"""

import importlib
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from loky.process_executor import BrokenProcessPool, ProcessPoolExecutor

from core.errors import UnfreezeError

_mutex = threading.Lock()
# Held here because loky's reusable executor belongs to a thread, and every script run of the server is a new one.
_executor: ProcessPoolExecutor | None = None
_IDLE_S = 600


def submit(target: str, *arguments: Any, limit_s: float | None = None) -> "Future[Any]":
    """Start `target`, a "module:function", in the helper. Starts the helper, too, where none is running.

    What nobody waits for has a limit of time, so that others need not wait behind it: then it ends in a TimeoutError.
    """
    global _executor
    with _mutex:
        if _executor is None:
            _executor = ProcessPoolExecutor(max_workers=1, timeout=_IDLE_S)
        try:
            answer: Future[Any] = _executor.submit(_run, target, arguments, limit_s)
        except BrokenProcessPool:
            _executor = ProcessPoolExecutor(max_workers=1, timeout=_IDLE_S)
            answer = _executor.submit(_run, target, arguments, limit_s)
        return answer


def prepare(module: str) -> None:
    """Have the helper import a module ahead of the first question about it. Returns at once."""
    submit("core.helper:warm", module)


def warm(module: str) -> None:
    """Import a module: what `prepare` asks of the helper."""
    importlib.import_module(module)


def call(target: str, *arguments: Any, timeout_s: float = 60.0) -> Any:
    """The answer of `target`, or its exception.

    Raises:
        UnfreezeError: the helper died or took longer than `timeout_s`.
    """
    try:
        return submit(target, *arguments).result(timeout=timeout_s)
    except BrokenProcessPool as error:
        raise UnfreezeError("The helper process ended unexpectedly, perhaps for lack of memory. Try again.") from error
    except TimeoutError as error:
        stop()  # or the next question would wait behind this one
        raise UnfreezeError(f"The helper process has not answered within {timeout_s:.0f} s. Try again.") from error


def stop() -> None:
    """End the helper and what it is doing; the next question starts another."""
    global _executor
    with _mutex:
        if _executor is not None:
            _executor.shutdown(wait=False, kill_workers=True)
            _executor = None


def _run(target: str, arguments: tuple[Any, ...], limit_s: float | None = None) -> Any:
    module, _, function = target.partition(":")
    imported = importlib.import_module(module)  # whole, or this process could never do it again
    with _time_limit(limit_s):
        return getattr(imported, function)(*arguments)


@contextmanager
def _time_limit(seconds: float | None) -> Iterator[None]:
    """Break off after so many seconds, between two steps of Python or in a wait. Only for a process's main thread."""
    if seconds is None:
        yield
        return

    def break_off(*_: object) -> None:
        raise TimeoutError(f"not done within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, break_off)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
