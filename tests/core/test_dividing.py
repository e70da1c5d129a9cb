"""Sides that a source gives are never changed, and those that it leaves open are drawn around them."""

import io
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.data import library, stored
from core.data.dataset import SIDES, Side
from core.data.sides import Shares
from core.packing.dividing import Known, Photos, divide
from tests.folders import pack, packed, run_of, write

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
    of_group = groups or [""] * len(given)
    earlier = [(name, given[int(name[1:])], of_group[int(name[1:])], side) for name, side in known.items()]
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
    sides = divide(
        photos, shares=SHARES, seed=0, known=[("a", "train", "", 0), ("b", "train", "", 0), ("a", "test", "", 2)]
    )
    assert sides.tolist() == [0, 0, 2]


def test_known_sides_hold() -> None:
    assert divided([None] * 4, p0=2, p3=1)[0] == "test"
    assert divided([None] * 4, p0=2, p3=1)[3] == "validation"


def test_open_photos_are_drawn_around_what_is_given() -> None:
    given = ["train", "test", *[None] * 6]
    assert divided(given, [(0, 2), (1, 3), (2, 4), (1, 4)])[3:5] == ["out", "out"], "a given test set is all of it"
    sides = divided(["train", "validation", "test", *[None] * 5], groups=["a", "b", "c", "a", "b", "c", "a", "a"])
    assert sides == ["train", "validation", "test", "train", "out", "out", "train", "train"]
    sides = divided(["train"] * 30 + [None] * 30, [(row, row + 30) for row in range(30)])
    assert sides[:30] == sides[30:]


def test_group_holds_together_across_a_photo_with_another_side_given() -> None:
    given = ["train", "test", "train"] * 30
    sides = divided(given, groups=[f"{row // 3}" for row in range(90)])
    assert sides[::3] == sides[2::3]
    assert "validation" in sides


def test_photo_that_was_drawn_stays_when_its_source_gives_more() -> None:
    given: list[Any] = [None, None, "test", "train", "validation"]
    assert divided(given, p0=2, p1=1, p3=1)[:4] == ["test", "validation", "test", "validation"]
    photos = Photos(ids=["a", "b"], labels=np.zeros(2, np.int64), given=["train", "test"], links=NO_LINKS)
    assert divide(photos, shares=SHARES, seed=0, known=[("a", None, "", 2), ("b", None, "", 0)])[1] == 2, (
        "now that it says so"
    )
    assert divide(photos, shares=SHARES, seed=0, known=[("a", None, "", 1), ("b", None, "", 0)])[0] == 1


def test_photo_that_was_recorded_twice_stays_left_out() -> None:
    photos = Photos(ids=["a", "a"], labels=np.zeros(2, np.int64), given=[None, None], links=NO_LINKS)
    for known in ([("a", None, "", -1), ("a", None, "", 0)], [("a", None, "", 2), ("a", None, "", -1)]):
        assert divide(photos, shares=SHARES, seed=0, known=known).tolist() == [-1, -1]


SIZE = 12


@dataclass
class World:
    """Photos that may come, and what is known of those that have been there."""

    files: list[int]  # by photo; copies have the same
    looks: list[int]  # by file
    near: set[frozenset[int]]  # pairs of looks
    groups: list[str]
    given: list[Side | None]
    seed: int
    known: dict[int, int] = field(default_factory=dict)

    def belong(self, one: int, other: int) -> bool:
        looks = (self.looks[self.files[one]], self.looks[self.files[other]])
        is_group = self.groups[one] == self.groups[other] != ""
        return one != other and (is_group or looks[0] == looks[1] or frozenset(looks) in self.near)

    def key(self, number: int) -> tuple[str, Side | None, str]:
        return f"p{self.files[number]}", self.given[number], self.groups[number]

    def is_known(self, number: int) -> bool:
        return self.key(number) in map(self.key, self.known)

    def may_come(self, number: int, came: list[int]) -> bool:
        """Whether it is no file that was moved to where something else is given for it."""
        return number in self.known or all(
            other in came or self.files[other] != self.files[number] for other in self.known
        )

    def sides(self, rows: list[int]) -> dict[int, int]:
        """The sides of these photos, whose pairs are known as they are found: those of the first that look so."""
        first: dict[int, int] = {}
        links = [(first.setdefault(self.looks[self.files[number]], row), row) for row, number in enumerate(rows)]
        links += [
            (first[one], first[other]) for one in first for other in first if frozenset((one, other)) in self.near
        ]
        photos = Photos(
            ids=[f"p{self.files[number]}" for number in rows],
            labels=np.array(rows, np.int64) % 2,
            given=[self.given[number] for number in rows],
            links=np.array(links, np.int64).reshape(-1, 2),
            groups=[self.groups[number] for number in rows],
            looks=[self.looks[self.files[number]] for number in rows],
        )
        known: list[Known] = [(*self.key(number), side) for number, side in self.known.items()]
        found: dict[int, int] = {}
        for number, side in zip(rows, divide(photos, shares=SHARES, seed=self.seed, known=known).tolist(), strict=True):
            assert found.setdefault(number, side) == side, "copies are on one side"
        return found


@st.composite
def worlds(draw: st.DrawFn) -> World:
    looks = draw(st.lists(st.integers(0, SIZE - 1), min_size=SIZE, max_size=SIZE))
    open_or: list[Any] = draw(
        st.sampled_from([[None], [None, "train"], [None, "test"], ["train", "test"], [None, *SIDES]])
    )
    return World(
        files=draw(st.lists(st.integers(0, SIZE - 1), min_size=SIZE, max_size=SIZE)),
        looks=looks,
        near={frozenset(pair) for pair in draw(st.lists(st.tuples(*[st.sampled_from(looks)] * 2), max_size=8))},
        groups=draw(st.lists(st.sampled_from(["", "", "", "a", "b"]), min_size=SIZE, max_size=SIZE)),
        given=draw(st.lists(st.sampled_from(open_or), min_size=SIZE, max_size=SIZE)),
        seed=draw(st.integers(0, 9)),
    )


@settings(max_examples=300, deadline=None)
@given(world=worlds(), data=st.data())
def test_whatever_comes_and_goes_nobody_moves_and_nothing_that_belongs_together_is_parted(
    world: World, data: st.DataObject
) -> None:
    parted_by_source: set[tuple[object, object]] = set()
    for _ in range(data.draw(st.integers(1, 5))):
        came = data.draw(st.lists(st.integers(0, SIZE - 1), min_size=1, max_size=SIZE))
        came = [number for number in came if world.may_come(number, came)]
        rows = [*came, *(number for number in world.known if number not in came)]
        sides = world.sides(rows)
        has_validation = "validation" in {world.given[number] for number in rows}
        assert world.sides(random.Random(0).sample(rows, len(rows))) == sides, "in any order"
        assert all(sides[number] == side for number, side in world.known.items())
        for one, other in [(one, other) for one in sides for other in sides if world.belong(one, other)]:
            if sides[one] == sides[other] or -1 in (sides[one], sides[other]):
                continue
            given = {world.given[one], world.given[other]}
            if None not in given:
                by_source = given != {"train"} or has_validation
            else:  # only where the photo that is open was there before the other
                is_open = [world.given[number] is None for number in (one, other)]
                by_source = is_open != [True, True] and [world.is_known(number) for number in (one, other)] == is_open
            both = (world.key(one), world.key(other))
            assert by_source or both in parted_by_source
            parted_by_source.add(both)
        for number, side in sides.items():
            is_alone = not any(world.belong(number, other) for other in sides)
            assert side != -1 or not is_alone, "who is left out has met somebody"
        world.known |= sides


def test_name_of_a_newcomer_does_not_hide_whom_another_nearly_equals(home: Path, tmp_path: Path) -> None:
    """Plain photos are compared with the first of their shade only, and that is one that has a side."""
    levels = range(20, 240, 12)

    def fill(name: str, step: int) -> None:
        for level in levels:
            file = io.BytesIO()
            Image.new("RGB", (40, 40), (level + step,) * 3).save(file, "PNG")
            write(tmp_path / "shades", {f"grey/{name} {level}.png": file.getvalue()})

    fill("f", 0)
    fill("g", 6)
    made = packed(home, tmp_path / "shades")
    fill("a", 3)  # like both, most of them, and first by its name
    fill("z", 1)  # like these, and like those of f alone
    pack(run_of(home, made, source=str(tmp_path / "shades"), reading=made.description().settings["reading"]))
    manifest = library.load(stored.key_of(made.id, made.newest)).manifest
    sides = dict(zip(manifest.names, manifest.sides.tolist(), strict=True))
    assert -1 in [sides[f"grey/a {level}.png"] for level in levels]
    for level in levels:
        assert sides[f"grey/z {level}.png"] == sides[f"grey/f {level}.png"]
