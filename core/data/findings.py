"""What a packing has found: photos that are there twice, files that are none, classes too small. Never imports torch.

Findings stand beside a version's photos in `findings.json`. They name rows and files; what to say of them is for pages.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.dataset import SIDES
from core.data.sides import units
from core.data.sources.layouts import is_photo_by_name
from core.durable import read_file, replace_file
from core.errors import DataSetError

_MAX_BYTES = 512 * 2**20
_FILE = "findings.json"
_TOO_FEW = 3  # photos of a class: with fewer, a side stays without it
Rows = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Findings:
    """Rows are those of the version. Every group of rows stands in one of the lists alone."""

    unreadable: tuple[tuple[str, str], ...] = ()  # file and reason, of what should be a photo
    no_photos: tuple[tuple[str, str], ...] = ()  # the same, of what by its name is something else
    noted: tuple[tuple[int, str], ...] = ()  # a photo that was read in a way that a viewer would not expect, and how
    across: tuple[Rows, ...] = ()  # nearly the same photo on several sides
    two_labels: tuple[Rows, ...] = ()  # nearly the same photo under several classes
    copies: tuple[Rows, ...] = ()  # the very same file, within a side and a class
    near: tuple[Rows, ...] = ()  # nearly the same photo, within a side and a class
    left_out: Rows = ()  # newcomers that nearly equal photos of several sides
    small: tuple[int, ...] = ()  # classes that have few photos, or none on a side that others are on

    @property
    def count(self) -> int:
        """How many there are, of any kind."""
        return sum(len(getattr(self, entry.name)) for entry in fields(self))


def look(
    ids: Sequence[str],
    labels: NDArray[np.int64],
    sides: NDArray[np.int8],
    links: NDArray[np.int64],
    *,
    num_classes: int,
    problems: Sequence[tuple[str, str]],
    notes: Sequence[tuple[int, str]],
) -> Findings:
    """What there is to say of photos, of which `links` are pairs of rows that nearly equal each other."""
    first = {name: row for row, name in reversed(list(enumerate(ids)))}
    copies = [(first[name], row) for row, name in enumerate(ids) if first[name] != row]
    unit_of = units(len(ids), [*links.tolist(), *copies])
    groups: dict[int, list[int]] = {}
    for row in np.flatnonzero(np.bincount(unit_of, minlength=len(ids))[unit_of] > 1).tolist():
        groups.setdefault(int(unit_of[row]), []).append(row)
    found: dict[str, list[Rows]] = {"across": [], "two_labels": [], "copies": [], "near": []}
    for rows in groups.values():
        if len(set(sides[rows].tolist()) - {-1}) > 1:
            kind = "across"
        elif len(set(labels[rows].tolist())) > 1:
            kind = "two_labels"
        else:
            kind = "copies" if len({ids[row] for row in rows}) == 1 else "near"
        found[kind].append(tuple(rows))
    counts = np.bincount(labels, minlength=num_classes)
    return Findings(
        unreadable=tuple(problem for problem in problems if is_photo_by_name(problem[0])),
        no_photos=tuple(problem for problem in problems if not is_photo_by_name(problem[0])),
        noted=tuple(notes),
        left_out=tuple(np.flatnonzero(sides < 0).tolist()),
        small=tuple(np.flatnonzero((counts < _TOO_FEW) | _missing_on_a_side(labels, sides, num_classes)).tolist()),
        **{kind: tuple(rows) for kind, rows in found.items()},
    )


def _missing_on_a_side(labels: NDArray[np.int64], sides: NDArray[np.int8], num_classes: int) -> NDArray[np.bool_]:
    """(classes,) whether a class has no photo on a side that other classes have photos on."""
    is_there = np.zeros((num_classes, len(SIDES)), bool)
    kept = sides >= 0
    is_there[labels[kept], sides[kept]] = True
    return np.asarray((~is_there & is_there.any(axis=0)).any(axis=1), bool)


def still_open(found: Findings, labels: NDArray[np.int64], sides: NDArray[np.int8]) -> Findings:
    """The findings without those groups that are settled: by what their user has left out or relabelled since."""

    def rest(group: Rows) -> list[int]:
        return [row for row in group if sides[row] >= 0]

    return replace(
        found,
        across=tuple(group for group in found.across if len({int(sides[row]) for row in rest(group)}) > 1),
        two_labels=tuple(group for group in found.two_labels if len({int(labels[row]) for row in rest(group)}) > 1),
        copies=tuple(group for group in found.copies if len(rest(group)) > 1),
        near=tuple(group for group in found.near if len(rest(group)) > 1),
    )


def write(folder: Path, found: Findings) -> None:
    """Put findings beside a version's photos.

    Raises:
        OSError: the disk refuses.
    """
    replace_file(folder / _FILE, lambda file: file.write(json.dumps(asdict(found)).encode()))


def read(folder: Path, num_photos: int, *, num_classes: int) -> Findings:
    """The findings of a version of so many photos.

    Raises:
        DataSetError: they cannot be read.
    """
    try:
        values = json.loads(read_file(folder / _FILE, at_most=_MAX_BYTES))
        found = Findings(**{entry.name: _frozen(values[entry.name]) for entry in fields(Findings)})
        rows = [*found.left_out, *(row for row, _ in found.noted)]
        rows += [
            row for groups in (found.across, found.two_labels, found.copies, found.near) for g in groups for row in g
        ]
        texts = [text for name, reason in (*found.unreadable, *found.no_photos) for text in (name, reason)]
        if not all(type(label) is int and 0 <= label < num_classes for label in found.small):
            raise ValueError("classes that there are not")
        if not all(type(row) is int and 0 <= row < num_photos for row in rows):
            raise ValueError("rows that there are not")
        if not all(isinstance(text, str) for text in [*texts, *(note for _, note in found.noted)]):
            raise ValueError("no texts")
        return found
    except (OSError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise DataSetError("What was found in these photos cannot be read: findings.json is damaged.") from error


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
