"""Where runs live: the home folder, new runs and their numbers, finding one and listing all."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from filelock import FileLock

from core.durable import said_plainly
from core.errors import RunNotFoundError
from core.home import home as home  # where runs live
from core.runs.folder import RunFolder, is_id

_NUMBERED = re.compile(r".*[0-9]{8}-[0-9]{6}-([0-9]{8})")
_MAX_NUMBER = 90_000_000  # a greater one was not given here, and leaves no room for the next
_NUMBERING_WITHIN_S = 10.0


def check_home(runs_home: Path) -> None:
    """Make the folder where runs live, and see that it can be written to.

    Raises:
        StorageError: it cannot; the message names the folder and the reason.
    """
    with said_plainly("Unfreeze has no place for its runs", runs_home):
        runs_home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=runs_home):
            pass


def new_folder(runs_home: Path) -> RunFolder:
    """An empty folder under a fresh id, whose number is greater than that of every other run, whatever the clock says.

    It is no run before it has a description.

    Raises:
        OSError: the disk refuses.
    """
    runs = runs_home / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    with FileLock(runs_home / "numbering.lock", timeout=_NUMBERING_WITHIN_S):
        number = _last_number(runs_home) + 1
        while (path := runs / f"{datetime.now():%Y%m%d-%H%M%S}-{number:08d}").exists():
            number += 1
        path.mkdir()
    (path / "checkpoints").mkdir()
    return RunFolder(path)


@contextmanager
def new_run(runs_home: Path) -> Iterator[RunFolder]:
    """A new folder that is gone again where its start fails."""
    folder = new_folder(runs_home)
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder.path, ignore_errors=True)
        raise


def _last_number(runs_home: Path) -> int:
    """The greatest number of a run, deleted ones included; 0 where there is none."""
    names = [name for folder in ("runs", "trash") for name in _list(runs_home / folder)]
    numbers = (int(numbered[1]) for numbered in map(_NUMBERED.fullmatch, names) if numbered)
    return max((number for number in numbers if number < _MAX_NUMBER), default=0)


def _list(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def find(runs_home: Path, run_id: str) -> RunFolder:
    """The run of that id.

    Raises:
        RunNotFoundError: the id is malformed or names no run.
    """
    folder = RunFolder(runs_home / "runs" / run_id)
    # An id comes from an address bar: only what has an id's exact form ever becomes a path.
    if not is_id(run_id) or not _is_described(folder):
        raise RunNotFoundError(
            f"There is no run {run_id!r} here. It may have been deleted, or belong to another folder."
        )
    return folder


def newest(runs_home: Path) -> Iterator[RunFolder]:
    """Every run, the newest first.

    Raises:
        StorageError: the folder of the runs cannot be read.
    """
    with said_plainly("The runs cannot be listed", runs_home / "runs"):
        names = _list(runs_home / "runs")
    for name in sorted(filter(is_id, names), key=_order, reverse=True):
        folder = RunFolder(runs_home / "runs" / name)
        if _is_described(folder):
            yield folder


def _order(run_id: str) -> tuple[str, str]:
    """By number, which does not depend on the clock; runs of earlier versions come before, by their time."""
    numbered = _NUMBERED.fullmatch(run_id)
    return numbered[1] if numbered else "", run_id


def _is_described(folder: RunFolder) -> bool:
    """Whether this is a run, be it one that cannot be read."""
    return os.path.lexists(folder.path / "config.json")
