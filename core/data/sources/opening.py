"""Where photos come from: a folder, an archive, or what was dropped in the browser. Looked through, then read in order.

What each file shows is none of its business: it hands out bytes. Never imports torch.
"""

import errno
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.data.decoding.limits import MAX_BYTES
from core.data.sources import layouts
from core.data.sources.archives import open_archive
from core.data.sources.cifar import recognise
from core.data.sources.entries import Archive
from core.data.sources.layouts import Item, Reading
from core.data.sources.published import Published
from core.data.sources.source import Found, Source
from core.data.sources.tables import is_table
from core.durable import open_file, read_file, replace_file
from core.errors import DataSetError
from core.words import shown

MAX_FILES = 1_000_000
ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")
_PHOTOS = (".jpg", ".jpeg", ".png", ".webp", ".heic", ".avif", ".gif", ".bmp", ".tif", ".tiff")
_MAX_INDEX = 256 * 2**20
_INDEX = "index.json"


def open_source(path: Path) -> Source:
    """Look through a folder or an archive.

    Raises:
        DataSetError: it is neither, or holds nothing that could be photos; the message names it.
    """
    name = shown(path.name or str(path))
    try:
        os.fsencode(path)
        if is_table(path.name) and path.is_file():
            raise DataSetError(f"{name} is a table: type the path of the folder that it lies in.")
        return _as_published(_Folder(path) if path.is_dir() else _Archived(open_archive(path), name))
    except (FileNotFoundError, ValueError) as error:  # or it is none that any disk has
        raise DataSetError(f"There is nothing at {shown(path, most=200)}. Check the path.") from error
    except OSError as error:
        where = shown(error.filename or path, most=200)
        raise DataSetError(f"{where} cannot be read: {error.strerror or type(error).__name__}.") from error


def open_dropped(folder: Path) -> Source:
    """Look through what was dropped in the browser, see `note_dropped`.

    Raises:
        DataSetError: it cannot be read; the message says why.
    """
    try:
        entries = json.loads(read_file(folder / _INDEX, at_most=_MAX_INDEX))
        dropped = [Dropped(**{name: str(entry[name]) for name in ("file", "name", "class_name")}) for entry in entries]
        if not isinstance(entries, list) or not all(
            entry.file and not {"/", "\0"} & {*entry.file} and entry.file not in (".", "..") for entry in dropped
        ):
            raise ValueError("no plain names")
    except (OSError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise DataSetError("The dropped photos cannot be read: their list is damaged. Drop them again.") from error
    return open_files([(folder / entry.file, entry) for entry in dropped])


def open_files(files: Sequence[tuple[Path, "Dropped"]]) -> Source:
    """Look through dropped files, wherever they lie: photos, or one archive.

    Raises:
        DataSetError: they cannot be taken for photos; the message says why.
    """
    archives = [entry for _, entry in files if entry.name.casefold().endswith(ARCHIVES)]
    if len(files) == 1 and not files[0][1].class_name:
        name = shown(files[0][1].name)
        return _as_published(_Archived(open_archive(files[0][0], name), name))
    if archives:
        raise DataSetError(f"{shown(archives[0].name)} is an archive: drop it alone, or unpack it and drop the photos.")
    return _as_published(_DroppedPhotos(files))


def _as_published(source: Source) -> Source:
    """A set that is published in a form of its own as what it is; anything else as its files."""
    known = recognise(source.files)
    if known is None:
        return source
    if known.missing and _are_photos(known.left_out):  # beside which some files happen to have such names
        missing = shown(known.missing[0])
        note = f"{known.name} is not complete: “{missing}” is missing, so its files are read as any others."
        source.notes = (*source.notes, note)
        return source
    return Published(source, known)


def _are_photos(paths: Sequence[str]) -> bool:
    """Whether there are photos among files, and something that says what they show."""
    photos = [path for path in paths if path.casefold().endswith(_PHOTOS)]
    return bool(photos) and (any(map(is_table, paths)) or bool(layouts.readings(photos)))


@dataclass(frozen=True, kw_only=True)
class Dropped:
    """A file that was dropped in the browser."""

    file: str  # what it is called in a set's folder
    name: str  # as the browser said it, perhaps below folders
    class_name: str = ""  # where it was dropped on a class


def note_dropped(folder: Path, dropped: Sequence[Dropped]) -> None:
    """Write down what the files of a folder are.

    Raises:
        OSError: the disk refuses.
    """
    entries = [{"file": entry.file, "name": entry.name, "class_name": entry.class_name} for entry in dropped]
    replace_file(folder / _INDEX, lambda file: file.write(json.dumps(entries).encode()))


class _Folder(Source):
    def __init__(self, root: Path) -> None:
        self._root = root
        self.name = shown(root.name or str(root))
        found: list[str] = []
        links, linked_folders = 0, 0
        real_root = os.path.realpath(root)
        for path, is_link, is_folder in _walk(root):
            if is_folder:
                linked_folders += 1
            elif is_link and not _is_inside(real_root, path):
                links += 1
            elif not layouts.is_ignored(path):
                found.append(path)
            if len(found) > MAX_FILES:
                raise DataSetError(f"{self.name} holds more than {MAX_FILES:,} files. Choose a folder within it.")
        self.files = sorted(found)
        notes = []
        if links:
            notes.append(f"{links:,} link{'s lead' if links > 1 else ' leads'} out of the folder: left out.")
        if linked_folders:
            many = linked_folders > 1
            notes.append(f"{linked_folders:,} folder{'s are links' if many else ' is a link'}, and not followed.")
        self.notes = tuple(notes)

    def contents(self, paths: Sequence[str], *, at_most: int = MAX_BYTES) -> Iterator[Found]:
        """See `Source.contents`."""
        real_root = os.path.realpath(self._root)
        for path in paths:
            if not _is_inside(real_root, path):  # any part of it may have become a link since
                yield Found(path=path, problem=f"{shown(path)} leads out of the folder, by a link.")
            else:
                yield _read(self._root / path, path, at_most)

    def is_there(self) -> bool:
        """See `Source.is_there`: of a disk that is gone, an empty folder may be left."""
        try:
            return bool(os.listdir(self._root))
        except OSError:
            return False


class _Archived(Source):
    def __init__(self, archive: Archive, name: str) -> None:
        self._archive, self.name = archive, name
        self.files = [entry.path for entry in archive.entries]

    def contents(self, paths: Sequence[str], *, at_most: int = MAX_BYTES) -> Iterator[Found]:
        """See `Source.contents`."""
        for path, data in self._archive.contents(paths, at_most=at_most):
            yield Found(path=path, data=data)

    def close(self) -> None:
        """See `Source.close`."""
        self._archive.close()


class _DroppedPhotos(Source):
    """Photos that were dropped one by one, on the classes that they are of, or in folders."""

    def __init__(self, files: Sequence[tuple[Path, Dropped]]) -> None:
        self.name = "the dropped photos"
        self._classes: dict[str, str] = {}
        self._file_of: dict[str, Path] = {}
        taken: dict[str, int] = {}
        ignored: dict[str, bool] = {}
        for file, entry in files:
            below = re.sub(r"[/\\\\]", "_", entry.class_name)
            path = _relative(f"{below}/{entry.name}")
            if path.count("/") >= layouts.MAX_PARTS:
                raise DataSetError(f"{shown(entry.name, most=40)} lies too deep. Drop a folder within it.")
            path = _unused(path, taken)
            ignored[path] = layouts.is_ignored(_relative(entry.name))
            self._file_of[path], self._classes[path] = file, entry.class_name
        self.files = [path for path in self._file_of if not ignored[path]]

    def readings(self) -> list[Reading]:
        """See `Source.readings`."""
        if not all(self._classes[path] for path in self.files):
            return super().readings()
        items = tuple(Item(path=path, class_name=self._classes[path]) for path in self.files)
        classes = tuple(sorted({item.class_name for item in items}))
        sentence = f"{len(classes):,} class{'es' * (len(classes) != 1)}, as they were dropped."
        return [Reading(key="dropped", sentence=sentence, classes=classes, items=items, left_out=())] if items else []

    def contents(self, paths: Sequence[str], *, at_most: int = MAX_BYTES) -> Iterator[Found]:
        """See `Source.contents`."""
        for path in paths:
            yield _read(self._file_of[path], path, at_most)


def _walk(root: Path) -> Iterator[tuple[str, bool, bool]]:
    """The relative path of every file below a folder, and whether it is a link. Of links to folders, the links alone.

    Returns:
        Path, whether it is a link, whether that leads to a folder.

    Raises:
        OSError: a folder cannot be read: without it, the rest would look like all there is.
        DataSetError: one lies in more folders than any that people have.
    """

    def refuse(error: OSError) -> None:
        raise error

    for folder, subfolders, names in os.walk(root, onerror=refuse):
        subfolders[:] = [name for name in subfolders if not layouts.is_ignored(name)]
        below = os.path.relpath(folder, root)
        if layouts.is_too_deep(f"{below}/") and (subfolders or names):
            raise DataSetError(
                f"{shown(below, most=40)} in {shown(root.name)} lies too deep. Choose a folder within it."
            )
        for name in [*names, *(name for name in subfolders if os.path.islink(os.path.join(folder, name)))]:
            full = os.path.join(folder, name)
            is_link = os.path.islink(full)
            yield name if below == "." else f"{below}/{name}", is_link, is_link and os.path.isdir(full)


def _is_inside(root: str, path: str) -> bool:
    """Whether a path below a folder leads there, wherever links lead. `root` is the folder without links."""
    return os.path.realpath(os.path.join(root, path)).startswith(os.path.join(root, ""))


def _read(path: Path, name: str, at_most: int) -> Found:
    """A file's bytes; of one that is too large, one more than are ever read."""
    try:
        with open_file(path) as file:
            return Found(path=name, data=file.read(at_most + 1))
    except OSError as error:
        if error.errno == errno.ENOENT:
            problem = f"{shown(name)} is not there any more: it was moved or deleted meanwhile."
        else:
            problem = f"{shown(name)} cannot be read: {error.strerror or type(error).__name__}."
        return Found(path=name, problem=problem, is_lost=True)


def _relative(name: str) -> str:
    """A name from a browser as a path that leads nowhere else: it is never opened, only shown and taken apart."""
    parts = [part for part in name.replace("\\", "/").replace("\0", "").split("/") if part not in ("", ".", "..")]
    return "/".join(parts) or "photo"


def _unused(path: str, taken: dict[str, int]) -> str:
    """The path, or one like it that no other has. `taken` counts how often each was asked for."""
    stem, suffix = os.path.splitext(path)
    while path in taken:
        taken[path] += 1
        path = f"{stem} ({taken[path]}){suffix}"
    taken[path] = 1
    return path
