"""The process that trains: it has the runs that it is given done (see `core.driver`). Imported by nobody.

python -m core.worker RUN_DIR ... [--lock FD ...]    set on a run, or on a race; FD holds its lock already
python -m core.worker --spare FD                     import torch, then wait for runs on that socket
"""

import argparse
import importlib
import json
import os
import socket
import threading
from pathlib import Path

from core.driver import begin, remember_devices, work
from core.durable import clear_unfinished
from core.home import home
from core.lane import SIGNALS, log_to
from core.runs import locks
from core.runs.config import MAX_LANES
from core.runs.folder import RunFolder
from core.runs.queue import DeviceQueue


def _await_runs(connection: socket.socket) -> list[tuple[RunFolder, int]]:
    """As a spare: import what training needs, look for devices, and wait for runs and their locks meanwhile.

    Whoever gives them is answered at once, or would take this process for one that hangs. Empty: the server is gone.
    """
    threading.Thread(target=_warm, name="warming up").start()
    with connection:
        message, locks_held, _, _ = socket.recv_fds(connection, 64 * 1024, MAX_LANES)
        if message:
            SIGNALS.begin_work()  # before the answer: from then on, nobody else sees to these runs
            connection.sendall(b"!")
    paths = json.loads(message) if message else []
    return [(RunFolder(Path(path)), lock) for path, lock in zip(paths, locks_held, strict=True)]


def _warm() -> None:
    importlib.import_module("core.training.fine_tuning")
    remember_devices(home())


def _take(folder: RunFolder) -> int:
    """The lock of a run that was started by hand."""
    lock = locks.hold(folder.lock)
    clear_unfinished(folder.path)
    folder.control.unlink(missing_ok=True)  # what was asked of a former attempt
    return lock


def _take_all(folders: list[RunFolder]) -> list[int]:
    """The locks of runs that were started by hand, with tickets for their device."""
    held = [_take(folder) for folder in folders]
    queue = DeviceQueue(folders[0].path.parents[1], str(folders[0].description()["queue"]))
    queue.join(*(folder.id for folder in folders))
    return held


def main() -> None:
    """Read the command line and work."""
    parser = argparse.ArgumentParser(prog="python -m core.worker", description="Train runs, outside of any browser.")
    parser.add_argument("run_dir", type=Path, nargs="*", help="a run's folder; several take turns")
    parser.add_argument("--lock", type=int, action="append", help="a descriptor that holds a run's lock, one a folder")
    parser.add_argument("--spare", type=int, help="a socket on which to wait for runs")
    arguments = parser.parse_args()
    SIGNALS.listen()
    if arguments.spare is not None:
        given = _await_runs(socket.socket(fileno=arguments.spare))
        if not given:
            return
    elif arguments.run_dir:
        SIGNALS.begin_work()
        folders = [RunFolder(path.absolute()) for path in arguments.run_dir]
        held = arguments.lock or _take_all(folders)
        given = list(zip(folders, held, strict=True))
    else:
        parser.error("a run's folder is needed")
    for _, lock in given:
        os.set_inheritable(lock, False)  # nothing that this process starts may keep a run alive
    log_to([folder for folder, _ in given])
    work([lane for folder, lock in given if (lane := begin(folder, lock))])


if __name__ == "__main__":
    main()
