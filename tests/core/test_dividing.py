"""Sides that a source gives are never changed, and those that it leaves open are drawn around them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.data.dataset import SIDES
from core.data.sides import Shares
from core.packing.dividing import Photos, divide

SHARES = Shares(validation=0.1, test=0.2)
NO_LINKS = np.empty((0, 2), np.int64)


def divided(given: list[Any], links: Any = NO_LINKS, groups: Sequence[str] = (), **known: int) -> list[str]:
    photos = Photos(
        ids=[f"p{row}" for row in range(len(given))],
        labels=np.zeros(len(given), np.int64),
        given=given,
        links=np.array(links, np.int64).reshape(-1, 2),
        groups=groups,
    )
    earlier = [(name, given[int(name[1:])], side) for name, side in known.items()]
    return [(*SIDES, "out")[side] for side in divide(photos, shares=SHARES, seed=0, known=earlier)]


def test_test_set_stays_and_validation_is_drawn_from_training() -> None:
    sides = divided(["train"] * 80 + ["test"] * 20)
    assert sides[80:] == ["test"] * 20
    assert sides[:80].count("validation") == 8
    assert sides[:80].count("test") == 0


def test_three_given_sides_are_taken_as_they_are() -> None:
    given = ["train"] * 5 + ["validation"] * 3 + ["test"] * 2
    assert divided(given, [(0, 5), (1, 8)]) == given, "near pairs across given sides are reported, and not moved"


def test_what_is_open_is_divided_by_the_shares() -> None:
    sides = divided([None] * 100)
    assert [sides.count(side) for side in SIDES] == [70, 10, 20]
    mixed = divided([None] * 50 + ["test"] * 10)
    assert mixed[50:] == ["test"] * 10
    assert mixed[:50].count("test") == 0, "a given test set is all of it"


def test_near_pairs_are_on_one_side_of_what_is_drawn() -> None:
    links = [(row, row + 1) for row in range(0, 60, 2)]
    sides = divided(["train"] * 60 + ["test"] * 5, [*links, (0, 60)])
    assert all(sides[one] == sides[other] for one, other in links)


@given(groups=st.lists(st.sampled_from(["", "a", "b", "c"]), max_size=40))
def test_a_group_stays_together(groups: list[str]) -> None:
    sides = divided([None] * len(groups), groups=groups)
    for name in ("a", "b", "c"):
        assert len({side for side, group in zip(sides, groups, strict=True) if group == name}) <= 1


def test_file_that_was_given_to_two_sides_stays_on_both() -> None:
    photos = Photos(ids=["a", "b", "a"], labels=np.zeros(3, np.int64), given=["train", "train", "test"], links=NO_LINKS)
    sides = divide(photos, shares=SHARES, seed=0, known=[("a", "train", 0), ("b", "train", 0), ("a", "test", 2)])
    assert sides.tolist() == [0, 0, 2]


def test_known_sides_hold() -> None:
    assert divided([None] * 4, p0=2, p3=1)[0] == "test"
    assert divided([None] * 4, p0=2, p3=1)[3] == "validation"
