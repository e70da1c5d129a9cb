"""The data sets that users have made, on the disk: their names, their versions, and what was deleted. Never torch.

<home>/data/set-3/
    description.json   name, creation time, and the settings of the packing that made its newest version
    versions/1/        a pack (`core.data.pack`), what was found in it, and who is on which side for good
    making-<run>/      what a packing has made so far of a version
    photos/            the photos themselves, where they were made or dropped in the browser
    overlay.json       what was left out or relabelled (`core.data.overlay`)
"""

import json
import os
import re
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from core.data.overlay import Overlay
from core.durable import read_file, replace_file, said_plainly, sync_folder
from core.errors import DataSetError
from core.words import shown

_FORMAT = 1
_MAX_BYTES = 2**20
_ID = re.compile(r"set-([1-9][0-9]{0,7})")
_KEY = re.compile(r"(set-[1-9][0-9]{0,7})@([1-9][0-9]{0,5})")
_NUMBERING_WITHIN_S = 10.0
MAX_NAME = 80
KEEP_DAYS = 7
_LAST, _LAST_PURGE = "last-number", "last-purge"


@dataclass(frozen=True, kw_only=True)
class Description:
    """What is known of a set before any of its photos is looked at."""

    name: str  # as the user has it: data, not markup
    created: float  # seconds of Unix time
    settings: Mapping[str, Any]  # of the packing that made its newest version, or is making it
    packing: str = ""  # the id of that run


@dataclass(frozen=True)
class StoredSet:
    """A data set's folder."""

    path: Path

    @property
    def id(self) -> str:
        """ "set-3": its name on disk and in addresses."""
        return self.path.name

    @property
    def overlay(self) -> Overlay:
        """What was left out or relabelled."""
        return Overlay(self.path / "overlay.json")

    @property
    def photos(self) -> Path:
        """Where photos lie that have no other home."""
        return self.path / "photos"

    @property
    def versions(self) -> list[int]:
        """Those that are whole, the oldest first."""
        try:
            names = _folders(self.path / "versions")
        except OSError:  # the set is damaged
            return []
        return sorted(int(name) for name in names if re.fullmatch(r"[1-9][0-9]{0,5}", name))

    @property
    def newest(self) -> int:
        """The newest version; 0 where none is whole."""
        return max(self.versions, default=0)

    def version(self, number: int) -> Path:
        """The folder of a version."""
        return self.path / "versions" / str(number)

    def making(self, run_id: str) -> Path:
        """Where a packing keeps what it has made so far: no two have one place."""
        return self.path / f"making-{run_id}"

    def complete(self, run_id: str, number: int) -> None:
        """Make what a run has packed a version.

        Raises:
            OSError: the disk refuses, or there is one of that number already.
        """
        (self.path / "versions").mkdir(exist_ok=True)
        os.rename(self.making(run_id), self.version(number))
        sync_folder(self.path / "versions")

    def description(self) -> Description:
        """What `description.json` says.

        Raises:
            DataSetError: there is none that can be read.
        """
        try:
            values = json.loads(read_file(self.path / "description.json", at_most=_MAX_BYTES))
            described = Description(**{name: values[name] for name in ("name", "created", "settings", "packing")})
            if values["format"] != _FORMAT or not isinstance(described.name, str):
                raise ValueError("another format")
            if not isinstance(described.settings, dict) or not isinstance(described.packing, str):
                raise ValueError("no settings")
            return described
        except (OSError, AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
            raise DataSetError(
                f"The data set {self.id} is damaged: its description.json cannot be read. Repair the file, or delete "
                "the data set."
            ) from error

    def describe(self, described: Description) -> None:
        """Write `description.json`.

        Raises:
            OSError: the disk refuses.
        """
        values = {
            "format": _FORMAT,
            "name": described.name[:MAX_NAME],
            "created": described.created,
            "settings": dict(described.settings),
            "packing": described.packing,
        }
        replace_file(self.path / "description.json", lambda file: file.write(json.dumps(values, indent=2).encode()))

    @property
    def name(self) -> str:
        """What people call it, fit to show; its id where that cannot be read. Not Markdown."""
        try:
            return shown(self.description().name)
        except DataSetError:
            return self.id


def key_of(set_id: str, version: int) -> str:
    """ "set-3@2": what a run's configuration says."""
    return f"{set_id}@{version}"


def parse_key(key: str) -> tuple[str, int] | None:
    """The set and the version that a key names; None for another text."""
    found = _KEY.fullmatch(key)
    return (found[1], int(found[2])) if found else None


def new_set(home: Path, name: str, settings: Mapping[str, Any]) -> StoredSet:
    """An empty set under a number that no other one has had, deleted ones included.

    Raises:
        OSError: the disk refuses; nothing is left behind.
    """
    (home / "data").mkdir(parents=True, exist_ok=True)
    with FileLock(home / "data" / "numbering.lock", timeout=_NUMBERING_WITHIN_S):
        number = _last_number(home) + 1
        made = StoredSet(home / "data" / f"set-{number}")
        made.path.mkdir()
        try:
            replace_file(home / "data" / _LAST, lambda file: file.write(str(number).encode()))
            made.describe(Description(name=name, created=time.time(), settings=settings))
        except BaseException:
            shutil.rmtree(made.path, ignore_errors=True)
            raise
    return made


def _last_number(home: Path) -> int:
    """The greatest number that was ever given: runs may still name a set that was removed for good."""
    names = [path.name for folder in (home / "data", _trash(home)) if folder.exists() for path in folder.iterdir()]
    taken = [int(found[1]) for name in names if (found := _ID.fullmatch(name))]
    with suppress(OSError, ValueError):
        last = int(read_file(home / "data" / _LAST, at_most=20))
        taken += [last] if _ID.fullmatch(f"set-{last + 1}") else []
    return max(taken, default=0)


def find_set(home: Path, set_id: str) -> StoredSet:
    """The set of that id.

    Raises:
        DataSetError: the id is malformed, or names none.
    """
    # An id comes from an address or a file: only what has an id's exact form ever becomes a path.
    path = home / "data" / set_id
    if not _ID.fullmatch(set_id) or path.is_symlink() or not path.is_dir():
        raise DataSetError(
            f"There is no data set {shown(set_id)} here. It may have been deleted: see “Recently deleted”."
        )
    return StoredSet(path)


def all_sets(home: Path) -> list[StoredSet]:
    """Every set, the newest first.

    Raises:
        StorageError: the disk refuses.
    """
    with said_plainly("The data sets cannot be listed", home / "data"):
        return _sets_in(home / "data")


def rename(stored: StoredSet, name: str) -> None:
    """Give a set another name.

    Raises:
        DataSetError: it cannot be read.
        StorageError: the disk refuses.
    """
    with said_plainly("The data set cannot be renamed", stored.path):
        known = stored.description()
        stored.describe(Description(name=name, created=known.created, settings=known.settings, packing=known.packing))


def delete(home: Path, stored: StoredSet) -> None:
    """Move a set to where it can be restored from. Whoever is packing it has been stopped.

    Raises:
        StorageError: the disk refuses.
    """
    with said_plainly(f"The data set {stored.id} cannot be deleted", stored.path):
        _trash(home).mkdir(exist_ok=True)
        os.utime(stored.path)
        os.rename(stored.path, _trash(home) / stored.id)
        sync_folder(_trash(home))


def deleted(home: Path) -> list[StoredSet]:
    """What can be restored, the newest first."""
    return _sets_in(_trash(home))


def restore(home: Path, set_id: str) -> StoredSet:
    """Move a deleted set back.

    Raises:
        DataSetError: it is not there any more.
        StorageError: the disk refuses.
    """
    if set_id not in [gone.id for gone in deleted(home)]:
        raise DataSetError(f"The data set {shown(set_id)} was deleted for good, so it cannot be restored.")
    with said_plainly(f"The data set {set_id} cannot be restored", home / "data"):
        os.rename(_trash(home) / set_id, home / "data" / set_id)
        sync_folder(home / "data")
    return StoredSet(home / "data" / set_id)


def remove(home: Path, set_ids: list[str]) -> None:
    """Remove deleted sets for good.

    Raises:
        StorageError: the disk refuses.
    """
    with said_plainly("Not everything that was deleted could be removed", _trash(home)):
        for gone in deleted(home):
            if gone.id in set_ids:
                shutil.rmtree(gone.path)


def purge(home: Path) -> None:
    """Remove for good what was deleted more than a week ago, both now and at the last purge: clocks may be wrong.

    Raises:
        StorageError: the disk refuses.
    """
    marker = _trash(home) / _LAST_PURGE
    with said_plainly("What was deleted cannot be looked after", _trash(home)):
        before = marker.stat().st_mtime if marker.exists() else 0.0
        oldest = min(time.time(), before) - KEEP_DAYS * 24 * 3600
        remove(home, [gone.id for gone in deleted(home) if gone.path.stat().st_mtime < oldest])
        if deleted(home):
            marker.touch()


def _trash(home: Path) -> Path:
    return home / "data" / "deleted"


def _sets_in(folder: Path) -> list[StoredSet]:
    numbered = sorted(
        ((int(found[1]), name) for name in _folders(folder) if (found := _ID.fullmatch(name))), reverse=True
    )
    return [StoredSet(folder / name) for _, name in numbered]


def _folders(folder: Path) -> list[str]:
    """What is in a folder and is one itself, no link; nothing where there is no such folder."""
    if not folder.exists():
        return []
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
