"""Which columns of a table say where a photo lies, what it shows, on which side it is, and what belongs together.

By their names where people gave the usual ones, else by what is in them; where that does not decide, it is asked for.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from core.data.sources.layouts import side_of
from core.data.sources.row_paths import PhotoPaths
from core.data.sources.rows import Table, check_names
from core.errors import DataSetError
from core.words import shown

# What people call the columns, in any case and with anything between the words; the first is the likeliest.
_PATH = (
    *("path", "filepath", "imagepath", "imgpath", "photopath", "filename", "file", "imagefile", "imagefilename"),
    *("imagename", "imgname", "photoname", "image", "img", "photo", "picture", "imageid", "imgid", "photoid", "id"),
)
_LABEL = (
    *("label", "labels", "class", "classname", "target", "category", "species", "breed", "variety", "diagnosis"),
    *("labelname", "targetname", "categoryname", "speciesname", "breedname", "dx", "classid", "labelid", "categoryid"),
)
_SPLIT = ("split", "set", "subset")
_GROUP = tuple(
    f"{what}{of}"
    for what in ("group", "patient", "subject", "person", "individual", "donor", "lesion")
    for of in ("", "id")
)
_KNOWN = {*_PATH, *_LABEL, *_SPLIT, *_GROUP}
_NAMES = ("name", *_LABEL)  # what a column may be called that has names where another one has numbers
_LOOKED_AT = 200  # rows whose cells are looked for among the files
_MOST_LISTED = 10


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Which column is which, by their indices."""

    header: Sequence[str] | None  # None: they have no names
    path: int
    label: int
    names: tuple[int, ...]  # may have the names of the labels, if those are numbers
    split: int | None
    group: int | None

    def title(self, index: int) -> str:
        """A column as a sentence names it."""
        return f"the column “{shown(self.header[index])}”" if self.header is not None else f"column {index + 1}"


def is_known(cell: str) -> bool:
    """Whether a cell is what people call a column."""
    return _plain(cell) in _KNOWN


def columns_of(table: Table, paths: PhotoPaths) -> Columns:
    """Find the columns.

    Raises:
        DataSetError: it cannot be decided which they are; the message says which there are, and what is expected.
    """
    header, rows = table.header, table.sample
    if header is None and rows and _is_header(rows, paths):
        header, rows = rows[0], rows[1:]
        check_names(table.name, filter(None, header))  # columns that nobody named do not matter
    return _Choice(table, header, rows, paths).columns()


def _plain(name: str) -> str:
    """ "Image ID" -> "imageid"."""
    return re.sub(r"[\W_]+", "", name.casefold()) if len(name) < 100 else ""


def _is_header(rows: Sequence[Sequence[str]], paths: PhotoPaths) -> bool:
    """Whether the first row names the columns."""
    names = {_plain(cell) for cell in rows[0]}
    if names & {*_PATH} and names & {*_LABEL}:
        return True
    if any(paths.find(cell) for cell in rows[0]):
        return False
    if names & _KNOWN:
        return True
    return not any(_has_ending_of(rows, index) for index in range(len(rows[0])))


def _has_ending_of(rows: Sequence[Sequence[str]], index: int) -> bool:
    """Whether the first row's cell ends like those below it, as ".jpg": it is the path of a file that is not there."""
    endings = Counter(PurePosixPath(row[index]).suffix.casefold() for row in rows[1:_LOOKED_AT] if index < len(row))
    ending = PurePosixPath(rows[0][index]).suffix.casefold()
    return bool(ending) and endings[ending] * 2 > endings.total()


class _Choice:
    """What is known of a table's columns while they are chosen."""

    def __init__(
        self, table: Table, header: Sequence[str] | None, rows: Sequence[Sequence[str]], paths: PhotoPaths
    ) -> None:
        self._table, self._header = table, header
        self._count = max(map(len, [*([header] if header is not None else []), *rows]), default=0)
        self._usable = [index for index in range(self._count) if index not in table.unusable]
        self._cells = [[row[index] if index < len(row) else "" for row in rows] for index in range(self._count)]
        self._paths = paths
        self._files: dict[int, int] = {}

    def columns(self) -> Columns:
        """All columns that matter."""
        path = self._path()
        split = self._split(path)
        group = next(iter(self._named(_GROUP, without=(path, split))), None)
        label = self._label((path, split, group))
        names = self._named(_NAMES, without=(path, split, group, label))
        return Columns(header=self._header, path=path, label=label, names=tuple(names), split=split, group=group)

    def _named(self, names: Sequence[str], without: Sequence[int | None] = ()) -> list[int]:
        """The columns with such a name, the likeliest first."""
        plain = [_plain(name) for name in self._header or ()]
        found = [index for index, name in enumerate(plain) if name in names and index not in without]
        return sorted((index for index in found if index in self._usable), key=lambda index: names.index(plain[index]))

    def _num_files(self, index: int) -> int:
        """How many of the files the first cells of a column name."""
        if index not in self._files:
            self._files[index] = len({self._paths.find(cell) for cell in self._cells[index][:_LOOKED_AT]} - {None})
        return self._files[index]

    def _path(self) -> int:
        named = self._named(_PATH)
        if named and (most := max(self._num_files(index) for index in named)):
            return next(index for index in named if self._num_files(index) == most)
        ranked = sorted(self._usable, key=self._num_files, reverse=True)
        counts = [*map(self._num_files, ranked), 0, 0]
        if counts[0] > counts[1]:
            return ranked[0]
        if named:
            return named[0]
        raise self._undecided("where the photos lie", _PATH)

    def _split(self, path: int) -> int | None:
        if self._header is not None:
            return next(iter(self._named(_SPLIT, without=(path,))), None)
        others = [index for index in self._usable if index != path]
        sides = [index for index in others if all(map(side_of, filter(None, self._cells[index])))]
        return sides[0] if len(sides) == 1 and len(others) > 1 and any(self._cells[sides[0]]) else None

    def _label(self, taken: Sequence[int | None]) -> int:
        if named := self._named(_LABEL, without=taken):
            return named[0]
        others = [index for index in self._usable if index not in taken]
        if len(others) == 1:
            return others[0]
        kinds = {index: len(set(filter(None, self._cells[index]))) for index in others}
        repeated = [index for index in others if 0 < kinds[index] < len(list(filter(None, self._cells[index])))]
        for candidates in (repeated, [index for index in repeated if kinds[index] > 1]):
            if len(candidates) == 1:
                return candidates[0]
        raise self._undecided("what the photos show", _LABEL)

    def _undecided(self, what: str, expected: Sequence[str]) -> DataSetError:
        name = self._table.name
        for index, why in self._table.unusable.items():
            if self._header is not None and _plain(self._header[index]) in expected:
                column = shown(self._header[index])
                return DataSetError(f"The column “{column}” of {name} {why}. {_wanted(expected)}")
        if self._header is None:
            has = f"it has {self._count} columns, and no names for them"
        else:
            listed = ", ".join(f"“{shown(column)}”" for column in self._header[:_MOST_LISTED])
            more = self._count - _MOST_LISTED
            has = f"its columns are {listed}{f', and {more:,} more' if more > 0 else ''}"
        return DataSetError(f"{name} does not say in which column it tells {what}: {has}. {_wanted(expected)}")


def _wanted(expected: Sequence[str]) -> str:
    what = "each photo's path" if expected is _PATH else "each photo's class"
    return f"Name the column with {what} “{expected[0]}”."
