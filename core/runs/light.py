"""Light runs: no queue and no worker, the helper does them at once. Never imports torch."""

import logging
import os
from collections.abc import Callable
from concurrent.futures import Future

from core import ask
from core.runs.folder import RunFolder

_log = logging.getLogger(__name__)


def set_on(folder: RunFolder, lock: int) -> None:
    """Have the helper do a run. Returns at once.

    This process holds the run's lock until the helper is done with it, or dead: then it reads as interrupted.
    """
    kept = os.dup(lock)
    try:
        done = ask.do_light_run.later(str(folder.path))
    except BaseException:
        os.close(kept)
        raise
    done.add_done_callback(_let_go(folder, kept))


def _let_go(folder: RunFolder, kept: int) -> "Callable[[Future[None]], None]":
    """Close the lock of a run that has ended, by its own word or not."""

    def end(done: "Future[None]") -> None:
        try:
            if not done.cancelled() and (error := done.exception()):
                _log.error("run %s ended with %r", folder.id, error)
        finally:
            os.close(kept)

    return end
