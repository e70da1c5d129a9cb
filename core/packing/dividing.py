"""Who is on which side: as the folders say, and else drawn, so that what belongs together stays together. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.data.dataset import SIDES, Side
from core.data.sides import Shares, assign

_LEFT_OUT = -1


@dataclass(frozen=True, kw_only=True, eq=False)
class Photos:
    """What decides on the sides of photos. Those that have gone since the last version stand behind the others."""

    ids: Sequence[str]
    labels: NDArray[np.int64]
    given: Sequence[Side | None]
    groups: Sequence[str]  # what else belongs together, by a name; the empty text is none
    links: NDArray[np.int64]  # (pairs, 2) rows that nearly equal each other
    is_same: NDArray[np.bool_]  # (pairs,) whether these show the very same


def divide(photos: Photos, *, shares: Shares, seed: int, known: Sequence[tuple[str, int]]) -> NDArray[np.int8]:
    """The side of each photo, as an index of SIDES, or -1.

    A test set that is given stays as it is, and so does a validation set. Where photos are given for training and none
    for validation, some are drawn from them. What no side is given for is divided by the shares. `known` has the sides
    of all photos of earlier versions, after their ids; one file may have been on several.
    """
    has = set(photos.given)
    fixed = {"test", "validation", *(["train"] if "validation" in has else [])}
    sides = np.full(len(photos.ids), _LEFT_OUT, np.int8)
    for row, side in enumerate(photos.given):
        if side in fixed and side is not None:
            sides[row] = SIDES.index(side)
    for part in ("train", None):
        rows = np.array([row for row, side in enumerate(photos.given) if side == part and part not in fixed], np.int64)
        may_test = part is None and "test" not in has
        if len(rows):
            sides[rows] = assign(
                [photos.ids[row] for row in rows],
                photos.labels[rows],
                _within(photos.links, rows, len(photos.ids)),
                same=_within(photos.links[photos.is_same], rows, len(photos.ids)),
                groups=[photos.groups[row] for row in rows],
                known=_known(side for side in known if side[1] != SIDES.index("test") or may_test),
                shares=Shares(
                    validation=0 if "validation" in has else shares.validation,
                    test=shares.test if may_test else 0,
                ),
                seed=seed,
            )
    return sides


def _known(sides: Iterable[tuple[str, int]]) -> dict[str, int]:
    """The side of each photo. What was left out once stays out: a copy of it would bring all of it back."""
    known: dict[str, int] = {}
    for name, side in sides:
        known[name] = _LEFT_OUT if _LEFT_OUT in (side, known.get(name)) else side
    return known


def _within(links: NDArray[np.int64], rows: NDArray[np.int64], count: int) -> list[tuple[int, int]]:
    """The links of which both ends are among these rows, in rows of their own."""
    places = np.full(count, -1, np.int64)
    places[rows] = np.arange(len(rows))
    own = places[links.reshape(-1, 2)]
    return [(one, other) for one, other in own[(own >= 0).all(axis=1)].tolist()]
