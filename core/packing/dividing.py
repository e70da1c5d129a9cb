"""Who is on which side: as the folders say, and else drawn, so that what belongs together stays together. Pure."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.data.dataset import SIDES, Side
from core.data.sides import LEFT_OUT, TEST, TRAIN, VALIDATION, Shares, alike, assign

Known = tuple[str, Side | None, str, int]  # a photo's id, the side and the group that its source gave, and its side


@dataclass(frozen=True, kw_only=True, eq=False)
class Photos:
    """What decides on the sides of photos. Those that have gone since the last version stand behind the others."""

    ids: Sequence[str]
    labels: NDArray[np.int64]
    given: Sequence[Side | None]
    links: NDArray[np.int64]  # (pairs, 2) rows that nearly equal each other
    groups: Sequence[str] = ()  # what has the same stays together; the empty text is no group
    looks: Sequence[int] | NDArray[np.int64] = ()  # what has the same number looks the same


def divide(photos: Photos, *, shares: Shares, seed: int, known: Sequence[Known]) -> NDArray[np.int8]:
    """The side of each photo, as an index of SIDES, or -1.

    A test set that is given stays as it is, and so does a validation set. Where photos are given for training and none
    for validation, some are drawn from them. What no side is given for is divided by the shares, around what is given:
    what belongs to a photo of a given validation or test set is left out.

    `known` has all photos of earlier versions; one file may have been on several sides, where its source gave them.
    Each photo stays where it is, as long as its source says the same of it.
    """
    given = photos.given
    closed = {SIDES.index(side) for side in ("validation", "test") if side in given}
    held: list[int | None] = [None] * len(given)
    stays = {
        "train": _hold(held, photos, known, "train", () if VALIDATION in closed else (TRAIN, VALIDATION)),
        None: _hold(held, photos, known, None, {LEFT_OUT, TRAIN, VALIDATION, TEST} - closed),
    }
    is_open = np.array([side is None for side in given], bool)
    sides = np.full(len(given), LEFT_OUT, np.int8)
    for row, (side, now) in enumerate(zip(given, held, strict=True)):
        if now is not None:
            sides[row] = now
        elif side is not None:
            sides[row] = SIDES.index(side)
    if VALIDATION not in closed:
        own = np.array([side == "train" for side in given], bool)
        # An open photo that has a side already keeps it, and so it decides. On the test side it does not: the source
        # has said that what is near it is for training.
        beside = is_open & ((sides == TRAIN) | (sides == VALIDATION))
        own_shares = Shares(validation=shares.validation, test=0)
        _draw(sides, photos, own, beside, held=held, known=stays["train"], closed={TEST}, shares=own_shares, seed=seed)
    own_shares = Shares(
        validation=0 if VALIDATION in closed else shares.validation, test=0 if TEST in closed else shares.test
    )
    beside = ~is_open & (sides != LEFT_OUT)
    _draw(sides, photos, is_open, beside, held=held, known=stays[None], closed=closed, shares=own_shares, seed=seed)
    return sides


def _hold(
    held: list[int | None],
    photos: Photos,
    known: Iterable[Known],
    given: Side | None,
    others: Collection[int],
) -> dict[str, int]:
    """Put down where photos stay that this is given for. The sides of all that stay, by their ids.

    Of what had something else given, only these `others` of its sides count. Who was left out once stays so.
    """
    groups = photos.groups or [""] * len(held)
    are_there = set(zip(photos.ids, photos.given, groups, strict=True))
    exact: dict[tuple[str, str], int] = {}
    same: dict[str, int] = {}
    other: dict[str, int] = {}
    still: set[str] = set()
    for name, before, group, side in known:
        if (name, before, group) in are_there:
            still.add(name)
        if before == given:
            exact[name, group] = min(side, exact.get((name, group), side))
            same[name] = min(side, same.get(name, side))
        elif side in others:
            other[name] = min(side, other.get(name, side))
    stays = other | same
    for row in (row for row, side in enumerate(photos.given) if side == given):
        name = photos.ids[row]
        # A copy that comes beside one that stays is a newcomer: what is given for it may be on another side.
        held[row] = exact.get((name, groups[row]), None if name in still else stays.get(name))
    return stays


def _draw(
    sides: NDArray[np.int8],
    photos: Photos,
    own: NDArray[np.bool_],
    beside: NDArray[np.bool_],
    *,
    held: Sequence[int | None],
    known: dict[str, int],
    closed: Collection[int],
    shares: Shares,
    seed: int,
) -> None:
    """Have sides drawn for the photos of one's `own`, around those that stand `beside` them."""
    if not own.any():
        return
    at = np.flatnonzero(own | beside)
    rows = at.tolist()
    drawn = assign(
        [photos.ids[row] for row in rows],
        photos.labels[at],
        _within(photos.links, at, alike(photos.ids, photos.looks)),
        groups=[photos.groups[row] for row in rows] if photos.groups else (),
        looks=np.asarray(photos.looks)[at] if len(photos.looks) else (),
        known=known,
        fixed={place: int(sides[row]) if beside[row] else held[row] for place, row in enumerate(rows)},
        closed=closed,
        shares=shares,
        seed=seed,
    )
    sides[own] = drawn[own[at]]


def _within(links: NDArray[np.int64], rows: NDArray[np.int64], look_of: NDArray[np.int64]) -> NDArray[np.int64]:
    """The links among these rows, in rows of their own. A pair of photos stands for all that look the same as they."""
    places = np.full(len(look_of), -1, np.int64)
    places[look_of[rows]] = np.arange(len(rows))
    own = places[look_of[links.reshape(-1, 2)]]
    return own[(own >= 0).all(axis=1)]
