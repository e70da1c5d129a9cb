"""A photo's side is drawn once: whatever comes, goes or is renamed, nothing else moves, and no near pair straddles."""

import hashlib
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.data.sides import LEFT_OUT, TEST, TRAIN, VALIDATION, Shares, assign, draw, units

SHARES = Shares(validation=0.1, test=0.2)


def ids_of(count: int, start: int = 0) -> list[str]:
    return [f"photo {number}" for number in range(start, start + count)]


@given(counts=st.lists(st.integers(0, 60), min_size=1, max_size=5), seed=st.integers(0, 99))
def test_shares_of_a_new_set_hold_within_one_photo_of_each_class(counts: list[int], seed: int) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    sides = assign(ids_of(len(labels)), labels, shares=SHARES, seed=seed)
    for label, count in enumerate(counts):
        own = sides[labels == label]
        for side, share in ((TEST, SHARES.test), (VALIDATION, SHARES.validation)):
            assert abs((own == side).sum() - share * count) <= 1
        assert count == 0 or (own == TRAIN).any()
        if count >= 3:
            assert {*own} == {TRAIN, VALIDATION, TEST}


def test_order_and_names_do_not_matter() -> None:
    ids, labels = ids_of(200), np.arange(200) % 3
    sides = dict(zip(ids, assign(ids, labels, shares=SHARES, seed=1), strict=True))
    mixed = random.Random(0).sample(range(200), 200)
    again = assign([ids[row] for row in mixed], labels[mixed], shares=SHARES, seed=1)
    assert [sides[ids[row]] for row in mixed] == again.tolist()
    assert assign(ids, labels, shares=SHARES, seed=2).tolist() != list(sides.values())


def test_shares_may_be_nothing() -> None:
    sides = assign(ids_of(50), np.zeros(50, np.int64), shares=Shares(validation=0, test=0), seed=0)
    assert (sides == TRAIN).all()
    assert len(assign([], np.empty(0, np.int64), shares=SHARES, seed=0)) == 0


@pytest.mark.parametrize(("validation", "test"), [(-0.1, 0.1), (0.5, 0.5), (1.0, 0.0), (float("nan"), 0.1)])
def test_shares_leave_something_to_train_on(validation: float, test: float) -> None:
    with pytest.raises(ValueError, match="leave something"):
        Shares(validation=validation, test=test)


def test_later_photos_hold_the_shares_on_average() -> None:
    first = ids_of(100)
    known = dict(zip(first, assign(first, np.zeros(100, np.int64), shares=SHARES, seed=0).tolist(), strict=True))
    ids = [*first, *ids_of(5_000, start=100)]
    sides = assign(ids, np.zeros(len(ids), np.int64), known=known, shares=SHARES, seed=0)
    assert sides[:100].tolist() == [known[name] for name in first]
    assert (sides[100:] == TEST).mean() == pytest.approx(0.2, abs=0.02)
    assert (sides[100:] == VALIDATION).mean() == pytest.approx(0.1, abs=0.015)


def test_draw_is_even() -> None:
    assert np.histogram([draw(name, 3) for name in ids_of(10_000)], bins=10, range=(0, 1))[0].min() > 850


@given(count=st.integers(1, 30), pairs=st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), max_size=30))
def test_units_are_what_links_connect(count: int, pairs: list[tuple[int, int]]) -> None:
    links = [(first % count, second % count) for first, second in pairs]
    found = units(count, links)
    reached = np.eye(count, dtype=bool)
    for first, second in links:
        reached[first, second] = reached[second, first] = True
    for _ in range(count):
        reached |= (reached.astype(int) @ reached.astype(int)) > 0
    assert [int(row.argmax()) for row in reached] == found.tolist()


def test_copies_are_on_one_side() -> None:
    ids = [f"photo {number // 3}" for number in range(90)]
    sides = assign(ids, np.zeros(90, np.int64), shares=SHARES, seed=0).reshape(30, 3)
    assert (sides == sides[:, :1]).all()
    assert {*sides[:, 0]} == {TRAIN, VALIDATION, TEST}


def test_newcomer_between_two_sides_is_left_out_and_nobody_moves() -> None:
    known = {"a": TRAIN, "b": TEST}
    sides = assign(["a", "new", "b"], np.zeros(3, np.int64), [(0, 1), (1, 2)], known=known, shares=SHARES, seed=0)
    assert sides.tolist() == [TRAIN, LEFT_OUT, TEST]
    sides = assign(
        ["a", "new", "b", "beside", "c"],
        np.zeros(5, np.int64),
        [(0, 1), (1, 2), (1, 3), (3, 4)],
        known={**known, "c": TEST},
        shares=SHARES,
        seed=0,
    )
    assert sides.tolist() == [TRAIN, LEFT_OUT, TEST, TEST, TEST], "who is near it alone is free of it"
    sides = assign(["a", "new"], np.zeros(2, np.int64), [(0, 1)], known=known, shares=SHARES, seed=0)
    assert sides.tolist() == [TRAIN, TRAIN]


def test_sides_of_a_simple_set_are_what_they_always_were() -> None:
    """To the bit: whoever has such a set finds every photo where it was."""
    ids, labels = ids_of(300), np.arange(300) % 3
    links = [(row, row + 1) for row in range(0, 60, 3)]
    first = assign(ids[:200], labels[:200], links, shares=SHARES, seed=4)
    assert hashlib.sha256(first.tobytes()).hexdigest()[:16] == "75944fb63f8a95c9"
    known = dict(zip(ids, first.tolist(), strict=False))
    later = assign(ids, labels, [*links, (5, 250), (251, 252)], known=known, shares=SHARES, seed=4)
    assert hashlib.sha256(later.tobytes()).hexdigest()[:16] == "6ac5a8db2a03673f"


BETWEEN = {"a": TRAIN, "b": TEST}  # and a newcomer that nearly equals both


@pytest.mark.parametrize("seed", range(20))
def test_what_looks_like_a_photo_that_is_left_out_is_left_out_now_and_later(seed: int) -> None:
    ids, links = ["a", "b", "new", "new", "saved anew", "again"], [(0, 2), (1, 2), (2, 4), (2, 5)]
    looks = [0, 1, 2, 2, 2, 2]
    sides = assign(ids, np.zeros(6, np.int64), links, looks=looks, known=BETWEEN, shares=SHARES, seed=seed)
    assert sides.tolist() == [TRAIN, TEST, *[LEFT_OUT] * 4]
    known = BETWEEN | dict.fromkeys(ids[2:], LEFT_OUT)
    later = ["other", "saved once more", "new", "b"]
    sides = assign(later, np.zeros(4, np.int64), looks=[0, 1, 1, 2], known=known, shares=SHARES, seed=seed)
    assert sides[0] != LEFT_OUT
    assert sides[1:].tolist() == [LEFT_OUT, LEFT_OUT, TEST], "though nothing is left that it is between"


@pytest.mark.parametrize("seed", range(20))
def test_group_stays_together_when_one_of_it_is_left_out(seed: int) -> None:
    ids, links = ["test", "train", "new", "newer", "newest"], [(0, 2)]
    known = {"test": TEST, "train": TRAIN}
    groups = ["", *["patient"] * 4]
    sides = assign(ids, np.zeros(5, np.int64), links, groups=groups, known=known, shares=SHARES, seed=seed)
    assert sides.tolist() == [TEST, TRAIN, LEFT_OUT, TRAIN, TRAIN]
    # A group that is all new, torn between two sides: who nearly equals neither is drawn, together.
    groups = ["", "", *["patient"] * 3]
    sides = assign(ids, np.zeros(5, np.int64), [(0, 2)], groups=groups, known=known, shares=SHARES, seed=seed)
    assert sides.tolist() == [TEST, TRAIN, TEST, TEST, TEST]
    ids, groups = [*ids, "last"], [*groups, "patient"]
    links = [(0, 2), (1, 3)]
    sides = assign(ids, np.zeros(6, np.int64), links, groups=groups, known=known, shares=SHARES, seed=seed)
    assert sides[:4].tolist() == [TEST, TRAIN, LEFT_OUT, LEFT_OUT]
    assert sides[4] == sides[5] != LEFT_OUT


@pytest.mark.parametrize("seed", range(20))
def test_photos_that_only_one_left_out_connects_are_still_drawn_together(seed: int) -> None:
    """Of many that are alike, only the pairs with the first are known: the others may nearly equal each other, too."""
    ids, links = ["a", "b", "new", *(f"like {number}" for number in range(8))], [(0, 2), (1, 2)]
    links += [(2, row) for row in range(3, 11)]
    sides = assign(ids, np.zeros(11, np.int64), links, known=BETWEEN, shares=SHARES, seed=seed)
    assert sides[2] == LEFT_OUT
    assert len({*sides[3:].tolist()} - {LEFT_OUT}) == 1
    fixed = assign(
        [*ids, "c"],
        np.zeros(12, np.int64),
        [*links, (5, 11)],
        known={**BETWEEN, "c": VALIDATION},
        shares=SHARES,
        seed=seed,
    )
    assert fixed[3:].tolist() == [VALIDATION] * 9


def test_no_newcomer_comes_to_a_side_that_is_closed() -> None:
    sides = assign(
        ["a", "b", "c", "d"],
        np.zeros(4, np.int64),
        [(0, 1)],
        groups=["", "", "", ""],
        fixed={0: TEST},
        closed={TEST},
        shares=Shares(test=0),
        seed=0,
    )
    assert sides[:2].tolist() == [TEST, LEFT_OUT]
    assert not {TEST, LEFT_OUT} & {*sides[2:].tolist()}


@settings(max_examples=200)
@given(data=st.data())
def test_whatever_comes_and_goes_nothing_else_moves_and_no_pair_straddles(data: st.DataObject) -> None:
    """Photos are points on a circle, and neighbours nearly equal each other: any set of them may be there at a time."""
    size = 24
    seed = data.draw(st.integers(0, 9))
    near = {frozenset(pair) for pair in data.draw(st.lists(st.tuples(*[st.integers(0, size - 1)] * 2), max_size=20))}
    known: dict[str, int] = {}
    for _ in range(data.draw(st.integers(1, 5))):
        came = data.draw(st.permutations(range(size)))[: data.draw(st.integers(1, size))]
        gone = [int(name.removeprefix("photo ")) for name in known]
        present = [*came, *(number for number in gone if number not in came)]
        ids = [f"photo {number}" for number in present]
        links = [
            (one, other)
            for one in range(len(present))
            for other in range(one)
            if frozenset((present[one], present[other])) in near
        ]
        labels = np.array(present) % 3
        sides = assign(ids, labels, links, known=known, shares=SHARES, seed=seed)
        for name, side in zip(ids, sides.tolist(), strict=True):
            assert known.setdefault(name, side) == side
        for one, other in links:
            assert LEFT_OUT in (sides[one], sides[other]) or sides[one] == sides[other]


@settings(max_examples=200)
@given(data=st.data())
def test_histories_with_copies_and_groups_keep_what_belongs_together(data: st.DataObject) -> None:
    """Photos have a look each; some looks are near. Of photos of one look, the first alone is compared with others."""
    size, num_looks = 16, 10
    seed = data.draw(st.integers(0, 9))
    look = data.draw(st.lists(st.integers(0, num_looks - 1), min_size=size, max_size=size))
    group = data.draw(st.lists(st.sampled_from(["", "", "a", "b", "c"]), min_size=size, max_size=size))
    near = {
        frozenset(pair) for pair in data.draw(st.lists(st.tuples(*[st.integers(0, num_looks - 1)] * 2), max_size=9))
    }
    known: dict[str, int] = {}
    for _ in range(data.draw(st.integers(1, 4))):
        came = data.draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=size))  # copies among them
        rows = [*came, *(number for number in range(size) if f"{number}" in known and number not in came)]
        first = {look[number]: row for row, number in reversed(list(enumerate(rows)))}
        close = [
            (one, other)
            for a, one in first.items()
            for b, other in first.items()
            if a < b and frozenset((a, b)) in near
        ]
        ids, groups = [f"{number}" for number in rows], [group[number] for number in rows]
        labels = np.array(rows, np.int64) % 3
        asked = {
            "looks": [look[number] for number in rows],
            "groups": groups,
            "known": dict(known),
            "shares": SHARES,
            "seed": seed,
        }
        sides = assign(ids, labels, close, **asked).tolist()  # type: ignore[arg-type]
        for name, side in zip(ids, sides, strict=True):
            assert known.setdefault(name, side) == side
        for one, first_number in enumerate(rows):
            for other, second_number in enumerate(rows[:one]):
                both = frozenset((look[first_number], look[second_number]))
                belongs = len(both) == 1 or both in near or (groups[one] and groups[one] == groups[other])
                if belongs and LEFT_OUT not in (sides[one], sides[other]):
                    assert sides[one] == sides[other]
