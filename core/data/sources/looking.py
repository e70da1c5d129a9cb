"""A first look at a folder or an archive: what it could be taken for, before anything of it is read. Never torch."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.data.dataset import SIDES
from core.data.sources.layouts import Reading, is_photo_by_name
from core.data.sources.opening import Dropped, open_files, open_source
from core.data.sources.source import Source
from core.errors import DataSetError

_MOST_NAMED = 200


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to take the files for a data set."""

    key: str
    sentence: str  # what was taken for what; not Markdown
    num_photos: int  # files that may be photos
    num_classes: int
    classes: tuple[tuple[str, int], ...]  # names and files of the first ones; not Markdown
    given: tuple[int, ...]  # files that the source itself gives to each of SIDES


@dataclass(frozen=True, kw_only=True)
class Look:
    """What there is."""

    name: str  # of the folder or archive
    ways: tuple[Way, ...]  # the likeliest first; one at least
    notes: tuple[str, ...]  # what was passed over, in sentences


def look(path: str) -> Look:
    """Look through a folder or an archive.

    Raises:
        DataSetError: it cannot be read, or there is no way to take it for a data set; the message says why.
    """
    return _look(open_source(Path(path)))


def look_at_dropped(files: Sequence[tuple[Path, Dropped]]) -> Look:
    """Look through files that were dropped in the browser.

    Raises:
        DataSetError: as above.
    """
    return _look(open_files(files))


def _look(source: Source) -> Look:
    try:
        ways = tuple(_way(reading) for reading in source.readings())
        if not ways:
            if source.notes:
                raise DataSetError(" ".join(source.notes))
            raise DataSetError(
                f"{source.name} has {len(source.files):,} files, but no folder for each class, nor a table that names "
                "their classes. Put the photos of each class into a folder of its own, or add a table with a path and "
                "a label in each row."
                if source.files
                else f"There is no file in {source.name}. Choose a folder that holds photos."
            )
        return Look(name=source.name, ways=ways, notes=tuple(source.notes))
    finally:
        source.close()


def _way(reading: Reading) -> Way:
    photos = [item for item in reading.items if is_photo_by_name(item.path)]
    others = len(reading.items) - len(photos)
    classes = Counter(item.class_name for item in photos)
    sides = Counter(item.given for item in photos)
    no_photos = f" {others:,} file{'s are no photos' if others > 1 else ' is no photo'} by name." if others else ""
    return Way(
        key=reading.key,
        sentence=reading.sentence + no_photos,
        num_photos=len(photos),
        num_classes=len(classes),
        classes=tuple(sorted(classes.items())[:_MOST_NAMED]),
        given=tuple(sides[side] for side in SIDES),
    )
