"""On which side a photo is: drawn once, from what it shows, and never moved. Pure; never imports torch.

Whoever makes a set knows which photos belong together (`links`): near duplicates, and those of one group. What belongs
together is on one side, or the test would ask what the training has shown.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TRAIN, VALIDATION, TEST = range(3)  # indices of `core.data.dataset.SIDES`
LEFT_OUT = -1


@dataclass(frozen=True, kw_only=True)
class Shares:
    """How much of each class is for validation and for test, from 0 to 1; the rest is for training.

    Raises:
        ValueError: they cannot be.
    """

    validation: float = 0.1
    test: float = 0.2

    def __post_init__(self) -> None:
        if not (0 <= self.validation < 1 and 0 <= self.test < 1 and self.validation + self.test < 1):
            raise ValueError("the shares for validation and test must be at least 0, and leave something for training")


def draw(photo_id: str, seed: int) -> float:
    """A number from 0 to 1 that depends on a photo and a seed alone."""
    digest = hashlib.sha256(f"{seed}:{photo_id}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64


def units(count: int, links: Sequence[tuple[int, int]] | NDArray[np.int64]) -> NDArray[np.int64]:
    """For each of so many photos the lowest row that it is linked with, by any way."""
    parents = list(range(count))

    def root(row: int) -> int:
        while parents[row] != row:
            parents[row] = parents[parents[row]]
            row = parents[row]
        return row

    for first, second in links:
        one, other = sorted((root(int(first)), root(int(second))))
        parents[other] = one
    return np.array([root(row) for row in range(count)], np.int64)


def assign(
    ids: Sequence[str],
    labels: NDArray[np.int64],
    links: Sequence[tuple[int, int]] | NDArray[np.int64] = (),
    *,
    known: Mapping[str, int] | None = None,
    shares: Shares,
    seed: int,
) -> NDArray[np.int8]:
    """The side of each photo: one of the constants above.

    Args:
        ids: what each photo shows, (photos,); copies have the same. Photos that have gone are still among them: one may
            come back.
        labels: their classes, (photos,).
        links: pairs of rows that belong together.
        known: the sides of all photos but the newcomers, by their ids. They stay where they are.
        shares: of a set that is new they hold within one photo of each class, but for what belongs together; later they
            hold on average.
        seed: another one draws other sides.

    A newcomer takes the side of the photos that it belongs to; where these are on several, it is left out, and belongs
    to nobody any more.
    """
    recorded = known or {}
    in_use = [recorded.get(name) != LEFT_OUT for name in ids]
    _leave_out_between(in_use, ids, links, recorded)
    copies = {name: row for row, name in reversed(list(enumerate(ids)))}
    pairs = [*((int(one), int(other)) for one, other in links), *((copies[name], row) for row, name in enumerate(ids))]
    unit_of = units(len(ids), [(one, other) for one, other in pairs if in_use[one] and in_use[other]])
    sides = np.full(len(ids), LEFT_OUT, np.int8)
    members: dict[int, list[int]] = {}
    for row, unit in enumerate(unit_of.tolist()):
        if in_use[row] or ids[row] in recorded:
            members.setdefault(unit, []).append(row)
    new: list[list[int]] = []
    for rows in members.values():
        taken = {recorded[ids[row]] for row in rows if ids[row] in recorded}
        for row in rows:
            if ids[row] in recorded:
                sides[row] = recorded[ids[row]]
        newcomers = [row for row in rows if ids[row] not in recorded]
        if not taken:
            new.append(rows)
        elif len(taken) == 1:
            sides[newcomers] = taken.pop()
    draws = {rows[0]: min(draw(ids[row], seed) for row in rows) for rows in new}
    if recorded:
        for rows in new:
            sides[rows] = _by_draw(draws[rows[0]], shares)
    else:
        _stratify(sides, new, draws, labels, shares)
    return sides


def _leave_out_between(
    in_use: list[bool],
    ids: Sequence[str],
    links: Sequence[tuple[int, int]] | NDArray[np.int64],
    recorded: Mapping[str, int],
) -> None:
    """Take the newcomers out of use that directly belong to known photos of several sides; else they would link all."""
    taken: dict[int, set[int]] = {}
    for one, other in links:
        for row, beside in ((int(one), int(other)), (int(other), int(one))):
            side = recorded.get(ids[beside], LEFT_OUT)
            if ids[row] not in recorded and side != LEFT_OUT:
                taken.setdefault(row, set()).add(side)
    for row, sides in taken.items():
        if len(sides) > 1:
            in_use[row] = False


def _by_draw(drawn: float, shares: Shares) -> int:
    if drawn < shares.test:
        return TEST
    return VALIDATION if drawn < shares.test + shares.validation else TRAIN


def _stratify(
    sides: NDArray[np.int8],
    new: Sequence[list[int]],
    draws: Mapping[int, float],
    labels: NDArray[np.int64],
    shares: Shares,
) -> None:
    """Give each class its shares: the units with the lowest draws are for test, the next ones for validation."""
    by_class: dict[int, list[list[int]]] = {}
    for rows in new:
        by_class.setdefault(_commonest(labels[rows].tolist()), []).append(rows)
    for own in by_class.values():
        ordered = sorted(own, key=lambda rows: (draws[rows[0]], rows[0]))
        total = sum(map(len, ordered))
        wanted = {TEST: _whole(shares.test, total), VALIDATION: _whole(shares.validation, total)}
        for rows in ordered:
            side = next((side for side, left in wanted.items() if left > 0 and len(rows) <= 2 * left), TRAIN)
            sides[rows] = side
            if side != TRAIN:
                wanted[side] -= len(rows)


def _commonest(classes: list[int]) -> int:
    """The class of most; of several, the first by its number."""
    return min(set(classes), key=lambda label: (-classes.count(label), label))


def _whole(share: float, total: int) -> int:
    """So many of all photos of a class; at least one where there are three or more, and none of a lone one."""
    return max(round(share * total), int(share > 0 and total >= 3)) if total > 1 else 0
