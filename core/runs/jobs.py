"""Starting, stopping and resuming runs: the server's whole power over training. Never imports torch.

A worker is a process of its own in a session of its own: it outlives the server. To make a click feel instant, one
spare worker can wait with torch imported; a start hands it the run's folder and lock over a socket, and a spare whose
server dies ends by itself.
"""

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from core.errors import NotEnoughDiskError, UnfreezeError
from core.models import catalog
from core.runs import control, devices, locks
from core.runs.config import FineTuneConfig
from core.runs.events import Queued, Resumed
from core.runs.queue import DeviceQueue
from core.runs.status import derive_status, is_resumable
from core.runs.store import RunFolder, RunReader, append_event, new_folder

_ROOT = Path(__file__).parents[2]
# glibc gives large blocks back to the kernel at every free; keeping them doubles the speed of inference on a CPU
# (measured with EfficientNet-Lite0 at 224 pixels: 45 to 91 images a second). Ignored by other C libraries.
_KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**32)}
_LET_GO_S = 1.0
_SPARE_DISK_BYTES = 200 * 2**20

_mutex = threading.Lock()
_spare: "tuple[subprocess.Popen[bytes], socket.socket] | None" = None
_children: "list[subprocess.Popen[bytes]]" = []


def start(runs_home: Path, config: FineTuneConfig) -> RunFolder:
    """Make the run's folder and set a worker on it. Returns at once.

    Raises:
        NotEnoughDiskError: the disk has no room for the run's checkpoints; nothing is written.
    """
    check_disk(runs_home, config)
    folder = new_folder(runs_home)
    lock = locks.hold(folder.lock)
    try:
        device = devices.resolve(runs_home, config.device)
        folder.write_description(config, name=default_name(config), created=time.time(), queue=device)
        _enqueue(folder, DeviceQueue(runs_home, device), device)
        _set_worker_on(folder, lock)
    finally:
        os.close(lock)
    return folder


def resume(runs_home: Path, folder: RunFolder) -> None:
    """Set a new worker on a run that ended before its end: it goes on from the last checkpoint.

    Raises:
        BlockingIOError: the run is alive.
        UnfreezeError: the run is finished, or has failed for good.
        RunNotFoundError: the run cannot be read.
        NotEnoughDiskError: the disk has no room for its checkpoints.
    """
    check_disk(runs_home, folder.config())
    # A worker that has written its last event lets go a moment later.
    lock = locks.hold(folder.lock, patience_s=_LET_GO_S)
    try:
        reader = RunReader(folder)
        reader.poll()
        if not is_resumable(derive_status(False, reader.events), reader.last_event):
            raise UnfreezeError("This run has ended for good. Change its settings and start a new one.")
        folder.control.unlink(missing_ok=True)
        append_event(folder, Resumed())
        device = folder.description()["queue"]
        _enqueue(folder, DeviceQueue(runs_home, device), device)
        _set_worker_on(folder, lock)
    finally:
        os.close(lock)


def stop(folder: RunFolder) -> None:
    """Ask the run's worker to stop. It does between two steps, and leaves a checkpoint; a queued one just leaves."""
    control.write(folder.control, control.STOP)


def prepare() -> None:
    """Have a spare worker import torch, and look for devices, ahead of the next start."""
    global _spare
    with _mutex:
        if _spare is not None and _spare[0].poll() is None:
            return
        ours, theirs = socket.socketpair()
        with theirs:
            process = _spawn(["--spare", str(theirs.fileno())], pass_fds=[theirs.fileno()], output=subprocess.DEVNULL)
        _spare = (process, ours)


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


def disk_needed_bytes(config: FineTuneConfig) -> int:
    """Room for two checkpoints and the one being written: weights, and momentum for what trains, in float32."""
    parameters = catalog.ARCHITECTURES[config.architecture].parameters
    trained = parameters if config.mode == "full" else 0
    return 3 * 4 * (parameters + trained) + _SPARE_DISK_BYTES


def check_disk(runs_home: Path, config: FineTuneConfig) -> None:
    """Refuse a run that could not save its checkpoints.

    Raises:
        NotEnoughDiskError: less is free than `disk_needed_bytes`.
    """
    existing = next(path for path in (runs_home, *runs_home.parents) if path.exists())
    free, needed = shutil.disk_usage(existing).free, disk_needed_bytes(config)
    if free < needed:
        raise NotEnoughDiskError(
            f"The disk of {runs_home} has {free / 1e9:.2f} GB free, but this run's checkpoints need "
            f"{needed / 1e9:.2f} GB. Free some space, or set UNFREEZE_HOME to a folder on another disk."
        )


def default_name(config: FineTuneConfig) -> str:
    """What a run is called until somebody renames it."""
    return f"{catalog.ARCHITECTURES[config.architecture].label}, {config.mode}"


def _enqueue(folder: RunFolder, queue: DeviceQueue, device: str) -> None:
    """Take a ticket, and say at once whether it means waiting: the worker needs a second to come to life."""
    queue.join(folder.id)
    if queue.ahead_of(folder.id):
        append_event(folder, Queued(device=device))


def _set_worker_on(folder: RunFolder, lock: int) -> None:
    """Hand the run and its lock to the spare worker, or to a new one."""
    global _spare
    children()  # reaps those that have ended
    with _mutex:
        if _spare is not None:
            (process, connection), _spare = _spare, None
            _children.append(process)
            with connection:
                try:
                    socket.send_fds(connection, [os.fsencode(folder.path)], [lock])
                    return
                except OSError:
                    pass  # the spare has died; a new worker does as well, only later
        with open(folder.log, "ab") as log:
            _children.append(_spawn([str(folder.path), "--lock", str(lock)], pass_fds=[lock], output=log.fileno()))


def _spawn(arguments: list[str], *, pass_fds: list[int], output: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "core.worker", *arguments],
        cwd=_ROOT,
        env={**os.environ, **_KEEP_MEMORY},
        pass_fds=pass_fds,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )
