"""A table beside photos that says what each shows, and maybe on which side it is and what belongs together. Pure.

What it names is only ever looked for among the files that are there, and none of them is opened. A hostile Parquet file
can still take memory while it is unpacked: read one where that hurts nobody.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from urllib.parse import quote

from core.data.dataset import Side
from core.data.sources.columns import Columns, columns_of, is_known
from core.data.sources.layouts import Item, Reading, is_ignored, key_of, side_of, sides_readings
from core.data.sources.parquet import PARQUET, ParquetTable
from core.data.sources.row_paths import PhotoPaths
from core.data.sources.rows import Table, TextTable
from core.errors import DataSetError
from core.words import shown, size

TABLES = (".csv", ".tsv", ".parquet")
MAX_BYTES = 256_000_000
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")


@dataclass(slots=True)
class _Row:
    """What a table says of a file."""

    label: str
    names: tuple[str, ...]  # of the label, as other columns have them
    side: Side | None
    group: str


@dataclass(kw_only=True)
class _Content:
    """What a table says of all files, and how often it says something else."""

    label: int  # the column that the classes are from
    rows: dict[str, _Row] = field(default_factory=dict)  # by their files
    sides: dict[Side, str] = field(default_factory=dict)  # what the table calls them
    num_missing: int = 0  # rows whose file is not there
    first_missing: str = ""
    unlabelled: set[str] = field(default_factory=set)
    other_label: set[str] = field(default_factory=set)  # files with two labels
    other_side: set[str] = field(default_factory=set)


def is_table(path: str) -> bool:
    """Whether a file is a table by its ending."""
    return path.casefold().endswith(TABLES)


def table_readings(name: str, data: bytes, files: Sequence[str]) -> list[Reading]:
    """The ways to take the files of a folder or an archive by a table among them, the likeliest first.

    `name` is the table's own path; all paths are relative, their parts divided by "/".

    Raises:
        DataSetError: the table cannot be used; the message names it, says what is wrong and where, and what to do.
    """
    if len(data) > MAX_BYTES:
        raise DataSetError(
            f"{shown(name)} has {size(len(data))}; at most {size(MAX_BYTES)} are read. "
            "Leave out the columns that say nothing of photos and labels."
        )
    photos = sorted({path for path in files if path != name and not is_table(path) and not is_ignored(path)})
    is_parquet = data.startswith(PARQUET)
    table = ParquetTable(shown(name), data) if is_parquet else TextTable(shown(name), data, is_known)
    paths = PhotoPaths(photos, str(PurePosixPath(name).parent))
    columns = columns_of(table, paths)
    content = _content(table, columns, paths)
    _take_names_for_numbers(content, columns)
    return _readings(name, columns, content, photos)


def _content(table: Table, columns: Columns, paths: PhotoPaths) -> _Content:
    """What all rows say."""
    content = _Content(label=columns.label)
    optional = [index for index in (columns.split, columns.group) if index is not None]
    rows = table.rows((columns.path, columns.label), (*columns.names, *optional))
    if table.header is None and columns.header is not None:
        next(rows)
    for number, cells in rows:
        split = cells[2 + len(columns.names)] if columns.split is not None else ""
        side = side_of(split)
        if split and side is None:
            raise DataSetError(
                f"{table.name} has “{shown(split)}” in {columns.title(columns.split or 0)} in {table.unit} {number:,}. "
                "Write “train”, “val” or “test” there, or give that column another name."
            )
        if side:
            content.sides.setdefault(side, split)
        group = cells[-1] if columns.group is not None else ""
        names = tuple(cells[2 : 2 + len(columns.names)])
        _add(content, cells[0], paths.find(cells[0]), _Row(cells[1], names, side, group))
    if not content.rows:
        raise _nothing(table, columns, content)
    return content


def _add(content: _Content, cell: str, path: str | None, row: _Row) -> None:
    """Take a row in; the first of a file counts."""
    if path is None:
        content.num_missing += 1
        content.first_missing = content.first_missing or cell
    elif not row.label:
        content.unlabelled.add(path)
    elif known := content.rows.get(path):
        if known.label != row.label:
            content.other_label.add(path)
        elif known.side != row.side:
            content.other_side.add(path)
    else:
        content.rows[path] = row


def _nothing(table: Table, columns: Columns, content: _Content) -> DataSetError:
    if content.unlabelled:
        return DataSetError(f"{table.name} has no labels: {columns.title(columns.label)} is empty. Fill it in.")
    if not content.num_missing:
        return DataSetError(f"{table.name} has no rows. Write one for each photo.")
    return DataSetError(
        f"None of the files is there that {columns.title(columns.path)} of {table.name} names, such as "
        f"“{shown(content.first_missing)}”. Give the folder in which both lie, the photos and the table."
    )


def _take_names_for_numbers(content: _Content, columns: Columns) -> None:
    """Where labels are numbers, and another column has a name for each of them, take those."""
    rows = content.rows.values()
    if not all(_NUMBER.fullmatch(row.label) for row in rows):
        return
    for at, column in enumerate(columns.names):
        pairs = {(row.label, row.names[at]) for row in rows}
        names = {name for _, name in pairs}
        is_one_to_one = len(pairs) == len(names) == len({label for label, _ in pairs})
        if is_one_to_one and all(names) and not all(map(_NUMBER.fullmatch, names)):
            for row in rows:
                row.label = row.names[at]
            content.label = column
            return


def _readings(name: str, columns: Columns, content: _Content, photos: Sequence[str]) -> list[Reading]:
    """What can be made of what a table says."""
    classes = tuple(sorted({row.label for row in content.rows.values()}))
    left_out = tuple(path for path in photos if path not in content.rows)
    own = f"table {quote(name, safe='/ ', errors='surrogatepass')}"
    known = sorted(content.rows.items())
    made: list[Reading] = []
    for sides, phrase in sides_readings(content.sides):
        items = tuple(
            Item(path=path, class_name=row.label, given=sides.get(row.side), group=row.group) for path, row in known
        )
        sentence = _sentence(name, columns, content, phrase, len(set(left_out) - content.unlabelled))
        key = key_of(own, sides)
        made.append(Reading(key=key, sentence=sentence, classes=classes, items=items, left_out=left_out))
    return made


def _sentence(name: str, columns: Columns, content: _Content, sides: str, num_without_row: int) -> str:
    """What was taken for what, and what was not taken."""
    classes = _counted(len({row.label for row in content.rows.values()}), "class", "classes")
    parts = [f"{classes} from {columns.title(content.label)} of {shown(name)}", sides]
    if columns.group is not None:
        parts.append(f"photos with the same value in {columns.title(columns.group)} stay on one side")
    facts = (
        (content.num_missing, "row names a file that is not there", "rows name files that are not there"),
        (len(content.unlabelled - set(content.rows)), "file has no label", "files have no label"),
        (
            len(content.other_label),
            "file has two labels, and its first one is taken",
            "files have two labels, and their first one is taken",
        ),
        (
            len(content.other_side),
            "file is on two sides, and its first one is taken",
            "files are on two sides, and their first one is taken",
        ),
        (num_without_row, "file is in no row", "files are in no row"),
    )
    parts += [_counted(count, one, many) for count, one, many in facts if count]
    return f"{'; '.join(filter(None, parts))}."


def _counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
