"""The data sets of a user: named, numbered for good, deleted and restored; and what was said of single photos."""

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest

from core.data import library, stored
from core.data.overlay import Edit, Overlay, applied
from core.data.stored import StoredSet
from core.errors import DataSetError
from core.runs.config import FineTuneConfig
from tests.folders import class_folders, pack, packed, run_of
from tests.names import NAMES
from tests.samples import tiny_data_set


@pytest.fixture
def pets(home: Path, tmp_path: Path) -> StoredSet:
    return packed(home, class_folders(tmp_path / "pets"), size=32)


def key(kept: StoredSet) -> str:
    return stored.key_of(kept.id, kept.newest)


def test_numbers_are_never_given_twice(home: Path) -> None:
    first, second = (stored.new_set(home, "x", {}) for _ in range(2))
    assert (first.id, second.id) == ("set-1", "set-2")
    stored.delete(home, second)
    assert stored.new_set(home, "x", {}).id == "set-3"
    assert [kept.id for kept in stored.all_sets(home)] == ["set-3", "set-1"]
    stored.delete(home, stored.find_set(home, "set-3"))
    stored.remove(home, ["set-2", "set-3"])
    assert stored.new_set(home, "x", {}).id == "set-4", "a run may still name the one that is gone for good"


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_kept(home: Path, name: str) -> None:
    made = stored.new_set(home, name, {})
    assert made.description().name == name[: stored.MAX_NAME]
    stored.rename(made, f"{name}!")
    assert made.description().name == f"{name}!"[: stored.MAX_NAME]


@pytest.mark.parametrize(
    "set_id", ["", "set-0", "set-01", "set-1/..", "../set-1", "set-²", "set-99", "set-1\n", "SET-1"]
)
def test_id_that_is_none_never_becomes_a_path(home: Path, set_id: str) -> None:
    stored.new_set(home, "x", {})
    with pytest.raises(DataSetError, match="There is no data set"):
        stored.find_set(home, set_id)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "[" * 100_000, '{"format": 1, "name": 3, "created": 0, "settings": {}, "packing": ""}', "\xff"],
)
def test_damaged_description_is_named(home: Path, text: str) -> None:
    made = stored.new_set(home, "x", {})
    (made.path / "description.json").write_text(text, encoding="latin-1")
    with pytest.raises(DataSetError, match=r"^The data set set-1 is damaged: its description\.json cannot be read"):
        made.description()
    assert made.name == "set-1"
    assert list(library.Labels()) == ["cifar10_sample"]


def test_deleted_set_is_restored_or_removed_for_good(home: Path, pets: StoredSet) -> None:
    named = key(pets)
    digest = library.load(named).manifest.digest
    stored.delete(home, pets)
    assert named not in library.Labels()
    with pytest.raises(DataSetError, match="There is no data set set-1"):
        library.load(named)
    assert [gone.id for gone in stored.deleted(home)] == ["set-1"]
    stored.restore(home, "set-1")
    assert library.load(named).manifest.digest == digest
    stored.delete(home, pets)
    stored.purge(home)
    assert stored.deleted(home), "a week has not gone by"
    long_ago = time.time() - 8 * 24 * 3600
    os.utime(stored.deleted(home)[0].path, (long_ago, long_ago))
    stored.purge(home)
    assert not stored.deleted(home)
    with pytest.raises(DataSetError, match="deleted for good"):
        stored.restore(home, "set-1")


def test_configuration_knows_every_version_and_lists_the_newest(home: Path, pets: StoredSet, tmp_path: Path) -> None:
    class_folders(tmp_path / "pets", each=12)
    pack(run_of(home, pets, source=str(tmp_path / "pets"), reading="classes", size=32))
    assert dict(library.Labels()) == {"cifar10_sample": "CIFAR-10 sample", "set-1@2": "pets"}
    assert FineTuneConfig(data="set-1@1").in_words("data") == "pets, version 1"
    with pytest.raises(ValueError, match=r"^data must be .*, got 'set-1@3'"):
        FineTuneConfig(data="set-1@3")
    with pytest.raises(DataSetError, match="“pets” has no version 3"):
        library.load("set-1@3")
    assert library.about("set-1@2").description == "24 photos of 2 classes."


def test_photos_are_left_out_put_back_and_relabelled_and_each_can_be_undone(pets: StoredSet) -> None:
    packed_set = library.load(key(pets))
    keys, before = packed_set.manifest.keys, packed_set.manifest
    pets.overlay.add(Edit(what="leave out", photos=(keys[0], keys[1], "unknown")))
    pets.overlay.add(Edit(what="label", photos=(keys[2],), label="dog"))
    pets.overlay.add(Edit(what="put back", photos=(keys[1],)))
    pets.overlay.add(Edit(what="label", photos=(keys[3],), label="no class of this set"))
    after = library.load(key(pets)).manifest
    assert (after.sides != before.sides).tolist() == [True, *[False] * 19]
    assert after.sides[0] == -1
    assert after.classes[after.labels[2]] == "dog"
    assert (after.labels != before.labels).sum() == 1
    assert after.digest != before.digest
    assert library.as_packed(key(pets)).manifest.digest == before.digest
    assert not pets.overlay.undo(pets.overlay.edits()[:-1]), "somebody else's last change"
    while edits := pets.overlay.edits():
        assert pets.overlay.undo(edits)
    assert not pets.overlay.undo(edits), "there is none"
    assert library.load(key(pets)).manifest.digest == before.digest


def test_copies_are_told_apart() -> None:
    data_set = tiny_data_set()
    manifest = data_set.manifest
    twice = type(manifest)(
        classes=manifest.classes,
        ids=["a", "b", "a", "a"],
        names=list("wxyz"),
        labels=np.zeros(4, np.int64),
        sides=np.zeros(4, np.int8),
        sizes=np.ones((4, 2), np.int64),
        content="",
    )
    assert twice.keys == ["a#w", "b", "a#y", "a#z"]
    assert applied(twice, [Edit(what="leave out", photos=("a#y",))]).sides.tolist() == [0, 0, -1, 0]
    assert applied(twice, [Edit(what="leave out", photos=("a",))]).sides.tolist() == [-1, 0, -1, -1], (
        "before it had any"
    )
    assert applied(twice, [Edit(what="leave out", photos=("a#x",))]).sides.tolist() == [0] * 4, "that one is gone"


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": 1, "edits": [{"what": "burn", "photos": [], "label": ""}]}']
)
def test_damaged_overlay_is_named_and_not_passed_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "overlay.json").write_text(text)
    overlay = Overlay(tmp_path / "overlay.json")
    with pytest.raises(DataSetError, match="What was left out or relabelled cannot be read"):
        overlay.edits()
    with pytest.raises(DataSetError):
        overlay.add(Edit(what="leave out", photos=("a",)))
    assert (tmp_path / "overlay.json").read_text() == text, "nothing is lost"


def test_overlay_is_plain_json(tmp_path: Path) -> None:
    overlay = Overlay(tmp_path / "overlay.json")
    overlay.add(Edit(what="label", photos=("a",), label="ä"))
    assert json.loads((tmp_path / "overlay.json").read_text())["edits"] == [
        {"what": "label", "photos": ["a"], "label": "ä"}
    ]
    assert overlay.edits() == [Edit(what="label", photos=("a",), label="ä")]
