"""On which side a photo is: drawn once, from what it shows, and never moved. Pure; never imports torch.

Whoever makes a set knows which photos belong together (`links`): near duplicates, and those of one group. What belongs
together is on one side, or the test would ask what the training has shown.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Links: TypeAlias = Sequence[tuple[int, int]]
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


def units(count: int, links: Links) -> NDArray[np.int64]:
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


def assign(
    ids: Sequence[str],
    labels: NDArray[np.int64],
    links: Links = (),
    *,
    same: Links = (),
    groups: Sequence[str] = (),
    known: Mapping[str, int] | None = None,
    shares: Shares,
    seed: int,
) -> NDArray[np.int8]:
    """The side of each photo: one of the constants above.

    Args:
        ids: what each photo shows, (photos,); copies have the same. Photos that have gone are still among them: one may
            come back.
        labels: their classes, (photos,).
        links: pairs of rows that belong together, since they nearly equal each other.
        same: those of them that show the very same.
        groups: (photos,) what else belongs together, by a name; the empty text is none.
        known: the sides of all photos but the newcomers, by their ids. They stay where they are.
        shares: of a set that is new they hold within one photo of each class, but for what belongs together; later they
            hold on average.
        seed: another one draws other sides.

    A newcomer takes the side of the photos that it belongs to. Where these are on several, it is left out with all that
    show the same, and belongs to nobody any more.
    """
    recorded = known or {}
    is_new = np.array([name not in recorded for name in ids], bool)
    record = np.array([recorded.get(name, LEFT_OUT) for name in ids], np.int8)
    shown = units(len(ids), [*same, *_chained(ids, range(len(ids)))])
    near = sorted({(int(shown[one]), int(shown[other])) for one, other in links if shown[one] != shown[other]})
    in_use = ~_left_out(shown, is_new, record, near, groups)
    used = np.flatnonzero(in_use).tolist()
    first = {int(shown[row]): row for row in reversed(used)}
    linked = [(first[one], first[other]) for one, other in near if one in first and other in first]
    alike = [(first[int(shown[row])], row) for row in used]
    unit_of = units(len(ids), [*linked, *alike, *_chained(groups, used)])
    sides = record.copy()
    new: list[list[int]] = []
    for rows in _gathered(unit_of, used):
        taken = {int(record[row]) for row in rows if not is_new[row]}
        if not taken:
            new.append(rows)
        elif len(taken) == 1:
            sides[[row for row in rows if is_new[row]]] = taken.pop()
    draws = {rows[0]: min(draw(ids[row], seed) for row in rows) for rows in new}
    if recorded:
        for rows in new:
            sides[rows] = _by_draw(draws[rows[0]], shares)
    else:
        _stratify(sides, new, draws, labels, shares)
    return sides


def _left_out(
    shown: NDArray[np.int64],
    is_new: NDArray[np.bool_],
    record: NDArray[np.int8],
    near: Links,
    groups: Sequence[str],
) -> NDArray[np.bool_]:
    """(photos,) who is on no side: as it is recorded, or as a newcomer that by itself belongs to known photos of
    several sides, and would link these.

    `shown` is one number for all that show the same: they share a fate. `near` are pairs of these numbers.
    """
    has: dict[int | str, set[int]] = {}  # the sides of the known photos that show something, or are of a group
    for row in np.flatnonzero(~is_new).tolist():
        has.setdefault(int(shown[row]), set()).add(int(record[row]))
        if groups and groups[row]:
            has.setdefault(groups[row], set()).add(int(record[row]))
    taken = {number: set(sides) for number, sides in has.items() if not isinstance(number, str)}
    beside = [*near, *((other, one) for one, other in near)]
    beside_group = [(int(shown[row]), groups[row]) for row in np.flatnonzero(is_new).tolist() if groups]
    belongs: list[tuple[int, int | str]] = [*beside, *beside_group]
    for number, other in belongs:
        taken.setdefault(number, set()).update(has.get(other, set()) - {LEFT_OUT})
    lost = [number for number, sides in taken.items() if len(sides) > 1 or LEFT_OUT in sides]
    return np.asarray(np.where(is_new, np.isin(shown, lost), record == LEFT_OUT), bool)


def _chained(names: Sequence[str], rows: Iterable[int]) -> list[tuple[int, int]]:
    """Pairs that chain those of these rows that have one name; the empty text is none."""
    last: dict[str, int] = {}
    pairs: list[tuple[int, int]] = []
    for row in rows if names else ():
        if name := names[row]:
            if name in last:
                pairs.append((last[name], row))
            last[name] = row
    return pairs


def _gathered(unit_of: NDArray[np.int64], rows: Sequence[int]) -> Iterable[list[int]]:
    """Those of the rows that are of one unit, for each unit."""
    members: dict[int, list[int]] = {}
    for row in rows:
        members.setdefault(int(unit_of[row]), []).append(row)
    return members.values()


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
