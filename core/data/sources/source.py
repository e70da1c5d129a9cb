"""What all places of photos have in common, be they folders, archives or anything else. Never imports torch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.data.decoding.limits import MAX_BYTES
from core.data.sources import layouts
from core.data.sources.layouts import Reading
from core.data.sources.tables import MAX_BYTES as MAX_TABLE_BYTES
from core.data.sources.tables import is_table, table_readings
from core.errors import DataSetError

_MAX_TABLES = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """What a file holds, or in a sentence why that cannot be told."""

    path: str
    data: bytes = b""
    pixels: NDArray[np.uint8] | None = None  # (H, W, 3), of a photo that is in no format of its own
    problem: str = ""
    is_lost: bool = False  # it could not be fetched, which says nothing of what it holds: another try may


class Source:
    """Photos that were looked through. `files` are the relative paths of all, in the order in which to read them."""

    name: str  # for messages
    files: Sequence[str]
    notes: Sequence[str] = ()  # what was passed over, in sentences

    def readings(self) -> list[Reading]:
        """The ways to take the files for a data set, the likeliest first; none where there is no way.

        A table that cannot be used is noted, and its folders may tell all the same.
        """
        by_folders = layouts.readings(self.files)
        by_tables: list[Reading] = []
        problems: list[str] = []
        for table in self._read_tables():
            try:
                by_tables += table_readings(table.path, table.data, self.files)
            except DataSetError as error:
                problems.append(str(error))
        self.notes = (*self.notes, *problems)
        return [*by_tables, *by_folders]

    def _read_tables(self) -> list[Found]:
        """The tables nearest to the top: those further down are of some photos alone."""
        tables = sorted(filter(is_table, self.files), key=lambda path: (path.count("/"), path))
        nearest = [path for path in tables if path.count("/") == tables[0].count("/")][:_MAX_TABLES]
        return [found for found in self.contents(nearest, at_most=MAX_TABLE_BYTES) if not found.problem]

    def contents(self, paths: Sequence[str], *, at_most: int = MAX_BYTES) -> Iterator[Found]:
        """What these files hold, in the order of `files`; no more than `at_most` + 1 bytes of each.

        Raises:
            DataSetError: an archive is damaged there.
        """
        raise NotImplementedError

    def is_there(self) -> bool:
        """Whether the whole can still be read, whatever became of single files."""
        return True

    def close(self) -> None:
        """Let go of what is open."""
