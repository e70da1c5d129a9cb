"""Starting, stopping and resuming runs: the server's whole power over training. Never imports torch.

A worker is a process of its own in a session of its own: it outlives the server. To make a click feel instant, one
spare worker can wait with torch imported; a start hands it the run's folder and lock over a socket, and a spare whose
server dies ends by itself. One that does not take the run within seconds is killed, and another one is set on it.
"""

import json
import logging
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

from core.durable import clear_unfinished, said_plainly
from core.errors import NotEnoughDiskError, RunNotFoundError, UnfreezeError
from core.models import catalog
from core.runs import control, devices, locks, trash
from core.runs.config import FineTuneConfig, check_race
from core.runs.events import Failed, Queued, Resumed
from core.runs.queue import DeviceQueue
from core.runs.reader import RunReader
from core.runs.status import derive_status, is_resumable
from core.runs.store import RunFolder, home, new_run
from core.runs.writer import append_event

_ROOT = Path(__file__).parents[2]
# glibc gives large blocks back to the kernel at every free; keeping them doubles the speed of inference on a CPU
# (measured with EfficientNet-Lite0 at 224 pixels: 45 to 91 images a second). Ignored by other C libraries.
_KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**32)}
_LET_GO_S = 1.0
_TAKE_WITHIN_S = 10.0  # a spare worker answers at once, whatever it is importing, unless it hangs
_SPARE_DISK_BYTES = 200 * 2**20

_log = logging.getLogger(__name__)
_mutex = threading.Lock()
_spare: "tuple[subprocess.Popen[bytes], socket.socket] | None" = None
_children: "list[subprocess.Popen[bytes]]" = []


def start(runs_home: Path, config: FineTuneConfig) -> RunFolder:
    """Make the run's folder and set a worker on it. Returns at once.

    Raises:
        NotEnoughDiskError: the disk has no room for the run's checkpoints; nothing is written.
        StorageError: the disk refuses; nothing is left behind.
        UnfreezeError: no process can be started; nothing is left behind.
    """
    return _start(runs_home, [config])[0]


def race(runs_home: Path, configs: Sequence[FineTuneConfig]) -> list[RunFolder]:
    """Make a run of each configuration and set one worker on them, which trains them turn about. Returns at once.

    Raises:
        ValueError: these runs cannot race, see `check_race`.
        NotEnoughDiskError: the disk has no room for their checkpoints; nothing is written.
        StorageError: the disk refuses; nothing is left behind.
        UnfreezeError: no process can be started; nothing is left behind.
    """
    check_race(configs)
    return _start(runs_home, configs)


def _start(runs_home: Path, configs: Sequence[FineTuneConfig]) -> list[RunFolder]:
    check_disk(runs_home, *configs)
    device = devices.resolve(runs_home, configs[0].device)
    with said_plainly("The run cannot be started", runs_home), ExitStack() as stack:
        folders = [stack.enter_context(new_run(runs_home)) for _ in configs]
        ids = tuple(folder.id for folder in folders)
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
        StorageError: the disk refuses.
    """
    check_disk(runs_home, *(folder.config() for folder in folders))
    with said_plainly("The run cannot be resumed", runs_home), ExitStack() as stack:
        # A worker that has written its last event lets go a moment later.
        held = [_hold(stack, folder, patience_s=_LET_GO_S) for folder in folders]
        for folder in folders:
            reader = RunReader(folder)
            reader.poll()
            if not is_resumable(derive_status(False, reader.events), reader.last_event):
                raise UnfreezeError("This run has ended for good. Change its settings and start a new one.")
        for folder in folders:
            folder.control.unlink(missing_ok=True)
            clear_unfinished(folder.path)
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
    """Ask the run's worker to stop. It does between two steps, and leaves a checkpoint; a queued one just leaves.

    Raises:
        RunNotFoundError: the run was deleted meanwhile.
        StorageError: the disk refuses.
    """
    if not os.path.isdir(folder.path):
        raise RunNotFoundError(f"The run {folder.id} is not there any more: it was deleted meanwhile.")
    with said_plainly("The run cannot be stopped", folder.path):
        control.write(folder.control, control.STOP)


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
        StorageError: the disk cannot be looked at.
    """
    with said_plainly("The run cannot be started", runs_home):
        existing = next(path for path in (runs_home, *runs_home.parents) if os.path.exists(path))
        free, needed = shutil.disk_usage(existing).free, sum(map(disk_needed_bytes, configs))
    if free < needed:
        raise NotEnoughDiskError(
            f"The disk of {runs_home} has {free / 1e9:.2f} GB free, but the checkpoints of this training need "
            f"{needed / 1e9:.2f} GB. {_way_to_space(runs_home)}"
        )


def _way_to_space(runs_home: Path) -> str:
    """What to do about a full disk: the likeliest first."""
    deleted = trash.size_bytes(runs_home)
    if not deleted:
        return "Free some space, or set UNFREEZE_HOME to a folder on another disk."
    size = f"{deleted / 1e9:.2f} GB" if deleted >= 1e9 else f"{deleted / 1e6:,.0f} MB"
    return (
        f"Deleted runs still take {size}: “Delete for good” under “Recently deleted” on the page Runs frees it. Or set "
        "UNFREEZE_HOME to a folder on another disk."
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
    except UnfreezeError as error:
        for folder in folders:
            append_event(folder, Failed(message=str(error), step=0, can_resume=True))
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


def _spawn_for(folders: Sequence[RunFolder], held: Sequence[int]) -> None:
    """A new worker for these runs."""
    arguments = [str(folder.path) for folder in folders]
    arguments += [argument for lock in held for argument in ("--lock", str(lock))]
    with open(folders[0].log, "ab") as log:
        process = _spawn(arguments, pass_fds=held, output=log.fileno())
    with _mutex:
        _children.append(process)


def _spawn(arguments: list[str], *, pass_fds: Sequence[int], output: int) -> "subprocess.Popen[bytes]":
    """Start a worker process.

    Raises:
        UnfreezeError: the system refuses.
    """
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "core.worker", *arguments],
            cwd=_ROOT,
            # The home as this process sees it: a relative one would be another folder there.
            env={**os.environ, **_KEEP_MEMORY, "UNFREEZE_HOME": str(home())},
            pass_fds=pass_fds,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    except OSError as error:
        raise UnfreezeError(
            f"No training process can be started: {error.strerror}. Close other programs, or start Unfreeze again, and "
            "try again."
        ) from error
