"""How folders are read: class folders, sides above or below them, in any case, below any folder that holds them all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.sources.layouts import Reading, is_ignored, readings

PHOTOS = [f"{number}.jpg" for number in range(3)]
NAMES = {
    "train": ["train", "Train", "TRAINING", "training"],
    "validation": ["val", "valid", "Validation", "VAL"],
    "test": ["test", "Testing"],
}


def tree(*folders: str) -> list[str]:
    return [f"{folder}/{name}" if folder else name for folder in folders for name in PHOTOS]


def first(paths: list[str]) -> Reading:
    return readings(paths)[0]


def sides(reading: Reading) -> dict[str, set[str | None]]:
    """The sides of each class."""
    return {name: {item.given for item in reading.items if item.class_name == name} for name in reading.classes}


@pytest.mark.parametrize("above", ["", "pets/", "a/b/pets/"])
def test_class_folders(above: str) -> None:
    reading = first(tree(f"{above}cat", f"{above}dog"))
    assert reading.sentence == "2 classes from folder names."
    assert sides(reading) == {"cat": {None}, "dog": {None}}
    assert len(reading.items) == 6
    assert not reading.left_out


@pytest.mark.parametrize("is_above", [True, False])
@pytest.mark.parametrize("train", NAMES["train"])
@pytest.mark.parametrize("validation", NAMES["validation"])
@pytest.mark.parametrize("test", NAMES["test"])
def test_sides_above_or_below_the_classes(is_above: bool, train: str, validation: str, test: str) -> None:
    folders = [
        f"data/{side}/{name}" if is_above else f"data/{name}/{side}"
        for name in ("cat", "dog")
        for side in (train, validation, test)
    ]
    kept, anew, *_ = readings(tree(*folders))
    assert kept.classes == ("cat", "dog")
    assert sides(kept) == {name: {"train", "validation", "test"} for name in kept.classes}
    assert all((item.given == "test") == (f"/{test}/" in item.path) for item in kept.items)
    assert kept.sentence == (
        f"2 classes from folder names; “{validation}” is kept for validation, “{test}” as the test set."
    )
    assert sides(anew) == {"cat": {None}, "dog": {None}}
    assert "drawn anew" in anew.sentence


def test_lone_validation_folder_is_the_test_set_unless_one_says_otherwise() -> None:
    as_test, as_validation, *others = readings(tree("train/cat", "train/dog", "val/cat", "val/dog"))
    assert as_test.sentence == "2 classes from folder names; “val” is kept as the test set."
    assert sides(as_test)["cat"] == {"train", "test"}
    assert as_validation.sentence.endswith("“val” is kept for validation, and there is no test set.")
    assert sides(as_validation)["cat"] == {"train", "validation"}
    assert any(sides(other) == {"cat": {None}, "dog": {None}} for other in others)
    assert any(other.classes == ("train", "val") for other in others), "they may be classes all the same"


def test_class_named_like_a_side_is_a_class() -> None:
    reading = first(tree("test", "control"))
    assert reading.classes == ("control", "test")
    assert sides(reading) == {"control": {None}, "test": {None}}


def test_files_in_no_class_folder_are_left_out_and_counted() -> None:
    reading = first([*tree("cat", "dog"), "README.md"])
    assert reading.left_out == ("README.md",)
    assert reading.sentence == "2 classes from folder names; 1 file lies in no class folder."
    mixed = first([*tree("train/cat", "train/dog", "test/cat", "test/dog"), "labels.csv", "train/list.txt"])
    assert mixed.left_out == ("labels.csv", "train/list.txt")


def test_deeper_folders_belong_to_their_class_or_are_classes_themselves() -> None:
    outer, inner = readings(tree("animal/cat", "animal/dog", "vehicle/car"))
    assert outer.classes == ("animal", "vehicle")
    assert inner.classes == ("car", "cat", "dog")
    assert inner.sentence == "3 classes from the names of the innermost folders."


def test_one_class_and_none() -> None:
    assert first(tree("cat")).sentence == "1 class from folder names."
    assert sides(first(tree("pets/cat/train", "pets/cat/test"))) == {"cat": {"train", "test"}}
    assert readings(tree("")) == []
    assert readings([]) == []


@pytest.mark.parametrize(
    "path",
    [
        ".DS_Store",
        "cat/.DS_Store",
        "cat/._1.jpg",
        "Thumbs.db",
        "cat/THUMBS.DB",
        "__MACOSX/cat/1.jpg",
        ".git/x",
        "a/.b/c",
    ],
)
def test_what_systems_leave_is_ignored(path: str) -> None:
    assert is_ignored(path)
    assert first([*tree("cat", "dog"), path]).left_out == ()


@pytest.mark.parametrize("path", ["cat/1.jpg", "cat/a.b.jpg", "c.at/1", "cat/thumbs.db.jpg"])
def test_what_users_have_is_not(path: str) -> None:
    assert not is_ignored(path)


@given(
    st.lists(
        st.lists(
            st.sampled_from(["train", "val", "test", "cat", "dog", "x.jpg", "ü", "<b>"]), min_size=1, max_size=4
        ).map("/".join),
        max_size=12,
        unique=True,
    )
)
def test_every_reading_accounts_for_every_file(paths: list[str]) -> None:
    for reading in readings(paths):
        assert sorted([*(item.path for item in reading.items), *reading.left_out]) == sorted(paths)
        assert reading.classes == tuple(sorted({item.class_name for item in reading.items}))
        assert reading.sentence.endswith(".")
