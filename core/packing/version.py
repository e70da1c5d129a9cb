"""What the photos of a version are together: their classes, who is on which side, and what there is to say of them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.data import findings, near
from core.data.pack import PackWriter, Record, read_signatures
from core.data.pack_rule import PackRule
from core.data.sides import LEFT_OUT, Shares
from core.data.sources.layouts import Item
from core.packing.dividing import Photos, divide
from core.packing.earlier import Earlier, write_gone


class Version:
    """A version, as the files that were looked at and the versions before make it.

    Its photos stand in the order of their files; behind them, those that have gone since.
    """

    def __init__(self, items: Sequence[Item], records: Sequence[Record], earlier: Earlier) -> None:
        looked_at = list(zip(items, records, strict=True))
        self._items = [item for item, record in looked_at if not record.problem]
        self._photos = [record for record in records if not record.problem]
        self._problems = [(item.path, record.problem) for item, record in looked_at if record.problem]
        self._earlier = earlier
        self._gone = earlier.gone_without(
            {(photo.id, item.given, item.group) for photo, item in zip(self._photos, self._items, strict=True)}
        )
        self._classes = sorted({item.class_name for item in self._items})
        places = {name: index for index, name in enumerate(self._classes)}
        self._labels = np.array([places[item.class_name] for item in self._items], np.int64)
        self._ids = [*(photo.id for photo in self._photos), *self._gone.ids]
        self._order = self._by_arrival()
        self._looks = np.arange(len(self._ids))  # the same number for all that look the same
        self._close: list[NDArray[np.int64]] = []  # (pairs, 2) rows that nearly equal each other

    def compare(self, folder: Path) -> Iterator[float]:
        """Find out which photos look the same, or nearly. Yields how much of it is done, from 0 to 1.

        Those that are known come first. Of photos that are like very many only some pairs are found, those with the
        first: so what a newcomer nearly equals does not depend on its name, and between it and those that have a side
        stands nobody.
        """
        signatures = read_signatures(folder, near.SIGNATURE_BYTES)
        if self._earlier.photos is not None:
            signatures = np.concatenate([signatures, self._gone.signatures])[self._order]
        self._looks[self._order] = near.first_alike(signatures)
        for done, found in near.near_pairs(signatures):
            self._close.append(self._order[found])
            yield done

    def _by_arrival(self) -> NDArray[np.int64]:
        """Rows of all photos: those that have a side, those that were left out, the newcomers."""
        sides: dict[str, int] = {}
        for name, _, _, side in self._earlier.sides:
            sides[name] = max(side, sides.get(name, side))
        ranks = [0 if sides.get(name, LEFT_OUT) != LEFT_OUT else 1 if name in sides else 2 for name in self._ids]
        return np.argsort(np.array(ranks, np.int64), kind="stable")

    def divide(self, *, shares: Shares, seed: int) -> None:
        """Find out who is on which side."""
        count = len(self._photos)
        close = np.concatenate([np.empty((0, 2), np.int64), *self._close])
        gone = len(self._gone.ids)
        photos = Photos(
            ids=self._ids,
            labels=np.concatenate([self._labels, np.zeros(gone, np.int64)]),
            given=[*(item.given for item in self._items), *self._gone.given],
            links=close,
            groups=[*(item.group for item in self._items), *self._gone.groups],
            looks=self._looks,
        )
        self._sides = divide(photos, shares=shares, seed=seed, known=self._earlier.sides)[:count]
        self._found = findings.look(
            self._ids[:count],
            self._labels,
            self._sides,
            close[(close < count).all(axis=1)],
            num_classes=len(self._classes),
            problems=self._problems,
            notes=[(row, note) for row, photo in enumerate(self._photos) for note in photo.notes],
        )

    @property
    def changes(self) -> tuple[int, int]:
        """So many photos have come since the version before, and so many have gone."""
        if self._earlier.photos is None:
            return 0, 0
        before, now = Counter(self._earlier.photos.manifest.ids), Counter(photo.id for photo in self._photos)
        return (now - before).total(), (before - now).total()

    def is_new(self, rule: PackRule) -> bool:
        """Whether anything is other than in the version before."""
        if self._earlier.photos is None:
            return True
        before = self._earlier.photos.manifest
        now = ([photo.id for photo in self._photos], [item.path for item in self._items], tuple(self._classes), rule)
        if now != (list(before.ids), list(before.names), before.classes, before.pack):
            return True
        return bool((before.labels != self._labels).any() or (before.sides != self._sides).any())

    def write(self, folder: Path, writer: PackWriter, rule: PackRule) -> None:
        """Write all of it down.

        Raises:
            OSError: the disk refuses.
        """
        findings.write(folder, self._found)
        write_gone(folder, self._gone)
        writer.finish(
            classes=self._classes,
            names=[item.path for item in self._items],
            labels=self._labels,
            sides=self._sides,
            rule=rule,
        )
