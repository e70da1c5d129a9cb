"""One training a device at a time, in the order of the clicks. Knows locks and tickets, not trainings.

Every run holds a ticket, `<home>/queue/<device>/<number>-<run id>`, from its start to its end. The oldest ticket whose
run is alive has the device: a dead run's ticket counts for nothing, so nobody needs to clean up after a crash.
"""

import errno
import os
import re
from pathlib import Path

from filelock import FileLock

from core.durable import said_plainly
from core.runs import locks
from core.runs.folder import RunFolder, is_id

_TICKET = re.compile(r"([0-9]{9,18})-(.+)")
_NUMBERING_WITHIN_S = 10.0


class DeviceQueue:
    """The tickets of one device."""

    def __init__(self, runs_home: Path, device: str) -> None:
        self.device = device
        self._runs = runs_home / "runs"
        self._path = runs_home / "queue" / device.replace(":", "-")

    def join(self, *run_ids: str) -> None:
        """Take the next tickets, side by side: nobody else's come between them.

        The runs' locks must be held already, or their tickets count for nothing.
        """
        self._path.mkdir(parents=True, exist_ok=True)
        # Numbered under a lock: a later ticket can never appear before an earlier one.
        with FileLock(self._path / "numbering.lock", timeout=_NUMBERING_WITHIN_S):
            for run_id in run_ids:
                self.leave(run_id)  # a killed attempt's ticket would come to life again, and overtake
            tickets = self._tickets()
            first = tickets[-1][0] + 1 if tickets else 1
            for _, holder in tickets:
                if not self._is_alive(holder):
                    self.leave(holder)
            for number, run_id in enumerate(run_ids, start=first):
                (self._path / f"{number:09d}-{run_id}").touch()

    def leave(self, run_id: str) -> None:
        """Give the ticket back."""
        for number, holder in self._tickets():
            if holder == run_id:
                (self._path / f"{number:09d}-{holder}").unlink(missing_ok=True)

    def alive(self) -> list[str]:
        """The ids of the runs that have or await the device; the first has it."""
        return [run_id for _, run_id in self._tickets() if self._is_alive(run_id)]

    def ahead_of(self, run_id: str) -> list[str]:
        """The ids of the runs that come first, the oldest first. Empty: the device is the run's."""
        ahead: list[str] = []
        for _, holder in self._tickets():
            if holder == run_id:
                break
            if self._is_alive(holder):
                ahead.append(holder)
        return ahead

    def _is_alive(self, run_id: str) -> bool:
        return locks.is_held(RunFolder(self._runs / run_id).lock)

    def _tickets(self) -> list[tuple[int, str]]:
        """Number and run of every ticket, the oldest first. Some systems leave files of their own in every folder."""
        try:
            with os.scandir(self._path) as entries:
                names = [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                return []
            raise  # or this run would seem to be the only one
        parts = (_TICKET.fullmatch(name) for name in names)
        return sorted((int(part[1]), part[2]) for part in parts if part and is_id(part[2]))


def all_alive(runs_home: Path) -> list[str]:
    """The ids of the runs that have or await any device, the oldest of each device first.

    Raises:
        StorageError: the disk refuses.
    """
    path = runs_home / "queue"
    with said_plainly("What is running cannot be listed", path):
        devices = sorted(os.listdir(path)) if path.is_dir() else []
        return [run_id for device in devices for run_id in DeviceQueue(runs_home, device).alive()]
