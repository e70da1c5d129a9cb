"""Warm processes for short torch work, so that the server imports no torch and a crash costs its asker alone.

Work is named, not passed: `call("core.models.build:check_file", ...)` imports the module over there, see
`core.helper_process`. loky's executors, unlike multiprocessing's, do not run the server's main script again.
"""

import logging
import os
import threading
import time
from collections.abc import Hashable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from loky.process_executor import BrokenProcessPool, ProcessPoolExecutor, ShutdownExecutorError

from core.errors import UnfreezeError
from core.helper_process import LET_GO_S, LimitReachedError, end_with, run

MOST = 3  # processes; each keeps networks of its own in memory
_READY = 2  # from the first answer on, so that the next viewer's question does not wait for PyTorch to be imported
_IDLE_S = 600  # after which one ends
_START_S = 120.0  # for a process that must import PyTorch first, on a busy computer
# OpenMP's threads wait for each other by spinning, which takes the cores from whoever else computes: while another
# viewer's 575 MB were read, a photo took 0.4 to 1.9 s on two cores, and 0.06 to 0.4 s with threads that sleep.
_THREADS = {"OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE")}
_log = logging.getLogger(__name__)
_ENDED = "The process that does this work ended unexpectedly, perhaps for lack of memory. Try again."
_NO_MEMORY = "This needs more memory than is free. Close other programs, or choose something smaller."


@dataclass(eq=False)
class _Helper:
    """One process, which does one thing at a time."""

    about: Hashable = None  # what it was asked about last, and so has in memory
    imported: set[str] = field(default_factory=set)  # modules that it has imported, or is about to
    executor: ProcessPoolExecutor = field(
        default_factory=lambda: ProcessPoolExecutor(
            max_workers=1, timeout=_IDLE_S, env=_THREADS, initializer=end_with, initargs=(os.getpid(),)
        )
    )

    @property
    def has_died(self) -> bool:
        """Whether its process is gone, as its executor notices a little later only."""
        return any(not _is_alive(process) for process in list(self.executor._processes.values()))

    def end(self) -> None:
        self.executor.shutdown(wait=False, kill_workers=True)


class _Helpers:
    """Those of this server. A question takes one for itself; no more than `MOST` are answered at a time."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._all: list[_Helper] = []
        self._idle: list[_Helper] = []  # the one that was used last stands last
        self._importing: set[_Helper] = set()  # those that only get ready
        self._has_ended = False
        self.askers = ThreadPoolExecutor(MOST, thread_name_prefix="asks a helper")

    def take(self, target: str, about: Hashable, needs: str) -> _Helper:
        """An idle helper, one that knows what it is asked about before others. Where all are busy, whichever is first:
        the first one that is done, or a new one that has imported the module it `needs`; no two import at a time.
        """
        with self._changed:
            has_begun_one = False
            while not self._idle:
                if self._has_ended:
                    raise UnfreezeError(_ENDED)
                if not self._all:
                    return self._begun(self._new(about), target, needs)
                if not has_begun_one and not self._importing and len(self._all) < MOST:
                    has_begun_one = True
                    self._warm_up_another(needs)
                self._changed.wait()
            helper = self._choose(about, needs)
            self._idle.remove(helper)
            helper.about = helper.about if about is None else about
            return self._begun(helper, target, needs)

    def has_imported(self, module: str) -> bool:
        """Whether a helper is ready for what needs that module, or soon will be."""
        with self._changed:
            return any(module in helper.imported for helper in self._all)

    def give_back(self, helper: _Helper, target: str = "", needs: str = "") -> None:
        """The helper may be asked something else. It has done `target`, which another one then gets ready for."""
        with self._changed:
            self._importing.discard(helper)
            if helper in self._all:
                self._idle.append(helper)
                if _is_work(target) and len(self._all) < _READY and not self._has_ended:
                    self._warm_up_another(needs)
            self._changed.notify_all()

    def drop(self, helper: _Helper) -> None:
        """The helper is dead, or is to die."""
        with self._changed:
            self._importing.discard(helper)
            for listed in (self._all, self._idle):
                if helper in listed:
                    listed.remove(helper)
            self._changed.notify_all()
        helper.end()

    def end(self) -> None:
        """End all helpers and what they are doing. Nothing more is asked of them."""
        self._has_ended = True
        self.askers.shutdown(wait=False, cancel_futures=True)
        for helper in list(self._all):
            self.drop(helper)

    def _choose(self, about: Hashable, needs: str) -> _Helper:
        """For no network, the idle helper that was used last, of those that have imported what it needs if there are
        any. For one, a helper that has it in memory; or else one that has none, so that no other viewer's is in the
        way; or else the one that was used longest ago.
        """
        if about is None:
            return next((helper for helper in reversed(self._idle) if needs in helper.imported), self._idle[-1])
        by_rank = {helper: (helper.about != about, helper.about is not None) for helper in self._idle}
        return min(self._idle, key=by_rank.__getitem__)

    def _new(self, about: Hashable) -> _Helper:
        helper = _Helper(about)
        self._all.append(helper)
        return helper

    def _begun(self, helper: _Helper, target: str, needs: str) -> _Helper:
        """The helper, which is about to do this."""
        helper.imported.add(needs)
        if not _is_work(target):
            self._importing.add(helper)
        return helper

    def _warm_up_another(self, module: str) -> None:
        """Begin one more helper. Where the system starts no process, those that there are must do."""
        helper: _Helper | None = None

        def done(warmed: "Future[None]") -> None:
            assert helper is not None
            if warmed.cancelled() or warmed.exception():
                self.drop(helper)
            else:
                self.give_back(helper)

        try:
            helper = self._begun(self._new(None), module, module)
            helper.executor.submit(run, module, ()).add_done_callback(done)
        except (OSError, RuntimeError) as error:
            _log.warning("No further helper could be started: %s", error)
            if helper is not None:
                self.drop(helper)


def _is_alive(process: Any) -> bool:
    """Whether a process has not ended; of one that the executor has just collected, only the system knows."""
    if not process.is_alive():
        return False
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return False
    return True


def _is_work(target: str) -> bool:
    """Whether it is a "module:function", and not a "module" that is only imported."""
    return ":" in target


_mutex = threading.Lock()
_helpers: _Helpers | None = None


def submit(
    target: str, *arguments: Any, limit_s: float | None = None, about: Hashable = None, needs: str = ""
) -> "Future[Any]":
    """Have a helper do `target`, a "module:function". Returns at once.

    The time of `limit_s` counts from when the work itself begins. `about` names what the helper has in memory
    afterwards: further questions about it go to the same one where it is free. `needs` is the module that takes long to
    import, `target`'s own unless it is given: one that has imported it is asked before others.

    The future raises what `target` raises, or UnfreezeError: its process died, or it took longer than it may.
    """
    global _helpers
    with _mutex:
        if _helpers is None:
            _helpers = _Helpers()
        module = needs or target.partition(":")[0]
        return _helpers.askers.submit(_ask, _helpers, target, arguments, limit_s, about, module)


def call(target: str, *arguments: Any, limit_s: float | None = 60.0, about: Hashable = None, needs: str = "") -> Any:
    """The answer of `target`, or its exception.

    Raises:
        UnfreezeError: its process died, or it took longer than it may.
    """
    try:
        return submit(target, *arguments, limit_s=limit_s, about=about, needs=needs).result()
    except CancelledError as error:  # the server ends
        raise UnfreezeError(_ENDED) from error


def prepare(module: str) -> None:
    """Have a helper import a module ahead of the first question about it, unless one has. Returns at once."""
    with _mutex:
        is_ready = _helpers is not None and _helpers.has_imported(module)
    if not is_ready:
        submit(module, limit_s=0.0)  # a first import has _START_S


def stop() -> None:
    """End all helpers and what they are doing; the next question starts another."""
    global _helpers
    with _mutex:
        if _helpers is not None:
            _helpers.end()
            _helpers = None


def _ask(
    helpers: _Helpers, target: str, arguments: tuple[Any, ...], limit_s: float | None, about: Hashable, needs: str
) -> Any:
    """One question, in a thread of its own: find a helper, wait for its answer, and let it go."""
    helper, answer = _begin(helpers, target, arguments, limit_s, about, needs)
    began = time.monotonic()
    try:
        # The process keeps its limit by itself, unless it is stopped or not even started.
        result = answer.result(timeout=None if limit_s is None else _START_S + limit_s + 2 * LET_GO_S)
    except (BrokenProcessPool, ShutdownExecutorError) as error:
        helpers.drop(helper)
        if limit_s is not None and time.monotonic() - began > limit_s + LET_GO_S:
            raise LimitReachedError(limit_s) from error
        raise UnfreezeError(_ENDED) from error
    except TimeoutError as error:
        if answer.done():  # it is the work's own
            helpers.give_back(helper)
            raise
        helpers.drop(helper)
        raise LimitReachedError(limit_s or 0.0) from error
    except MemoryError as error:
        helpers.give_back(helper)
        raise UnfreezeError(_NO_MEMORY) from error
    except BaseException as error:
        helpers.give_back(helper)
        if "can't allocate memory" in str(error):  # as torch says it
            raise UnfreezeError(_NO_MEMORY) from error
        raise
    helpers.give_back(helper, target, needs)
    return result


def _begin(
    helpers: _Helpers, target: str, arguments: tuple[Any, ...], limit_s: float | None, about: Hashable, needs: str
) -> "tuple[_Helper, Future[Any]]":
    """The helper that is at work on it, and its answer to come."""
    helper: _Helper | None = None
    try:
        while True:
            helper = helpers.take(target, about, needs)
            if helper.has_died:
                helpers.drop(helper)
                continue
            try:
                return helper, helper.executor.submit(run, target, arguments, limit_s)
            except (BrokenProcessPool, ShutdownExecutorError):  # it died while it had nothing to do
                helpers.drop(helper)
    except (OSError, RuntimeError) as error:  # a RuntimeError where no thread can be started
        if helper is not None:
            helpers.drop(helper)
        reason = getattr(error, "strerror", None) or "the system starts no more of them"
        raise UnfreezeError(
            f"The process that does this work cannot be started: {reason}. Close other programs, and try again."
        ) from error
