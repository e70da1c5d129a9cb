"""The rows of a table as text, and how they are had from CSV of any dialect and encoding. Knows nothing of photos.

A table is hostile until read: how long its rows are, and how many, is checked before they are kept.
"""

import codecs
import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from core.errors import DataSetError
from core.words import shown

MAX_ROWS = 1_000_000
MAX_LINES = 2_000_000  # blank ones, and those inside of quotes, too
MAX_COLUMNS = 1_000
_MAX_RECORD = 1_000_000  # characters of a row
SAMPLE = 1_000  # rows
_DELIMITERS = ",;\t|"


class Table:
    """A table. Its cells are text without white space around it."""

    name: str  # fit to show
    unit: str  # what `rows` counts: lines of text, or rows
    header: Sequence[str] | None = None  # None: if there is one, it is the first row
    sample: Sequence[Sequence[str]]  # the first rows
    unusable: dict[int, str]  # columns that are not text, and why

    def rows(self, required: Sequence[int], optional: Sequence[int]) -> Iterator[tuple[int, list[str]]]:
        """The number of each row that is not blank, as people count, and its cells in these columns.

        Raises:
            DataSetError: a row has too many cells, or none in a required column; or the table is damaged there.
        """
        raise NotImplementedError


class _Lines:
    """The lines of a text, as long as no row of them is endless."""

    def __init__(self, data: bytes, encoding: str, name: str) -> None:
        self._text = io.TextIOWrapper(io.BytesIO(data), encoding=encoding, newline="")
        self._name = name
        self._number = 0
        self.left = _MAX_RECORD

    def __iter__(self) -> Iterator[str]:
        while line := self._text.readline(_MAX_RECORD + 1):
            self._number += 1
            self.left -= len(line)
            if self.left < 0:
                raise DataSetError(
                    f"{self._name} has an endless row at line {self._number:,}. "
                    "Close every quote, or save it again as CSV."
                )
            yield line


class TextTable(Table):
    """A table of text, whatever divides its cells. `is_known` says whether a cell is likely to be a column's name.

    Raises:
        DataSetError: it is none that can be read; the message names it.
    """

    unit = "line"

    def __init__(self, name: str, data: bytes, is_known: Callable[[str], bool]) -> None:
        self.name, self._data, self.unusable = name, data, {}
        if max(data.count(b"\n"), data.count(b"\r")) > MAX_LINES:
            raise DataSetError(f"{name} has more than {MAX_LINES:,} lines. Leave out blank ones, or divide it.")
        self._encoding = _encoding(name, data)
        self._delimiter = self._best_delimiter(is_known)
        self.sample = [row for _, row in self._first(self._delimiter, SAMPLE)]
        self._num_columns = max(Counter(map(len, self.sample)).items(), key=lambda item: (item[1], item[0]))[0]

    def rows(self, required: Sequence[int], optional: Sequence[int]) -> Iterator[tuple[int, list[str]]]:
        """See `Table.rows`."""
        wanted = [*required, *optional]
        for count, (line, row) in enumerate(self._records(self._delimiter)):
            if count > MAX_ROWS:  # the first may be names
                raise too_many(self.name)
            if len(row) > self._num_columns and any(row[self._num_columns :]):
                raise DataSetError(
                    f"{self.name} has {len(row)} columns in line {line:,} instead of {self._num_columns}. "
                    f"Put quotes around text that contains “{self._delimiter}”."
                )
            if any(index >= len(row) for index in required):
                raise DataSetError(
                    f"{self.name} has only {len(row)} of {self._num_columns} columns in line {line:,}. "
                    "Complete that line."
                )
            yield line, [row[index] if index < len(row) else "" for index in wanted]

    def _records(self, delimiter: str) -> Iterator[tuple[int, list[str]]]:
        """The line in which each row begins that is not blank, and its cells."""
        lines = _Lines(self._data, self._encoding, self.name)
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        line = 1
        try:
            for row in reader:
                if len(row) > MAX_COLUMNS:
                    raise too_wide(self.name)
                cells = [cell.strip() for cell in row]
                if any(cells):
                    yield line, cells
                line, lines.left = reader.line_num + 1, _MAX_RECORD
        except csv.Error as error:
            raise DataSetError(
                f"{self.name} cannot be read from line {line:,} on: {shown(error)}. "
                "Close every quote, or save it again as CSV."
            ) from error

    def _first(self, delimiter: str, most: int) -> list[tuple[int, list[str]]]:
        return [record for record, _ in zip(self._records(delimiter), range(most), strict=False)]

    def _best_delimiter(self, is_known: Callable[[str], bool]) -> str:
        """What divides the rows into known names, or into the same number of cells each, and into most of them."""
        scores: dict[str, tuple[int, float, int]] = {}
        failures: list[DataSetError] = []
        for delimiter in _DELIMITERS:
            try:
                rows = [row for _, row in self._first(delimiter, SAMPLE)]
            except DataSetError as error:
                failures.append(error)
                continue
            columns, times = max(Counter(map(len, rows)).items(), key=lambda item: item[1], default=(0, 0))
            if columns >= 2:
                scores[delimiter] = (sum(map(is_known, rows[0])), times / len(rows), columns)
        if failures and not scores:
            raise failures[0]
        if not scores:
            raise DataSetError(
                f"{self.name} has fewer than two columns. It needs one with photos' paths, and one with their labels."
            )
        return max(scores, key=lambda delimiter: scores[delimiter])


def _encoding(name: str, data: bytes) -> str:
    """How a text is encoded, as far as its bytes tell."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = ["utf-16"]
    elif b"\0" in data:
        encodings = []
    else:
        # What is not UTF-8 was most likely saved by Excel on a Windows of Western Europe or America.
        encodings = ["utf-8-sig", "cp1252", "latin-1"]
    for encoding in encodings:
        if _is_encoded(data, encoding):
            return encoding
    raise DataSetError(f"{name} is no text. Save it as CSV in UTF-8.")


def _is_encoded(data: bytes, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for start in range(0, len(data), 2**20):
            decoder.decode(data[start : start + 2**20])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def check_names(table: str, names: Iterable[str]) -> None:
    """See that a table's columns have a name each: which of two is meant, nobody can tell.

    Raises:
        DataSetError: two have the same.
    """
    name, times = max(Counter(names).items(), key=lambda item: item[1], default=("", 0))
    if times > 1:
        raise DataSetError(f"{table} has {times} columns of the name “{shown(name)}”. Rename all but one.")


def too_many(name: str) -> DataSetError:
    """Of rows."""
    return DataSetError(f"{name} has more than {MAX_ROWS:,} rows. Divide it, and its photos.")


def too_wide(name: str) -> DataSetError:
    """Of columns."""
    return DataSetError(f"{name} has more than {MAX_COLUMNS:,} columns. Leave out those that are not needed.")
