"""The worker processes: one that waits, those that train, and how a run is handed to one. Never imports torch.

A worker is a process of its own in a session of its own: it outlives the server. To make a click feel instant, one
spare worker can wait with torch imported; a start hands it the run's folder and lock over a socket, and a spare whose
server dies ends by itself. One that does not take the run within seconds is killed, and another one is set on it.
"""

import json
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from core.errors import UnfreezeError
from core.home import home
from core.runs.events import Failed
from core.runs.folder import RunFolder
from core.runs.writer import append_event

_ROOT = Path(__file__).parents[2]
# glibc gives large blocks back to the kernel at every free; keeping them doubles the speed of inference on a CPU
# (measured with EfficientNet-Lite0 at 224 pixels: 45 to 91 images a second). Ignored by other C libraries. Not for a
# packing: of 50,000 files that pass through it, some remain between what is kept, and 300 MB come together.
_KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**32)}
_TAKE_WITHIN_S = 10.0  # a spare worker answers at once, whatever it is importing, unless it hangs

_log = logging.getLogger(__name__)
_mutex = threading.Lock()
_spare: "tuple[subprocess.Popen[bytes], socket.socket] | None" = None
_children: "list[subprocess.Popen[bytes]]" = []


def environment(*, trains: bool = True) -> dict[str, str]:
    """The variables that a worker is started with."""
    # The home as this process sees it: a relative one would be another folder there.
    return {**os.environ, **(_KEEP_MEMORY if trains else {}), "UNFREEZE_HOME": str(home())}


def prepare() -> None:
    """Have a spare worker import torch, and look for devices, ahead of the next start.

    Where none can be started, that is said in the log: a start tries again, and says so to the user.
    """
    global _spare
    with _mutex:
        if _spare is not None and _spare[0].poll() is None:
            return
        try:
            _spare = _spawn_spare()
        except (OSError, UnfreezeError) as error:
            _spare = None
            _log.warning("No worker could be started ahead of the next run: %s", error)


def _spawn_spare() -> "tuple[subprocess.Popen[bytes], socket.socket]":
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            process = _spawn(["--spare", str(theirs.fileno())], pass_fds=[theirs.fileno()], output=subprocess.DEVNULL)
    except BaseException:
        ours.close()
        raise
    return process, ours


def release_spare() -> None:
    """Let the spare worker end, if there is one."""
    global _spare
    with _mutex:
        if _spare is not None:
            (process, connection), _spare = _spare, None
            connection.close()
            _children.append(process)


def children() -> "list[subprocess.Popen[bytes]]":
    """The worker processes that this process has started and that are still alive, but for the spare."""
    with _mutex:
        _children[:] = [child for child in _children if child.poll() is None]  # reaps the dead
        return list(_children)


def set_on(folders: Sequence[RunFolder], held: Sequence[int], *, trains: bool = True) -> None:
    """Hand runs and their locks to the spare worker, or to a new one. Only those that train need what a spare is for.

    Raises:
        UnfreezeError: the system refuses a new process.
    """
    global _spare
    children()  # reaps those that have ended
    if not trains:
        _spawn_for(folders, held, trains=False)
        return
    with _mutex:
        spare, _spare = _spare, None
        if spare is not None:
            _children.append(spare[0])
    if spare is None or not _hand_over(*spare, folders, held):
        _spawn_for(folders, held)


def _hand_over(
    process: "subprocess.Popen[bytes]", connection: socket.socket, folders: Sequence[RunFolder], held: Sequence[int]
) -> bool:
    """Give runs to a waiting worker, and see to it that it takes them. False: it has died."""
    kept = [os.dup(lock) for lock in held]  # until it is known who holds the runs, they must not look dead
    watch = threading.Thread(
        target=_see_it_taken, args=(process, connection, list(folders), kept), daemon=True, name="handing over"
    )
    try:
        socket.send_fds(connection, [json.dumps([str(folder.path) for folder in folders]).encode()], held)
        watch.start()
        return True
    except (OSError, RuntimeError):  # it has died, or there are too many threads; a new worker does as well
        process.kill()
        connection.close()
        for lock in kept:
            os.close(lock)
        return False


def _see_it_taken(
    process: "subprocess.Popen[bytes]", connection: socket.socket, folders: list[RunFolder], kept: list[int]
) -> None:
    """Replace a worker that does not say within seconds that it has the runs: it is dead, or hangs."""
    try:
        if not _is_taken(connection):
            _log.warning("worker %d has not taken run %s, so another one does", process.pid, folders[0].id)
            process.kill()
            _spawn_for(folders, kept)
    except (OSError, UnfreezeError) as error:
        message = str(error) if isinstance(error, UnfreezeError) else _refused(error)
        _log.error("%s", message)
        for folder in folders:
            with suppress(OSError):
                append_event(folder, Failed(message=message, step=0, can_resume=True))
    finally:
        for lock in kept:
            os.close(lock)


def _is_taken(connection: socket.socket) -> bool:
    with connection:
        connection.settimeout(_TAKE_WITHIN_S)
        try:
            return bool(connection.recv(1))
        except OSError:
            return False


def _spawn_for(folders: Sequence[RunFolder], held: Sequence[int], *, trains: bool = True) -> None:
    """A new worker for these runs."""
    arguments = [str(folder.path) for folder in folders]
    arguments += [argument for lock in held for argument in ("--lock", str(lock))]
    with open(folders[0].log, "ab") as log:
        process = _spawn(arguments, pass_fds=held, output=log.fileno(), trains=trains)
    with _mutex:
        _children.append(process)


def _spawn(
    arguments: list[str], *, pass_fds: Sequence[int], output: int, trains: bool = True
) -> "subprocess.Popen[bytes]":
    """Start a worker process.

    Raises:
        UnfreezeError: the system refuses.
    """
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "core.worker", *arguments],
            cwd=_ROOT,
            env=environment(trains=trains),
            pass_fds=pass_fds,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    except OSError as error:
        raise UnfreezeError(_refused(error)) from error


def _refused(error: OSError) -> str:
    reason = error.strerror or type(error).__name__
    todo = "Close other programs, or start Unfreeze again, and try again."
    return f"No process can be started: {reason}. {todo}"
