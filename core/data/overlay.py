"""What a user has said of single photos: left out, put back, or of another class. The photos' files are never touched.

Edits are kept in the order in which they were made, so that the last one can be undone. Never imports torch.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from filelock import FileLock

from core.data.dataset import Manifest
from core.durable import read_file, replace_file
from core.errors import DataSetError
from core.words import shown

_FORMAT = 1
_MAX_BYTES = 256 * 2**20
_LOCKED_WITHIN_S = 10.0
_REMEMBERED = 8
What = Literal["leave out", "put back", "label"]
_LEFT_OUT = -1


@dataclass(frozen=True, kw_only=True)
class Edit:
    """One thing that a user has said."""

    what: What
    photos: tuple[str, ...]  # of `Manifest.keys`: they hold for later versions, too
    label: str = ""  # a class's name, where `what` is "label"


class Overlay:
    """The edits of one data set, in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def signature(self) -> tuple[int, ...]:
        """Changes whenever the file does."""
        try:
            file = self._path.stat()
        except FileNotFoundError:
            return ()
        return file.st_mtime_ns, file.st_size, file.st_ino

    def edits(self) -> list[Edit]:
        """In the order in which they were made.

        Raises:
            DataSetError: the file is damaged.
            OSError: the disk refuses.
        """
        signature = self.signature
        return list(_read(self._path, signature)) if signature else []

    def add(self, edit: Edit) -> None:
        """Remember one more edit.

        Raises:
            DataSetError: the file is damaged.
            OSError: the disk refuses.
        """
        with self._alone():
            self._write([*self.edits(), edit])

    def undo(self, expected: Sequence[Edit]) -> bool:
        """Forget the last of the edits that are expected; False where there are others by now, which then all stay.

        Raises:
            DataSetError: the file is damaged.
            OSError: the disk refuses.
        """
        with self._alone():
            if not expected or self.edits() != list(expected):
                return False
            self._write(expected[:-1])
            return True

    def _alone(self) -> FileLock:
        return FileLock(self._path.with_suffix(".lock"), timeout=_LOCKED_WITHIN_S)

    def _write(self, edits: Sequence[Edit]) -> None:
        values = {"format": _FORMAT, "edits": [asdict(edit) for edit in edits]}
        replace_file(self._path, lambda file: file.write(json.dumps(values).encode()))


@lru_cache(maxsize=_REMEMBERED)
def _read(path: Path, signature: tuple[int, ...]) -> tuple[Edit, ...]:
    """The edits in a file; `signature` is what they are remembered by.

    Raises:
        DataSetError: the file is damaged.
        OSError: the disk refuses.
    """
    try:
        values = json.loads(read_file(path, at_most=_MAX_BYTES))
        if values["format"] != _FORMAT:
            raise ValueError("another format")
        return tuple(_checked(edit) for edit in values["edits"])
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise DataSetError(
            f"What was left out or relabelled cannot be read: {shown(path)} is damaged. Repair it, or remove "
            "it to have all photos as their folders say."
        ) from error


def applied(manifest: Manifest, edits: Sequence[Edit]) -> Manifest:
    """The same photos as the edits have them. What is said of photos or classes that there are not is passed over."""
    if not edits:
        return manifest
    rows: dict[str, list[int]] = {}
    for row, (identity, name) in enumerate(zip(manifest.ids, manifest.names, strict=True)):
        rows.setdefault(identity, []).append(row)  # what was said of a photo holds for its later copies
        rows.setdefault(f"{identity}#{name}", []).append(row)  # what was said of one of several, for that one alone
    classes = {name: index for index, name in enumerate(manifest.classes)}
    labels, sides = manifest.labels.copy(), manifest.sides.copy()
    for edit in edits:
        found = np.array([row for key in edit.photos for row in rows.get(key, ())], np.int64)
        if edit.what == "leave out":
            sides[found] = _LEFT_OUT
        elif edit.what == "put back":
            sides[found] = manifest.sides[found]
        elif edit.label in classes:
            labels[found] = classes[edit.label]
    return replace(manifest, labels=labels, sides=sides)


def _checked(values: Any) -> Edit:
    edit = Edit(what=values["what"], photos=tuple(values["photos"]), label=values["label"])
    if edit.what not in ("leave out", "put back", "label") or not isinstance(edit.label, str):
        raise ValueError("no edit")
    if not all(isinstance(key, str) for key in edit.photos):
        raise ValueError("no photos")
    return edit
