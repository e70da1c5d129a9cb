"""Starting, stopping and resuming runs: the server's whole power over training. Never imports torch."""

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from core.durable import clear_unfinished, explain, said_plainly
from core.errors import NotEnoughDiskError, RunNotFoundError, UnfreezeError
from core.runs import control, known_devices, light, locks, trash, workers
from core.runs.config import FineTuneConfig, check_race
from core.runs.events import Failed, Queued, Resumed
from core.runs.folder import RunFolder
from core.runs.kinds import KINDS
from core.runs.queue import DeviceQueue
from core.runs.race_names import default_names
from core.runs.reader import RunReader
from core.runs.run_config import RunConfig
from core.runs.status import derive_status, is_resumable
from core.runs.store import new_run
from core.runs.writer import append_event
from core.words import size

_LET_GO_S = 1.0
_SPARE_DISK_BYTES = 200 * 2**20


def start(runs_home: Path, config: RunConfig) -> RunFolder:
    """Make the run's folder and have a worker do it, or the helper if it is light. Returns at once.

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


def _start(runs_home: Path, configs: Sequence[RunConfig]) -> list[RunFolder]:
    check_disk(runs_home, *configs)
    kind = KINDS[configs[0].KIND]
    device = kind.queue or known_devices.resolve(runs_home, getattr(configs[0], "device", "auto"))
    with said_plainly("The run cannot be started", runs_home), ExitStack() as stack:
        folders = [stack.enter_context(new_run(runs_home)) for _ in configs]
        ids = tuple(folder.id for folder in folders)
        held = [_hold(stack, folder) for folder in folders]
        for folder, config, name in zip(folders, configs, default_names(configs), strict=True):
            racing = ids if len(ids) > 1 else ()
            folder.write_description(config, name=name, created=time.time(), queue=device, race=racing)
        if kind.is_light:
            light.set_on(folders[0], held[0])
        else:
            _set_on(folders, held, DeviceQueue(runs_home, device), trains=kind.trains)
        return folders


def resume(runs_home: Path, *folders: RunFolder) -> None:
    """Set a new worker on runs that ended before their end: they go on from their last checkpoints, turn about.

    Raises:
        BlockingIOError: a run is alive.
        UnfreezeError: a run is finished, or has failed for good, or is one that this version cannot train.
        RunNotFoundError: a run cannot be read.
        NotEnoughDiskError: the disk has no room for the checkpoints.
        StorageError: the disk refuses.
    """
    configs = [folder.config_of(folder.kind.config) for folder in folders]
    for config in configs:
        _check_today(config)
    check_disk(runs_home, *configs)
    with said_plainly("The run cannot be resumed", runs_home), ExitStack() as stack:
        # A worker that has written its last event lets go a moment later.
        held = [_hold(stack, folder, patience_s=_LET_GO_S) for folder in folders]
        for folder in folders:
            run = RunReader(folder).poll()
            is_possible = is_resumable(derive_status(False, run.events), run.last_event)
            if not (is_possible and folder.kind.is_resumable):
                raise UnfreezeError("This run has ended for good. Change its settings and start a new one.")
        for folder in folders:
            folder.control.unlink(missing_ok=True)
            clear_unfinished(folder.path)
        # Those that race have one device, and only their worker knows whether the others' is another by now.
        device = str(folders[0].description()["queue"])
        with _recorded_as_resumed(folders):
            _set_on(folders, held, DeviceQueue(runs_home, device), trains=folders[0].kind.trains)


def _check_today(config: RunConfig) -> None:
    try:
        config.check()
    except ValueError as error:
        raise UnfreezeError(f"The run cannot be resumed: this version of Unfreeze cannot train it: {error}.") from error


@contextmanager
def _recorded_as_resumed(folders: Sequence[RunFolder]) -> Iterator[None]:
    """Write down that runs go on; where they then do not, write down why, or they would look interrupted."""
    resumed: list[RunFolder] = []
    try:
        for folder in folders:
            append_event(folder, Resumed())
            resumed.append(folder)
        yield
    except (OSError, UnfreezeError) as error:
        message = (
            f"The run cannot be resumed: {explain(error, folders[0].path)}" if isinstance(error, OSError) else error
        )
        for folder in resumed:
            with suppress(OSError):  # what went wrong first is what matters
                append_event(folder, Failed(message=str(message), step=0, can_resume=True))
        raise


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


def disk_needed_bytes(config: RunConfig) -> int:
    """What must be free for a run to start."""
    return config.disk_bytes + _SPARE_DISK_BYTES if config.disk_bytes else 0


def check_disk(runs_home: Path, *configs: RunConfig) -> None:
    """Refuse runs that could not save their checkpoints.

    Raises:
        NotEnoughDiskError: less is free than they need.
        StorageError: the disk cannot be looked at.
    """
    with said_plainly("The run cannot be started", runs_home):
        existing = next(path for path in (runs_home, *runs_home.parents) if os.path.exists(path))
        free, needed = shutil.disk_usage(existing).free, sum(map(disk_needed_bytes, configs))
    if free < needed:
        raise NotEnoughDiskError(
            f"The disk of {runs_home} has {size(free)} free, but the checkpoints of this training need {size(needed)}. "
            f"{_way_to_space(runs_home)}"
        )


def _way_to_space(runs_home: Path) -> str:
    """What to do about a full disk: the likeliest first."""
    deleted = trash.size_bytes(runs_home)
    if not deleted:
        return "Free some space, or set UNFREEZE_HOME to a folder on another disk."
    return (
        f"Deleted runs still take {size(deleted)}: “Delete for good” under “Recently deleted” on the page Runs frees "
        "it. Or set UNFREEZE_HOME to a folder on another disk."
    )


def _set_on(folders: Sequence[RunFolder], held: Sequence[int], queue: DeviceQueue, *, trains: bool) -> None:
    """Take tickets and set a worker on the runs; where that fails, the tickets are given back.

    Whether they mean waiting is said at once: the worker needs a second to come to life.
    """
    queue.join(*(folder.id for folder in folders))
    try:
        if queue.ahead_of(folders[0].id):
            for folder in folders:
                append_event(folder, Queued(device=queue.device))
        workers.set_on(folders, held, trains=trains)
    except BaseException:
        for folder in folders:
            with suppress(OSError):
                queue.leave(folder.id)
        raise
