"""Starting, stopping and resuming runs: the server's whole power over training. Never imports torch.

A worker is a process of its own in a session of its own: it outlives the server. To make a click feel instant, one
spare worker can wait with torch imported; a start hands it the run's folder and lock over a socket, and a spare whose
server dies ends by itself.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from core.errors import NotEnoughDiskError, UnfreezeError
from core.models import catalog
from core.runs import control, devices, locks
from core.runs.config import FineTuneConfig, check_race
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
    return _start(runs_home, [config])[0]


def race(runs_home: Path, configs: Sequence[FineTuneConfig]) -> list[RunFolder]:
    """Make a run of each configuration and set one worker on them, which trains them turn about. Returns at once.

    Raises:
        ValueError: these runs cannot race, see `check_race`.
        NotEnoughDiskError: the disk has no room for their checkpoints; nothing is written.
    """
    check_race(configs)
    return _start(runs_home, configs)


def _start(runs_home: Path, configs: Sequence[FineTuneConfig]) -> list[RunFolder]:
    check_disk(runs_home, *configs)
    folders = [new_folder(runs_home) for _ in configs]
    ids = tuple(folder.id for folder in folders)
    device = devices.resolve(runs_home, configs[0].device)
    with ExitStack() as stack:
        held = [_hold(stack, folder) for folder in folders]
        for folder, config, name in zip(folders, configs, default_names(configs), strict=True):
            racing = ids if len(ids) > 1 else ()
            folder.write_description(config, name=name, created=time.time(), queue=device, race=racing)
        _enqueue(folders, DeviceQueue(runs_home, device), device)
        _set_worker_on(folders, held)
    return folders


def resume(runs_home: Path, *folders: RunFolder) -> None:
    """Set a new worker on runs that ended before their end: they go on from their last checkpoints, turn about.

    Raises:
        BlockingIOError: a run is alive.
        UnfreezeError: a run is finished, or has failed for good.
        RunNotFoundError: a run cannot be read.
        NotEnoughDiskError: the disk has no room for the checkpoints.
    """
    check_disk(runs_home, *(folder.config() for folder in folders))
    with ExitStack() as stack:
        # A worker that has written its last event lets go a moment later.
        held = [_hold(stack, folder, patience_s=_LET_GO_S) for folder in folders]
        for folder in folders:
            reader = RunReader(folder)
            reader.poll()
            if not is_resumable(derive_status(False, reader.events), reader.last_event):
                raise UnfreezeError("This run has ended for good. Change its settings and start a new one.")
        for folder in folders:
            folder.control.unlink(missing_ok=True)
            append_event(folder, Resumed())
        # Those that race have one device, and only their worker knows whether the others' is another by now.
        device = str(folders[0].description()["queue"])
        _enqueue(folders, DeviceQueue(runs_home, device), device)
        _set_worker_on(folders, held)


def _hold(stack: ExitStack, folder: RunFolder, *, patience_s: float = 0.0) -> int:
    """The run's lock, held until the stack is left: by then, a worker holds it, too."""
    lock = locks.hold(folder.lock, patience_s=patience_s)
    stack.callback(os.close, lock)
    return lock


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
    """Room for all that a run keeps at a time (see `core.training.keeper`), and for what is being written beside it.

    In float32: a whole network for `best.pt`, and three states with a momentum for each parameter that learns.
    """
    known = catalog.ARCHITECTURES[config.architecture]
    if config.mode == "full":
        return 4 * (known.parameters + 3 * 2 * known.parameters) + _SPARE_DISK_BYTES
    return 4 * (2 * known.parameters + 3 * 3 * known.head_parameters(known.num_classes)) + _SPARE_DISK_BYTES


def check_disk(runs_home: Path, *configs: FineTuneConfig) -> None:
    """Refuse runs that could not save their checkpoints.

    Raises:
        NotEnoughDiskError: less is free than `disk_needed_bytes`.
    """
    existing = next(path for path in (runs_home, *runs_home.parents) if path.exists())
    free, needed = shutil.disk_usage(existing).free, sum(map(disk_needed_bytes, configs))
    if free < needed:
        raise NotEnoughDiskError(
            f"The disk of {runs_home} has {free / 1e9:.2f} GB free, but the checkpoints of this training need "
            f"{needed / 1e9:.2f} GB. Free some space, or set UNFREEZE_HOME to a folder on another disk."
        )


def default_names(configs: Sequence[FineTuneConfig]) -> list[str]:
    """What runs are called until somebody renames them: network and mode, and where that is not enough, the rest."""
    names = [f"{catalog.ARCHITECTURES[config.architecture].label}, {config.mode}" for config in configs]
    if len(set(names)) == len(names):
        return names
    settings = [config.to_dict() for config in configs]
    differing = [
        name
        for name in settings[0]
        if name not in ("architecture", "mode") and len({str(values[name]) for values in settings}) > 1
    ]
    return [
        ", ".join([name, *(f"{setting.replace('_', ' ')} {values[setting]}" for setting in differing)])
        for name, values in zip(names, settings, strict=True)
    ]


def _enqueue(folders: Sequence[RunFolder], queue: DeviceQueue, device: str) -> None:
    """Take tickets, and say at once whether they mean waiting: the worker needs a second to come to life."""
    queue.join(*(folder.id for folder in folders))
    if queue.ahead_of(folders[0].id):
        for folder in folders:
            append_event(folder, Queued(device=device))


def _set_worker_on(folders: Sequence[RunFolder], held: Sequence[int]) -> None:
    """Hand runs and their locks to the spare worker, or to a new one."""
    global _spare
    children()  # reaps those that have ended
    with _mutex:
        if _spare is not None:
            (process, connection), _spare = _spare, None
            _children.append(process)
            with connection:
                try:
                    socket.send_fds(connection, [json.dumps([str(folder.path) for folder in folders]).encode()], held)
                    return
                except OSError:
                    pass  # the spare has died; a new worker does as well, only later
        arguments = [str(folder.path) for folder in folders]
        arguments += [argument for lock in held for argument in ("--lock", str(lock))]
        with open(folders[0].log, "ab") as log:
            _children.append(_spawn(arguments, pass_fds=held, output=log.fileno()))


def _spawn(arguments: list[str], *, pass_fds: Sequence[int], output: int) -> "subprocess.Popen[bytes]":
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
