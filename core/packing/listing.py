"""Which files a version is made of, in which order: written down before the first is read, so that nothing moves.

A packing that goes on after a crash does so by this list, whatever was added to the folder meanwhile.
"""

import json
from contextlib import suppress
from pathlib import Path

from core.data.sources.layouts import Item, Reading
from core.data.sources.source import Source
from core.durable import read_file, replace_file
from core.errors import DataSetError

_MAX_BYTES = 1024 * 2**20
_FILE, _MAKER = "listing.json", "made-by"
_MAX_ID = 100


def listed(folder: Path, source: Source, key: str) -> list[Item]:
    """The files of a version, as an earlier attempt has found them, or else as they are found now.

    Raises:
        DataSetError: the source does not hold any more what was chosen.
        OSError: the disk refuses.
    """
    with suppress(FileNotFoundError):
        return read_listing(folder)
    items = _in_order(source, _chosen(source, key))
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / _FILE, lambda file: file.write(json.dumps([vars(item) for item in items]).encode()))
    return items


def read_listing(folder: Path) -> list[Item]:
    """The files that a version was, or is to be, made of.

    Raises:
        FileNotFoundError: there is no list.
        DataSetError: it is damaged.
    """
    try:
        return [Item(**value) for value in json.loads(read_file(folder / _FILE, at_most=_MAX_BYTES))]
    except (RecursionError, TypeError, ValueError) as error:
        raise DataSetError("The list of the files is damaged. Delete this data set, and make it anew.") from error


def note_maker(folder: Path, run_id: str) -> None:
    """Write down which run makes a version.

    Raises:
        OSError: the disk refuses.
    """
    replace_file(folder / _MAKER, lambda file: file.write(run_id.encode()))


def made_by(version: Path) -> str:
    """The run that has made a version; nothing where that is not known."""
    try:
        return read_file(version / _MAKER, at_most=_MAX_ID).decode(errors="replace")
    except OSError:
        return ""


def _chosen(source: Source, key: str) -> Reading:
    """The way to take the files that was chosen."""
    readings = source.readings()
    chosen = next((reading for reading in readings if reading.key == key), None)
    if chosen is None:
        raise DataSetError(
            f"{source.name} is not what it was when this data set was set up: its folders or its table have changed. "
            "Make the data set anew."
        )
    return chosen


def _in_order(source: Source, reading: Reading) -> list[Item]:
    """The files in the order in which the source reads them best."""
    items = {item.path: item for item in reading.items}
    return [items[path] for path in source.files if path in items]
