"""What the version before knows: photos that need not be decoded again, and who was on which side.

Photos that have gone are remembered with their sides: one may come back, and a newcomer may nearly equal it, or be of
its group.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.data import near
from core.data.arrays import read_arrays, read_json
from core.data.dataset import SIDES, DataSet, Side
from core.data.pack import Record, open_pack, read_records, read_signatures
from core.data.pack_rule import PackRule
from core.data.sides import LEFT_OUT
from core.data.sources.layouts import Item
from core.data.sources.source import Found
from core.data.stored import StoredSet
from core.durable import replace_file
from core.errors import DataSetError
from core.packing.decode import Packed, photo_id
from core.packing.dividing import Known
from core.packing.listing import read_listing

_GONE, _GROUPS = "gone.npz", "gone_groups.json"
Photo = tuple[str, Side | None, str]  # its id, and the side and the group that its source gives


@dataclass(frozen=True, kw_only=True, eq=False)
class Remembered:
    """Photos of which only this is known any more."""

    ids: list[str]
    sides: NDArray[np.int8]
    signatures: NDArray[np.uint8]  # (photos, SIGNATURE_BYTES)
    given: list[Side | None]  # what their source had said
    groups: list[str]


@dataclass(eq=False)
class Earlier:
    """The newest version of a set, or nothing where there is none."""

    photos: DataSet | None = None
    is_kept_alike: bool = False  # by the rule of the version that is made
    signatures: NDArray[np.uint8] = field(default_factory=lambda: _no_signatures())
    gone: Remembered = field(default_factory=lambda: _nobody())
    _records: list[Record] = field(default_factory=list)
    _rows: dict[str, int] = field(default_factory=dict)
    _items: list[Item] = field(default_factory=list)  # the same photos

    @classmethod
    def of(cls, kept: StoredSet, rule: PackRule) -> "Earlier":
        """What there is before the version that is made by this rule.

        Raises:
            DataSetError: the newest version is damaged.
        """
        if not kept.newest:
            return cls()
        folder = kept.version(kept.newest)
        photos = open_pack(folder)
        try:
            signatures = read_signatures(folder, near.SIGNATURE_BYTES)
            if len(signatures) != len(photos.manifest):
                raise ValueError("signatures of other photos")
            looked_at = list(zip(read_listing(folder), read_records(folder), strict=True))
            kept_of = [(item, record) for item, record in looked_at if not record.problem]
            _check(kept_of, photos)
            return cls(
                photos=photos,
                is_kept_alike=photos.manifest.pack == rule,
                signatures=signatures,
                gone=_read_gone(folder),
                _records=[record for _, record in kept_of],
                _items=[item for item, _ in kept_of],
                _rows={name: row for row, name in enumerate(photos.manifest.ids)},
            )
        except MemoryError:
            raise
        except Exception as error:  # whatever its files hold
            raise DataSetError(
                f"Version {kept.newest} of “{kept.name}” is damaged, so no later one can be made. Make a new data set."
            ) from error

    def known(self, file: Found) -> Packed | None:
        """What the version before has kept of a file, if it has the same contents and is kept alike."""
        if not self.is_kept_alike or self.photos is None:
            return None
        row = self._rows.get(photo_id(file))
        if row is None:
            return None
        return Packed(record=self._records[row], pixels=self.photos.pixels[row], signature=self.signatures[row])

    @property
    def sides(self) -> list[Known]:
        """The side of every photo so far; one file may be on several."""
        gone = self.gone
        known = list(zip(gone.ids, gone.given, gone.groups, gone.sides.tolist(), strict=True))
        if self.photos is not None:
            own = zip(self.photos.manifest.ids, self._items, self.photos.manifest.sides.tolist(), strict=True)
            known += [(name, item.given, item.group, side) for name, item, side in own]
        return known

    def gone_without(self, present: Collection[Photo]) -> Remembered:
        """All photos so far that are not among these. Of copies, one may have gone and another be there."""
        if self.photos is None:
            return _nobody()
        manifest, gone = self.photos.manifest, self.gone
        before = list(zip(gone.ids, gone.given, gone.groups, strict=True))
        own = {
            (name, item.given, item.group): row
            for row, (name, item) in enumerate(zip(manifest.ids, self._items, strict=True))
        }
        # Where a source says something else of a photo, this has not gone.
        other = {photo[0] for photo in set(present).difference(before, own)}
        still = [index for index, photo in enumerate(before) if photo not in present and photo[0] not in other]
        rows = [row for photo, row in own.items() if photo not in present and photo[0] not in other]
        return Remembered(
            ids=[*(gone.ids[index] for index in still), *(manifest.ids[row] for row in rows)],
            sides=np.concatenate([gone.sides[still], manifest.sides[rows]]),
            signatures=np.concatenate([gone.signatures[still], self.signatures[rows]]),
            given=[*(gone.given[index] for index in still), *(self._items[row].given for row in rows)],
            groups=[*(gone.groups[index] for index in still), *(self._items[row].group for row in rows)],
        )


def write_gone(folder: Path, gone: Remembered) -> None:
    """Keep with a version what has gone before it.

    Raises:
        OSError: the disk refuses.
    """
    given = np.array([-1 if side is None else SIDES.index(side) for side in gone.given], np.int8)
    arrays = {"ids": np.array(gone.ids, "S64"), "sides": gone.sides, "signatures": gone.signatures, "given": given}
    names = json.dumps(gone.groups).encode()
    replace_file(folder / _GROUPS, lambda file: file.write(names))
    replace_file(folder / _GONE, lambda file: np.savez(file, allow_pickle=False, **arrays))


def _read_gone(folder: Path) -> Remembered:
    ids, sides, signatures, given = read_arrays(folder / _GONE, ("ids", "sides", "signatures", "given"))
    # The first versions did not remember groups.
    groups = read_json(folder / _GROUPS) if (folder / _GROUPS).exists() else [""] * len(ids)
    if not (ids.shape == sides.shape == given.shape and signatures.shape == (len(ids), near.SIGNATURE_BYTES)):
        raise ValueError("arrays of other lengths")
    if ids.dtype.kind != "S" or not sides.dtype == given.dtype == np.int8 or signatures.dtype != np.uint8:
        raise ValueError("arrays of other types")
    if not all(LEFT_OUT <= value < len(SIDES) for value in {*sides.tolist(), *given.tolist()}):
        raise ValueError("a side that there is not")
    if len(groups) != len(ids) or not all(isinstance(group, str) for group in groups):
        raise ValueError("groups of other photos")
    return Remembered(
        ids=[name.decode() for name in ids.tolist()],
        sides=sides,
        signatures=signatures,
        given=[SIDES[side] if side >= 0 else None for side in given.tolist()],
        groups=groups,
    )


def _check(kept: Sequence[tuple[Item, Record]], photos: DataSet) -> None:
    """See that a listing and records are those of the photos of a version.

    Raises:
        ValueError: they are not.
    """
    sizes = [[record.height, record.width] for _, record in kept]
    if [record.id for _, record in kept] != list(photos.manifest.ids) or sizes != photos.manifest.sizes.tolist():
        raise ValueError("records of other photos")
    for item, _ in kept:
        texts = (item.path, item.class_name, item.group)
        if not all(isinstance(text, str) for text in texts) or item.given not in (None, *SIDES):
            raise ValueError("values of other types")


def _nobody() -> Remembered:
    return Remembered(ids=[], sides=np.empty(0, np.int8), signatures=_no_signatures(), given=[], groups=[])


def _no_signatures() -> NDArray[np.uint8]:
    return np.empty((0, near.SIGNATURE_BYTES), np.uint8)
