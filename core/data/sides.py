"""On which side a photo is: drawn once, from what it shows, and never moved. Pure; never imports torch.

Whoever makes a set knows which photos belong together: those that look the same, near duplicates, and those of one
group. What belongs together is on one side, or the test would ask what the training has shown.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Pair: TypeAlias = tuple[int, int]
Links: TypeAlias = Sequence[Pair] | NDArray[np.int64]
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


def units(count: int, links: Iterable[Pair]) -> NDArray[np.int64]:
    """For each of so many photos the lowest row that it is linked with, by any way."""
    parents = list(range(count))

    def root(row: int) -> int:
        while parents[row] != row:
            parents[row] = parents[parents[row]]
            row = parents[row]
        return row

    for first, second in links:
        one, other = sorted((root(first), root(second)))
        parents[other] = one
    return np.array([root(row) for row in range(count)], np.int64)


def alike(ids: Sequence[str], looks: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
    """For each photo the lowest row of those that are the same, or look the same, by any way."""
    first: dict[str | int, int] = {}
    return units(
        len(ids),
        [
            *((first.setdefault(name, row), row) for row, name in enumerate(ids)),
            *((first.setdefault(int(look), row), row) for row, look in enumerate(looks)),
        ],
    )


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
    newcomers = _Newcomers(alike(ids, looks), held, links, groups or [""] * len(ids))
    drawn = newcomers.settle(sides, frozenset(closed))
    draws = {rows[0]: min(draw(ids[row], seed) for row in rows) for rows in drawn}
    if recorded:
        for rows in drawn:
            sides[rows] = _by_draw(draws[rows[0]], shares)
    else:
        _stratify(sides, drawn, draws, labels, shares)
    return sides


class _Newcomers:
    """Photos without a side, and what binds them.

    Those that look the same are one, a *look*, whose number is the lowest row of it. A group is one more number behind
    the rows, that its looks are linked with: so it stays together, whoever of it is left out.
    """

    def __init__(
        self, look_of: NDArray[np.int64], held: Sequence[int | None], links: Links, groups: Sequence[str]
    ) -> None:
        self._rows: dict[int, list[int]] = {}  # of newcomers, by their look
        self._recorded: dict[int, set[int]] = {}  # the sides of the known photos, by their look
        sides_of_group: dict[str, set[int]] = {}
        for row, (look, side, group) in enumerate(zip(look_of.tolist(), held, groups, strict=True)):
            if side is None:
                self._rows.setdefault(look, []).append(row)
                continue
            self._recorded.setdefault(look, set()).add(side)
            if group and side != LEFT_OUT:
                sides_of_group.setdefault(group, set()).add(side)
        self._touched = {look: self._kept(look) for look in self._rows}  # sides of the known photos that it belongs to
        self._near: list[Pair] = []
        for one, other in _distinct(look_of, links):
            for here, there in ((one, other), (other, one)):
                if here in self._rows:
                    self._touched[here] |= self._kept(there)
            if one in self._rows and other in self._rows:
                self._near.append((one, other))
        self._grouped: list[Pair] = []
        nodes: dict[str, int] = {}
        for look, rows in self._rows.items():
            for group in {groups[row] for row in rows} - {""}:
                if group in sides_of_group:
                    self._touched[look] |= sides_of_group[group]
                else:
                    self._grouped.append((look, nodes.setdefault(group, len(held) + len(nodes))))
        self._count = len(held) + len(nodes)
        bound = {look for look, _ in self._grouped}.union(*self._near)
        self._bound = [look for look in self._rows if look in bound]  # to other newcomers; most are to none

    def settle(self, sides: NDArray[np.int8], closed: frozenset[int]) -> list[list[int]]:
        """Give those a side that belong to known photos. The rows of the others, as they are to be drawn together."""
        out = {
            look
            for look, touched in self._touched.items()
            if self._recorded.get(look) == {LEFT_OUT} or len(touched) > 1 or touched & closed
        }
        by_near = self._together(self._units(self._near, out), self._touched, out)
        out |= {look for look, taken in by_near.items() if len(taken) > 1}
        # Of a group that is torn, those are left out that belong to a side by themselves.
        by_all = self._together(self._units([*self._near, *self._grouped], out), by_near, out)
        out |= {look for look, taken in by_all.items() if len(taken) > 1 and by_near[look]}
        unit_of = self._units([*self._near, *self._grouped], out)
        taken = self._together(unit_of, by_near, out)
        # What only those have connected that are left out takes one side, too.
        around = self._units(self._near, set())
        pool_of = self._units([(look, other[look]) for look in taken for other in (unit_of, around)], set())
        pooled = self._together(pool_of, taken, out)
        drawn: dict[int, list[int]] = {}
        for look, rows in self._rows.items():
            if look in out:
                continue
            to_take = taken[look] or pooled[look] if look in taken else self._touched[look]
            if not to_take:
                drawn.setdefault(pool_of[look], []).extend(rows)
            elif len(to_take) == 1:
                sides[rows] = min(to_take)
        return [sorted(rows) for rows in drawn.values()]

    def _kept(self, look: int) -> set[int]:
        return self._recorded.get(look, set()) - {LEFT_OUT}

    def _units(self, links: Sequence[Pair], out: set[int]) -> list[int]:
        own = ((one, other) for one, other in links if one not in out and other not in out)
        found: list[int] = units(self._count, own).tolist()
        return found

    def _together(self, unit_of: Sequence[int], values: Mapping[int, set[int]], out: set[int]) -> dict[int, set[int]]:
        """For each bound look that is not left out, what all of its unit have together."""
        together: dict[int, set[int]] = {}
        kept = [look for look in self._bound if look not in out]
        for look in kept:
            together.setdefault(unit_of[look], set()).update(values[look])
        return {look: together[unit_of[look]] for look in kept}


def _distinct(look_of: NDArray[np.int64], links: Links) -> list[Pair]:
    """Which looks the links connect, each pair once: of very many photos that are alike, there are few."""
    both = np.sort(look_of[np.asarray(links, np.int64).reshape(-1, 2)], axis=1)
    return [(one, other) for one, other in np.unique(both[both[:, 0] != both[:, 1]], axis=0).tolist()]


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
