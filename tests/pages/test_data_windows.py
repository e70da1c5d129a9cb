"""Data in two windows, and come back to: nothing that one of them does is lost, undone or left unsaid in the other."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from core import incoming
from core.data import library, stored
from core.data.overlay import Edit
from core.data.stored import StoredSet
from pages.data import dropping
from pages.places import DATA, DATA_SET, FINE_TUNE, PREDICT
from tests.folders import class_folders, packed
from tests.pages.apps import button, open_page, texts
from tests.samples import as_read

TABS = ("Photos", "Findings", "What training sees")


@pytest.fixture
def pets(home: Path, tmp_path: Path) -> StoredSet:
    return packed(home, class_folders(tmp_path / "pets", each=6), size=32)


def key(kept: StoredSet) -> str:
    return stored.key_of(kept.id, kept.newest)


def _deleted(home: Path, kept: StoredSet) -> None:
    stored.delete(home, kept)


def _without_manifest(_: Path, kept: StoredSet) -> None:
    (kept.version(1) / "manifest.json").unlink()


def _with_damaged_changes(_: Path, kept: StoredSet) -> None:
    (kept.path / "overlay.json").write_text("[")


def _way(page: AppTest, label: str) -> AppTest:
    next(group for group in page.button_group if group.label == "Where are the photos?").set_value(label)
    return page.run()


@pytest.mark.parametrize("harm", [_deleted, _without_manifest, _with_damaged_changes])
@pytest.mark.parametrize("tab", TABS)
def test_part_of_a_page_whose_set_is_gone_says_so(
    home: Path, pets: StoredSet, tab: str, harm: Callable[[Path, StoredSet], None]
) -> None:
    page = AppTest.from_function(_part, args=(tab, str(pets.path)), default_timeout=30)
    assert not page.run().exception
    assert not page.error
    harm(home, pets)
    assert not page.run().exception
    assert len(page.error) == 1


def _part(tab: str, path: str) -> None:
    """A part of the page, as it is drawn anew when what is around it is not."""
    from pathlib import Path

    from core.data.stored import StoredSet
    from pages.data import crops, findings, look

    if tab == "Photos":
        look._look(StoredSet(Path(path)), "set-1@1")
    elif tab == "Findings":
        findings._findings(StoredSet(Path(path)), "set-1@1")
    else:
        crops._crops("set-1@1")


def test_undo_undoes_what_this_window_shows_and_nothing_else(pets: StoredSet) -> None:
    keys = library.load(key(pets)).manifest.keys
    for photo in keys[:2]:
        pets.overlay.add(Edit(what="leave out", photos=(photo,)))
    page = open_page(DATA_SET, set=pets.id)
    shown = button(page, "Undo the last change")
    pets.overlay.undo(pets.overlay.edits())
    pets.overlay.add(Edit(what="leave out", photos=tuple(keys[3:6])))
    shown.click()
    page.run()
    assert [len(edit.photos) for edit in pets.overlay.edits()] == [1, 3]
    assert "3 photos left out" in as_read(texts(page))
    button(page, "Undo the last change").click()
    page.run()
    assert [len(edit.photos) for edit in pets.overlay.edits()] == [1]


def test_what_was_dropped_elsewhere_stays_when_all_is_removed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = incoming.new_drop(home)
    monkeypatch.setattr(dropping, "token", lambda: token)
    listed = [SimpleNamespace(id=f"{number}", slot=slot) for number, slot in enumerate(["photos", "class-1", "photos"])]
    removed: list[str] = []
    monkeypatch.setattr(incoming, "files", lambda *_: listed)
    monkeypatch.setattr(incoming, "remove", lambda _, __, *ids: removed.extend(ids))
    dropping.empty("photos")
    assert removed == ["0", "2"]


def test_what_was_typed_is_there_when_one_comes_back_to_it(home: Path) -> None:
    page = _way(open_page(DATA), "made")
    for field, name in zip(page.text_input, ("cat", "dog"), strict=False):
        field.set_value(name)
    page.run()
    page = _way(_way(page, "published"), "made")
    assert [field.value for field in page.text_input][:2] == ["cat", "dog"]
    page = _way(page, "typed")
    page.text_input[0].set_value("/nowhere/at/all")
    page.run()
    page = _way(_way(page, "made"), "typed")
    assert page.text_input[0].value == "/nowhere/at/all"


def test_nothing_is_started_without_training_photos(pets: StoredSet) -> None:
    pets.overlay.add(Edit(what="leave out", photos=tuple(library.load(key(pets)).manifest.keys)))
    page = open_page(FINE_TUNE, data=key(pets))
    assert "This data set has no training photos" in as_read(texts(page))
    assert button(page, "Start fine-tuning").disabled


def test_run_that_cannot_predict_is_named(home: Path) -> None:
    assert "There is no network of a run 20260101-000000-0000ffff here" in as_read(
        texts(open_page(PREDICT, run="20260101-000000-0000ffff"))
    )
