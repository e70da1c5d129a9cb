"""What a data set is: a manifest, which says all that is known of its photos, and their pixels. Never imports torch."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.data.pack_rule import PackRule
from core.data.pixels import Pixels
from core.data.splits import split_validation

Side = Literal["train", "validation", "test"]
SIDES: tuple[Side, ...] = ("train", "validation", "test")


@dataclass(frozen=True, kw_only=True, eq=False)
class Manifest:
    """Classes and photos. Whatever has a value for each photo has them in the same order: that of its rows."""

    classes: tuple[str, ...]
    ids: Sequence[str]  # of what they show: another name or place does not change them
    names: Sequence[str]  # as people know them; not Markdown, and no path
    labels: NDArray[np.int64]  # (photos,) indices of classes
    sides: NDArray[np.int8]  # (photos,) indices of SIDES, or -1 for what is left out
    sizes: NDArray[np.int64]  # (photos, 2) heights and widths, in pixels
    content: str  # SHA-256 of all pixels in their order, or of those of each photo
    pack: PackRule | None = None  # how the photos are kept; None: as they were
    # Whether a tenth of the training photos validates, drawn by each run's own seed; else the sides say which do.
    draws_validation: bool = False

    def __post_init__(self) -> None:
        lengths = {len(values) for values in (self.ids, self.names, self.labels, self.sides, self.sizes)}
        assert lengths == {len(self)}, lengths

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, side: Side, *, seed: int = 0) -> NDArray[np.int64]:
        """The rows of one side, as a run of that seed has them, in their order. There may be none."""
        if not self.draws_validation or side == "test":
            return self.recorded(side)
        known = self.recorded("train")
        train, validation = split_validation(self.labels[known], seed=seed)
        return known[train if side == "train" else validation]

    def recorded(self, side: Side) -> NDArray[np.int64]:
        """The rows of one side, as the manifest itself has them."""
        return np.flatnonzero(self.sides == SIDES.index(side))

    @cached_property
    def keys(self) -> list[str]:
        """What each photo is known by among all of the set: its id; of copies, the id and the name."""
        copies = Counter(self.ids)
        return [
            identity if copies[identity] == 1 else f"{identity}#{name}"
            for identity, name in zip(self.ids, self.names, strict=True)
        ]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that a training depends on: pixels, labels, classes, and who is on which side."""
        rule = self.pack.to_dict() if self.pack else None
        facts = json.dumps([self.classes, self.content, rule, self.draws_validation], sort_keys=True).encode()
        values = (self.labels.astype("<i8"), self.sides.astype("<i1"), self.sizes.astype("<i8"))
        return hashlib.sha256(b"\0".join([facts, *(value.tobytes() for value in values)])).hexdigest()


@dataclass(frozen=True, kw_only=True, eq=False)
class DataSet:
    """A manifest and the pixels of its photos, row for row."""

    manifest: Manifest
    pixels: Pixels
