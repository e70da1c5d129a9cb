"""Finding a folder or an archive of photos on the computer that runs Unfreeze, below the folders that may be shown."""

import os
from dataclasses import dataclass
from pathlib import Path

from core.data.sources.layouts import is_ignored
from core.data.sources.opening import ARCHIVES
from core.errors import DataSetError
from core.words import shown

_MOST = 500


@dataclass(frozen=True, kw_only=True)
class Place:
    """A folder, or an archive."""

    path: Path
    is_folder: bool


def roots() -> list[Path]:
    """Where browsing begins: the home folder of whoever runs Unfreeze, and the folders that `UNFREEZE_ROOTS` names.

    They are divided as in `PATH`. One that is not there is left out.
    """
    named = [Path(part).expanduser() for part in os.environ.get("UNFREEZE_ROOTS", "").split(os.pathsep) if part]
    try:
        own = [Path.home()]
    except RuntimeError:  # nobody knows where it is
        own = []
    return [path for path in dict.fromkeys([*own, *map(Path.absolute, named)]) if path.is_dir()]


def _is_text(name: str) -> bool:
    """Whether a browser can be sent this name; what is no text can only be reached by a name above it."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def inside(folder: Path) -> tuple[list[Place], bool]:
    """The folders and archives in a folder, by name, and whether there are more than are listed.

    Raises:
        DataSetError: it is not below one of the roots, or cannot be read.
    """
    try:
        real = Path(os.path.realpath(folder))
    except ValueError as error:
        raise DataSetError(f"There is nothing at {shown(folder, most=200)}. Choose another folder.") from error
    if not any(real.is_relative_to(os.path.realpath(root)) for root in roots()):
        raise DataSetError(
            f"{shown(folder, most=200)} is in none of the folders that are open for browsing. Type its path."
        )
    try:
        with os.scandir(folder) as entries:
            found = [
                Place(path=folder / entry.name, is_folder=_is_folder(entry))
                for entry in entries
                if not is_ignored(entry.name)
                and _is_text(entry.name)
                and (_is_folder(entry) or entry.name.casefold().endswith(ARCHIVES))
            ]
    except OSError as error:
        raise DataSetError(f"{shown(folder, most=200)} cannot be read: {error.strerror}.") from error
    found.sort(key=lambda place: (not place.is_folder, place.path.name.casefold()))
    return found[:_MOST], len(found) > _MOST
