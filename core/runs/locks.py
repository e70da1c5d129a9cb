"""Locks that the kernel frees however their holder dies. A pid would prove nothing: zombies keep theirs.

`flock` belongs to an open file and is inherited with it, so a run's lock is taken before its worker exists and handed
over: there is no moment at which a starting run looks dead. Plain mutual exclusion uses the `filelock` package, which
has neither the hand-over nor a shared probe.
"""

import errno
import fcntl
import os
import time
from pathlib import Path


def hold(path: Path, *, patience_s: float = 0.0) -> int:
    """Take the lock and return the descriptor that holds it: closing the last copy of it frees the lock.

    Raises:
        BlockingIOError: somebody else holds it, and still did after `patience_s`.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + patience_s
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return descriptor
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise
            time.sleep(0.02)
    except BaseException:
        os.close(descriptor)
        raise


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock. Shared and non-blocking, so that two viewers do not see each other.

    What cannot be opened, nobody holds.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe of that name would keep us waiting
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
            raise  # it is we who cannot look
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
