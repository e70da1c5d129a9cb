"""The rows of a Parquet file as text. Knows nothing of photos.

The file is hostile until read: its own account of itself is looked at first, only the columns that are wanted are read,
and a word that a million rows share is kept once. pyarrow is imported where it is used: it takes a while, and most
tables are CSV.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from core.data.sources.rows import MAX_COLUMNS, MAX_ROWS, SAMPLE, Table, check_names, too_many, too_wide
from core.errors import DataSetError
from core.words import shown, size

PARQUET = b"PAR1"  # how such a file begins
_MAX_CELL = 131_072  # bytes; as many characters are allowed in a cell of CSV
_MAX_UNPACKED = 500_000_000  # bytes
_BATCH = 16_384  # rows
_INDEX = "__index_level_"  # how the columns begin that pandas adds


class ParquetTable(Table):
    """A table in Parquet. Columns of nested values, dates or bytes are not read.

    Raises:
        DataSetError: it cannot be read; the message names it.
    """

    unit = "row"

    def __init__(self, name: str, data: bytes) -> None:
        self.name, self._data, self.unusable = name, data, {}
        with _readable(name):
            self._file = self._open()
            schema = self._file.schema_arrow
            if self._file.metadata.num_rows > MAX_ROWS:
                raise too_many(name)
            if len(schema) > MAX_COLUMNS:
                raise too_wide(name)
            self.header = [field.name for field in schema]
            check_names(name, self.header or [""])
            self._check_size()
            self.unusable = {index: why for index, field in enumerate(schema) if (why := _unusable(field))}
            texts = [index for index in range(len(schema)) if index not in self.unusable]
            self._file = self._open(self._dictionaries(texts))
        rows = zip(self.rows((), texts), range(SAMPLE), strict=False)
        by_column = [dict(zip(texts, cells, strict=True)) for (_, cells), _ in rows]
        self.sample = [[cells.get(index, "") for index in range(len(self.header))] for cells in by_column]

    def rows(self, required: Sequence[int], optional: Sequence[int]) -> Iterator[tuple[int, list[str]]]:
        """See `Table.rows`."""
        assert self.header is not None
        names = [self.header[index] for index in (*required, *optional)]
        number = 0
        with _readable(self.name):
            for batch in self._file.iter_batches(batch_size=_BATCH, columns=names, use_threads=False):
                columns = [_texts(self.name, name, batch.column(batch.schema.get_field_index(name))) for name in names]
                for cells in zip(*columns, strict=True):
                    number += 1
                    if number > MAX_ROWS:
                        raise too_many(self.name)
                    if any(cells):
                        yield number, list(cells)

    def _open(self, dictionaries: Sequence[str] = ()) -> Any:
        from pyarrow import BufferReader
        from pyarrow.parquet import ParquetFile

        return ParquetFile(BufferReader(self._data), read_dictionary=list(dictionaries), memory_map=False)

    def _dictionaries(self, texts: Sequence[int]) -> list[str]:
        """Columns of text: a word that a million rows share is to be kept once."""
        import pyarrow.types as kinds

        schema = self._file.schema_arrow
        is_text = (kinds.is_string, kinds.is_large_string)
        return [schema[index].name for index in texts if any(is_kind(schema[index].type) for is_kind in is_text)]

    def _check_size(self) -> None:
        about = self._file.metadata
        if about.num_row_groups > MAX_ROWS:
            raise too_many(self.name)
        # Each column's own size is not asked for: pyarrow ends the process where that account is damaged.
        if sum(about.row_group(index).total_byte_size for index in range(about.num_row_groups)) > _MAX_UNPACKED:
            raise DataSetError(
                f"{self.name} unpacks to more than {size(_MAX_UNPACKED)}. "
                "Leave out the columns that say nothing of photos and labels."
            )


@contextmanager
def _readable(name: str) -> Iterator[None]:
    """Turns whatever the reader of Parquet raises into one sentence."""
    from pyarrow import ArrowException

    try:
        yield
    except DataSetError:
        raise
    except (ArrowException, OSError, ValueError, LookupError, TypeError, RuntimeError, MemoryError) as error:
        raise DataSetError(
            f"{name} is damaged, or no Parquet that can be read. Copy it again, or save it as CSV."
        ) from error


def _unusable(field: Any) -> str:
    """Why a column's values cannot be read as text; empty where they can."""
    import pyarrow.types as kinds

    kind = field.type.value_type if kinds.is_dictionary(field.type) else field.type
    if kinds.is_nested(kind):
        return "holds nested values"
    tests = (kinds.is_string, kinds.is_large_string, kinds.is_integer, kinds.is_boolean, kinds.is_floating)
    if field.name.startswith(_INDEX) or not (any(is_kind(kind) for is_kind in tests) or kinds.is_null(kind)):
        return "holds neither text nor numbers"
    return ""


def _texts(table: str, column: str, values: Any) -> list[str]:
    """The values of an array as text."""
    import pyarrow.compute as pc
    import pyarrow.types as kinds

    values.validate(full=True)
    if kinds.is_dictionary(values.type):
        words = _texts(table, column, values.dictionary)
        return ["" if index is None else words[index] for index in values.indices.to_pylist()]
    if kinds.is_string(values.type) or kinds.is_large_string(values.type):
        if (pc.max(pc.binary_length(values)).as_py() or 0) > _MAX_CELL:
            raise DataSetError(f"{table} has an endless text in the column “{shown(column)}”. Leave that column out.")
        return [(text or "").strip() for text in values.to_pylist()]
    return [_number(value) for value in values.to_pylist()]


def _number(value: object) -> str:
    if value is None or value != value:  # NaN: there is none
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).lower() if isinstance(value, bool) else str(value)
