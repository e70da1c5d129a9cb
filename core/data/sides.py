"""On which side a photo is: drawn once, from what it shows, and never moved. Pure; never imports torch.

Whoever makes a set knows which photos belong together: those that look the same, near duplicates, and those of one
group. What belongs together is on one side, or the test would ask what the training has shown.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TRAIN, VALIDATION, TEST = range(3)  # indices of `core.data.dataset.SIDES`
LEFT_OUT = -1
Links = Sequence[tuple[int, int]] | NDArray[np.int64]


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


def units(count: int, links: Links) -> NDArray[np.int64]:
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
    found = np.array(parents, np.int64)
    while (found != found[found]).any():
        found = found[found]
    return found


def assign(
    ids: Sequence[str],
    labels: NDArray[np.int64],
    links: Links = (),
    *,
    groups: Sequence[str] = (),
    looks: Sequence[int] | NDArray[np.int64] = (),
    known: Mapping[str, int] | None = None,
    fixed: Mapping[int, int | None] | None = None,
    closed: Collection[int] = (),
    shares: Shares,
    seed: int,
) -> NDArray[np.int8]:
    """The side of each photo: one of the constants above.

    Args:
        ids: what each photo is, (photos,); copies have the same. Photos that have gone are still among them: one may
            come back.
        labels: their classes, (photos,).
        links: pairs of rows that nearly equal each other.
        groups: what has the same stays together, (photos,) or nothing; the empty text is no group.
        looks: photos with the same number look the same, (photos,) or nothing.
        known: the sides of all photos but the newcomers, by their ids. They stay where they are.
        fixed: the sides of some rows, whatever their ids are; of newcomers None.
        closed: sides that no newcomer comes to.
        shares: of a set that is new they hold within one photo of each class, but for what belongs together; later they
            hold on average.
        seed: another one draws other sides.

    A newcomer takes the side of the photos that it belongs to. Where these are on several sides, it is left out, and
    with it whatever looks the same. Nobody else belongs to it any more; but newcomers that it alone has connected are
    still drawn together, since of very many that are alike not every pair is known.
    """
    recorded, given = known or {}, fixed or {}
    held = [given[row] if row in given else recorded.get(name) for row, name in enumerate(ids)]
    sides = np.array([LEFT_OUT if side is None else side for side in held], np.int8)
    newcomers = _Newcomers(sames(ids, looks), held, links, groups or [""] * len(ids))
    drawn = newcomers.settle(sides, frozenset(closed))
    draws = {rows[0]: min(draw(ids[row], seed) for row in rows) for rows in drawn}
    if recorded:
        for rows in drawn:
            sides[rows] = _by_draw(draws[rows[0]], shares)
    else:
        _stratify(sides, drawn, draws, labels, shares)
    return sides


def sames(ids: Sequence[str], looks: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
    """For each photo the lowest row that is the same, or looks the same, by any way."""
    first: dict[str | int, int] = {}
    pairs = [(first.setdefault(name, row), row) for row, name in enumerate(ids)]
    pairs += [(first.setdefault(int(look), row), row) for row, look in enumerate(looks)]
    return units(len(ids), pairs)


class _Newcomers:
    """Photos without a side. Those that look the same are one, and known by the lowest row of what they look like."""

    def __init__(
        self, same: NDArray[np.int64], held: Sequence[int | None], links: Links, groups: Sequence[str]
    ) -> None:
        self._count = len(same)
        self._rows: dict[int, list[int]] = {}
        self._own: dict[int, set[int]] = {}  # sides of the known photos that look so
        of_group: dict[str, set[int]] = {}
        for row, (one, side, group) in enumerate(zip(same.tolist(), held, groups, strict=True)):
            if side is None:
                self._rows.setdefault(one, []).append(row)
                continue
            self._own.setdefault(one, set()).add(side)
            if group and side != LEFT_OUT:
                of_group.setdefault(group, set()).add(side)
        self._touched = {one: self._kept(one) for one in self._rows}  # sides of the photos that each belongs to
        self._near: list[tuple[int, int]] = []
        for one, other in same[np.array(links, np.int64).reshape(-1, 2)].tolist():
            for here, there in ((one, other), (other, one)):
                if here in self._rows:
                    self._touched[here] |= self._kept(there)
            if one in self._rows and other in self._rows:
                self._near.append((one, other))
        # A group is a node of its own, so that it stays together whoever of it is left out. Where it has a side, each
        # of its photos touches that already.
        self._grouped: list[tuple[int, int]] = []
        nodes: dict[str, int] = {}
        for one, rows in self._rows.items():
            for group in {groups[row] for row in rows} - {""}:
                if group in of_group:
                    self._touched[one] |= of_group[group]
                else:
                    self._grouped.append((one, nodes.setdefault(group, self._count + len(nodes))))
        self._count += len(nodes)
        bound = {one for one, _ in self._grouped}.union(*self._near)
        self._bound = [one for one in self._rows if one in bound]  # to another newcomer; most photos are to none

    def settle(self, sides: NDArray[np.int8], closed: frozenset[int]) -> list[list[int]]:
        """Give those a side that belong to known photos. The rows of the others, as they are to be drawn together."""
        out = {
            one
            for one, touched in self._touched.items()
            if self._own.get(one) == {LEFT_OUT} or len(touched) > 1 or touched & closed
        }
        near = self._gathered(self._units(self._near, out), self._touched, out)
        out |= {one for one, taken in near.items() if len(taken) > 1}
        # What a group is torn between is left out; the rest of it is not.
        whole = self._gathered(self._units([*self._near, *self._grouped], out), near, out)
        out |= {one for one, taken in whole.items() if len(taken) > 1 and near[one]}
        unit_of = self._units([*self._near, *self._grouped], out)
        taken = self._gathered(unit_of, near, out)
        around = self._units(self._near, set())
        pool_of = self._units([*((one, unit_of[one]) for one in taken), *((one, around[one]) for one in taken)], set())
        pooled = self._gathered(pool_of, taken, out)
        drawn: dict[int, list[int]] = {}
        for one, rows in self._rows.items():
            to_take = taken[one] or pooled[one] if one in taken else self._touched[one]
            if not to_take and one not in out:
                drawn.setdefault(pool_of[one], []).extend(rows)
            elif len(to_take) == 1 and one not in out:
                sides[rows] = min(to_take)
        return [sorted(rows) for rows in drawn.values()]

    def _kept(self, one: int) -> set[int]:
        return self._own.get(one, set()) - {LEFT_OUT}

    def _units(self, links: Sequence[tuple[int, int]], out: set[int]) -> list[int]:
        own = [(one, other) for one, other in links if one not in out and other not in out]
        return units(self._count, own).tolist()  # type: ignore[no-any-return]

    def _gathered(self, unit_of: Sequence[int], values: Mapping[int, set[int]], out: set[int]) -> dict[int, set[int]]:
        """For each newcomer that is not left out, what all of its unit have together."""
        together: dict[int, set[int]] = {}
        kept = [one for one in self._bound if one not in out]
        for one in kept:
            together.setdefault(unit_of[one], set()).update(values[one])
        return {one: together[unit_of[one]] for one in kept}


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
