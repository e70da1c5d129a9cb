"""Which class and which side a file is of, as the folders say in which it lies. Pure: from paths to readings.

A folder, a zip and a tar are read alike: they are lists of relative paths. Where more than one way to take them makes
sense, there is more than one reading, the likeliest first, and each says in words what it took for what.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import PurePosixPath
from typing import Literal

from core.data.dataset import SIDES, Side
from core.words import shown

# What people call the sides, in any case.
_SIDES: dict[str, Side] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
_IGNORED = {"thumbs.db", "desktop.ini", "__macosx"}  # and all that is hidden, as .DS_Store and ._photo.jpg are
# By what a file is called: such a one was never meant as a photo.
_NO_PHOTOS = (
    *(".txt", ".md", ".json", ".jsonl", ".xml", ".csv", ".tsv", ".parquet", ".yaml", ".yml", ".html", ".htm", ".pdf"),
    *(".py", ".ipynb", ".log", ".ini", ".cfg", ".db", ".npy", ".npz", ".mat", ".pkl", ".pt", ".pth", ".mp4", ".mov"),
    *(".avi", ".doc", ".docx", ".xls", ".xlsx", ".zip", ".tar", ".gz", ".sh", ".names", ".data", ".license"),
)
# Longer or deeper paths nobody has; their number of folders counts for each file, and for each row of a table.
_MAX_PATH = 4_096  # characters
MAX_PARTS = 100
Way = Literal["classes", "sides above", "sides below", "innermost"]


@dataclass(frozen=True, kw_only=True)
class Item:
    """A file of a data set, photo or not."""

    path: str  # relative, its parts divided by "/"
    class_name: str
    given: Side | None = None  # None: its side is to be drawn
    group: str = ""  # what has the same, and not none, stays on one side


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One way to take files for a data set."""

    key: str  # the same whenever files are taken in this way; plain ASCII
    sentence: str  # what was taken for what; not Markdown
    classes: tuple[str, ...]
    items: tuple[Item, ...]
    left_out: tuple[str, ...]  # paths that this reading has no class for


def is_ignored(path: str) -> bool:
    """Whether a file is none of the user's: what systems and file managers leave in folders, and all that is hidden."""
    return any(part.startswith(".") or part.casefold() in _IGNORED for part in PurePosixPath(path).parts)


def is_too_deep(path: str) -> bool:
    """Whether a path is longer than any that people have, or leads through more folders."""
    return len(path) > _MAX_PATH or path.count("/") >= MAX_PARTS


def is_photo_by_name(path: str) -> bool:
    """Whether a file may be meant as a photo."""
    return not path.casefold().endswith(_NO_PHOTOS)


def readings(paths: Iterable[str]) -> list[Reading]:
    """The ways to take files for a data set by their folders, the likeliest first; none where they lie in none."""
    files = sorted(path for path in paths if not is_ignored(path))
    # What is no photo by name, as a note beside the class folders, says nothing of what the folders mean.
    photos = [PurePosixPath(path).parts for path in files if is_photo_by_name(path)]
    common = _common_folder(photos)
    parts = [_below(PurePosixPath(path).parts, common) for path in files]
    found: dict[tuple[Item, ...], Reading] = {}
    for way in _ways([_below(path, common) for path in photos]):
        for reading in _readings_of(way, files, parts):
            found.setdefault(reading.items, reading)  # the first sentence of those that mean the same
    return list(found.values())


def _common_folder(parts: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The folder that holds all others, as an archive has it."""
    if not parts:
        return ()
    shared = [one for one, _ in takewhile(lambda both: both[0] == both[1], zip(min(parts), max(parts), strict=False))]
    # Above a file, two folders stay: one may be a lone class, with its sides below it.
    most = min(len(path) - (3 if len(path) > 2 and side_of(path[-2]) else 2) for path in parts)
    return tuple(shared[: max(most, 0)])


def _below(path: tuple[str, ...], common: tuple[str, ...]) -> tuple[str, ...]:
    """A path without the folder that holds all others; what lies outside of that lies in no folder."""
    return path[len(common) :] if path[: len(common)] == common else path[-1:]


def _ways(parts: Sequence[tuple[str, ...]]) -> list[Way]:
    """How the folders can be taken, the likeliest first."""
    first = {path[0] for path in parts if len(path) > 1}
    second = {path[1] for path in parts if len(path) > 2}
    ways: list[Way] = []
    if len(_sides_in(first)) >= 2 or (first and len(_sides_in(first)) == 1 and all(map(side_of, first)) and second):
        ways.append("sides above")
    if second and len(_sides_in(second)) >= 2:
        ways.append("sides below")
    if first:
        ways.append("classes")
    if any(len(path) > 2 for path in parts):
        ways.append("innermost")
    return ways


def side_of(name: str) -> Side | None:
    """The side that people call so, in any case; None for all other names."""
    return _SIDES.get(name.casefold())


def _sides_in(folders: Iterable[str]) -> set[Side]:
    return {side for folder in folders if (side := side_of(folder))}


def _readings_of(way: Way, files: Sequence[str], parts: Sequence[tuple[str, ...]]) -> list[Reading]:
    """What can be made of the files where their folders are taken that way."""
    places = [_PLACES[way](path) for path in parts]
    named = {side: folder for _, folder in reversed(places) if folder and (side := side_of(folder))}
    left_out = tuple(file for file, (class_name, _) in zip(files, places, strict=True) if class_name is None)
    made: list[Reading] = []
    for sides, phrase in sides_readings(named):
        items = tuple(
            Item(path=file, class_name=class_name, given=sides.get(side_of(folder or "")))
            for file, (class_name, folder) in zip(files, places, strict=True)
            if class_name is not None
        )
        classes = tuple(sorted({item.class_name for item in items}))
        if classes:
            sentence = _sentence(len(classes), way, phrase, len(left_out))
            key = key_of(way, sides)
            made.append(Reading(key=key, sentence=sentence, classes=classes, items=items, left_out=left_out))
    return made


# The class, and the folder that names the side, of a path's parts; no class where it lies in none.
_PLACES: dict[Way, Callable[[tuple[str, ...]], tuple[str | None, str | None]]] = {
    "classes": lambda path: (path[0], None) if len(path) > 1 else (None, None),
    "innermost": lambda path: (path[-2], None) if len(path) > 1 else (None, None),
    "sides above": lambda path: (path[1], path[0]) if len(path) > 2 and side_of(path[0]) else (None, None),
    "sides below": lambda path: (path[0], path[1]) if len(path) > 2 and side_of(path[1]) else (None, None),
}


def sides_readings(named: Mapping[Side, str]) -> list[tuple[dict[Side | None, Side], str]]:
    """What can become of the sides that folders or tables name: which each is kept as, and how to say it.

    A test set never chooses anything, and without one no result can be trusted: so a lone validation set is for test.
    """
    if not named:
        return [({}, "")]
    train: dict[Side | None, Side] = {"train": "train"}
    anew: tuple[dict[Side | None, Side], str] = (
        {},
        f"the photos of {_listed(named)} are mixed, and their sides drawn anew",
    )
    validation, test = (shown(named.get(side, "")) for side in ("validation", "test"))
    if "test" in named and "validation" in named:
        kept = f"“{validation}” is kept for validation, “{test}” as the test set"
        return [({**train, "validation": "validation", "test": "test"}, kept), anew]
    if "test" in named:
        return [({**train, "test": "test"}, f"“{test}” is kept as the test set"), anew]
    if "validation" in named:
        as_test = f"“{validation}” is kept as the test set"
        as_validation = f"“{validation}” is kept for validation, and there is no test set"
        return [
            ({**train, "validation": "test"}, as_test),
            ({**train, "validation": "validation"}, as_validation),
            anew,
        ]
    return [anew]


def key_of(way: str, sides: Mapping[Side | None, Side]) -> str:
    """The key of a reading: "sides above, validation is test"."""
    return ", ".join([way, *(f"{named} is {kept}" for named, kept in sides.items())])


def _listed(named: Mapping[Side, str]) -> str:
    return " and ".join(f"“{shown(named[side])}”" for side in SIDES if side in named)


def _sentence(num_classes: int, way: Way, sides: str, num_left_out: int) -> str:
    classes = f"{num_classes:,} class{'' if num_classes == 1 else 'es'}"
    where = "the names of the innermost folders" if way == "innermost" else "folder names"
    parts = [f"{classes} from {where}", sides]
    if num_left_out:
        parts.append(f"{num_left_out:,} file{' lies' if num_left_out == 1 else 's lie'} in no class folder")
    return f"{'; '.join(filter(None, parts))}."
