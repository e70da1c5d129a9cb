"""Data, script by script: a folder becomes a data set, is looked at, corrected, renamed, deleted and restored."""

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core import ask
from core.data import library, stored
from core.data.overlay import Edit
from core.data.stored import StoredSet
from core.runs import packings, store
from core.runs.config import FineTuneConfig
from core.runs.pack_config import PackConfig
from pages.places import DATA, DATA_SET, FINE_TUNE
from tests.conftest import wait_until
from tests.folders import class_folders, jpeg, packed, write
from tests.names import NAMES
from tests.pages import apps
from tests.pages.apps import address, button, open_page, texts
from tests.samples import as_read


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return class_folders(tmp_path / "pets")


@pytest.fixture
def pets(home: Path, root: Path) -> StoredSet:
    return packed(home, root, size=32)


def typed(page: AppTest, path: Path | str) -> AppTest:
    """A path in the form, and what was found there."""
    next(field for field in page.text_input if field.label == "Folder, zip or tar file").set_value(str(path))
    page.run()
    wait_until(lambda: page.session_state["data_look"][1].done())
    return page.run()


def box(page: AppTest, label: str) -> Any:
    return next(box for box in page.selectbox if box.label == label)


def test_page_says_what_it_is_for_and_lists_what_there_is(home: Path) -> None:
    said = as_read(texts(open_page(DATA)))
    assert "Your files stay on this computer" in said
    assert "CIFAR-10 sample" in said
    assert "A folder for each class" in said


@pytest.mark.worker
@pytest.mark.usefixtures("stop_workers")
def test_typed_folder_becomes_a_data_set(home: Path, root: Path) -> None:
    write(root, {"cat/notes.txt": b""})
    page = typed(open_page(DATA), f'"{root}"')
    said = as_read(texts(page))
    assert "2 classes from folder names. 1 file is no photo by name." in said
    assert "20 photos: cat 10, dog 10." in said
    button(page, "Make the data set").click()
    page.run()
    (made,) = stored.all_sets(home)
    assert address(page) == {"set": made.id}
    page = open_page(DATA_SET, set=made.id)
    wait_until(lambda: not packings.packing_of(home, made).status.is_live)  # type: ignore[union-attr]
    said = as_read(texts(open_page(DATA_SET, set=made.id)))
    assert "20 photos of 2 classes." in said
    assert str(root) in said
    assert made.name == "pets"


def test_what_is_at_a_path_is_said_or_why_there_is_nothing(home: Path, tmp_path: Path) -> None:
    page = typed(open_page(DATA), tmp_path / "nowhere")
    assert "There is nothing at" in as_read(texts(page))
    assert not [each for each in page.button if each.label == "Make the data set"]
    write(tmp_path / "flat", {"a.jpg": jpeg(1)})
    assert "no folder for each class" in as_read(texts(typed(page, tmp_path / "flat")))


def test_other_readings_are_offered(home: Path, tmp_path: Path) -> None:
    for side in ("train", "val"):
        class_folders(tmp_path / "split" / side, each=3, first=1 if side == "val" else 50)
    page = typed(open_page(DATA), tmp_path / "split")
    assert "“val” is kept as the test set" in as_read(texts(page))
    (ways,) = [each for each in page.radio if each.label == "Read it as"]
    assert len(ways.options) >= 3
    ways.set_value(next(key for key in ("sides above, train is train, validation is validation",)))
    assert "is kept for validation, and there is no test set" in as_read(texts(page.run()))


@pytest.mark.parametrize("name", NAMES[:40])
def test_names_of_folders_and_sets_are_data(home: Path, tmp_path: Path, name: str) -> None:
    made = stored.new_set(home, name, {})
    assert not open_page(DATA).exception
    assert not open_page(DATA_SET, set=made.id).exception


def test_photos_are_shown_by_class_and_side(pets: StoredSet) -> None:
    page = open_page(DATA_SET, set=pets.id)
    assert "1 to 20 of 20" in texts(page)
    box(page, "Class").set_value(1)
    page.run()
    assert "1 to 10 of 10" in texts(page)
    box(page, "Side").set_value("test")
    page.run()
    assert "1 to 2 of 2" in texts(page)
    box(page, "Side").set_value("out")
    page.run()
    assert "No photo is of that class and on that side" in texts(page)


def test_changes_are_counted_and_undone(pets: StoredSet) -> None:
    key = stored.key_of(pets.id, 1)
    pets.overlay.add(Edit(what="leave out", photos=tuple(library.load(key).manifest.keys[:3])))
    page = open_page(DATA_SET, set=pets.id)
    assert "17 photos of 2 classes" in texts(page)
    assert "1 change so far. The last: 3 photos left out." in texts(page)
    button(page, "Undo the last change").click()
    page.run()
    assert not pets.overlay.edits()
    assert "20 photos of 2 classes" in texts(page)


def test_set_is_renamed_deleted_and_restored(home: Path, pets: StoredSet) -> None:
    page = open_page(DATA_SET, set=pets.id)
    next(field for field in page.text_input if field.label == "New name").set_value("Our *pets*")
    button(page, "Save").click()
    page.run()
    assert "Our *pets*" in as_read(texts(page))
    button(page, "Delete").click()
    page.run()
    assert not stored.all_sets(home)
    page = apps.arrive(page, DATA).run()
    assert "Deleted “Our *pets*”" in as_read(texts(page))
    button(page, "Undo").click()
    page.run()
    assert [kept.name for kept in stored.all_sets(home)] == ["Our *pets*"]


def test_set_that_is_not_there_says_so(home: Path) -> None:
    for set_id in ("set-7", "../x", "x" * 1000):
        assert "There is no data set" in texts(open_page(DATA_SET, set=set_id))


def test_packing_that_failed_offers_to_leave_out_what_cannot_be_read(home: Path, root: Path) -> None:
    write(root, {"cat/half.jpg": jpeg(1)[:150]})
    made = packings.make(home, PackConfig(source=str(root), reading="classes"), name="pets")
    wait_until(lambda: not packings.packing_of(home, made).status.is_live)  # type: ignore[union-attr]
    page = open_page(DATA_SET, set=made.id)
    assert "1 of 21 photos cannot be read. The first: cat/half.jpg" in as_read(texts(page))
    button(page, "Make it without them").click()
    page.run()
    wait_until(lambda: made.newest == 1 and not packings.packing_of(home, made).status.is_live)  # type: ignore[union-attr]
    page = open_page(DATA_SET, set=made.id)
    assert "20 photos of 2 classes" in texts(page)


def test_findings_are_named_with_their_files(home: Path, root: Path) -> None:
    (root / "dog" / "copy.jpg").write_bytes((root / "cat" / "000.jpg").read_bytes())
    (root / "dog" / "again.jpg").write_bytes((root / "dog" / "001.jpg").read_bytes())
    write(root, {"cat/notes.txt": b"", "dog/half.jpg": jpeg(5)[:150]})
    kept = packed(home, root, unreadable="leave_out")
    page = open_page(DATA_SET, set=kept.id)
    page.session_state["data_set_tab"] = "Findings"
    page.run()
    titles = box(page, "Finding").options
    assert titles == [
        "The same photo under two classes (1)",
        "Photos that cannot be read (1)",
        "The very same file, several times (1)",
        "Files that are no photos (1)",
    ]
    box(page, "Finding").set_value("unreadable")
    page.run()
    assert "dog/half.jpg" in as_read(texts(page))


def test_fine_tune_offers_the_set_and_says_what_it_holds(pets: StoredSet) -> None:
    page = open_page(FINE_TUNE, data=stored.key_of(pets.id, 1))
    assert box(page, "Photos").value == "set-1@1"
    said = as_read(texts(page))
    assert "Classes: cat, dog." in said
    assert "14 photos in batches of 32" in said
    assert "2 photos measure the accuracy after every epoch. The 4 test photos are used once" in said
    assert "kept at 32 pixels, and the network reads 160" in said


def test_split_counts_and_lists_who_is_where(pets: StoredSet) -> None:
    page = open_page(DATA_SET, set=pets.id)
    page.session_state["data_set_tab"] = "Split"
    page.run()
    (table,) = page.dataframe
    assert table.value.to_dict("list") == {
        "Class": ["cat", "dog"],
        "Training": [7, 7],
        "Validation": [1, 1],
        "Test": [2, 2],
        "Left out": [0, 0],
    }


def test_crops_of_the_first_step_are_shown(pets: StoredSet) -> None:
    ask.stop()  # helpers of earlier tests know another home
    page = open_page(DATA_SET, set=pets.id)
    page.session_state["data_set_tab"] = "What training sees"
    page.run()
    wait_until(lambda: page.session_state["data_crops_asked"][1].done())
    page.run()
    assert page.get("image"), texts(page)
    ask.stop()


def test_configuration_of_a_run_on_own_photos_is_read_when_they_are_gone(home: Path, pets: StoredSet) -> None:
    config = FineTuneConfig(data=stored.key_of(pets.id, 1))
    stored.delete(home, pets)
    read = FineTuneConfig.recorded(config.to_dict())
    assert read.data == "set-1@1"
    assert read.in_words("data") == "set-1@1"
    assert store.home() == home
