"""A data set whose files are damaged says so on its own page, and costs no other page anything."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from core.data import library, stored
from core.data.stored import StoredSet
from pages.places import DATA, DATA_SET, FINE_TUNE, RUNS
from tests.conftest import few_and_long
from tests.folders import class_folders, make_room, packed
from tests.pages.apps import button, open_page, texts
from tests.samples import as_read

FILES = (
    "description.json",
    "overlay.json",
    *(f"versions/1/{name}" for name in ("manifest.json", "photos.npz", "names.json", "findings.json", "pixels")),
    "versions/1",
)


def _emptied(path: Path) -> None:
    path.write_bytes(b"")


def _made_of_garbage(path: Path) -> None:
    path.write_bytes(b"\xff[[[[" * 1_000)


def _made_a_folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


def _gone(path: Path) -> None:
    path.unlink(missing_ok=True)


DAMAGES = (_emptied, _made_of_garbage, _made_a_folder, _gone)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a data set."""
    home = tmp_path_factory.mktemp("whole") / "home"
    packed(home, class_folders(tmp_path_factory.mktemp("photos") / "pets", each=4), size=32)
    return home


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__.strip("_"))
@pytest.mark.parametrize("name", few_and_long(FILES))
def test_damage_is_said_and_costs_no_other_page_anything(
    home: Path, whole: Path, name: str, damage: Callable[[Path], None]
) -> None:
    shutil.copytree(whole, home)
    path = home / "data" / "set-1" / name
    if path.is_dir():
        make_room(path)
        path.write_bytes(b"")
    damage(path)
    for place in (DATA, FINE_TUNE, RUNS):
        page = open_page(place)
        assert not page.exception
    assert "CIFAR-10 sample" in as_read(texts(open_page(DATA)))
    page = open_page(DATA_SET, set="set-1")
    assert not page.exception
    for tab in ("Photos", "Findings", "Split"):
        page.session_state["data_set_tab"] = tab
        page.run()
        assert not page.exception, page.exception[0].message
    assert not open_page(FINE_TUNE, data="set-1@1").exception
    button(page, "Delete").click()
    page.run()
    assert not page.exception
    assert not stored.all_sets(home), "whatever is wrong with it, it can be deleted"


def test_labels_pass_a_damaged_set_over(home: Path, whole: Path) -> None:
    shutil.copytree(whole, home)
    kept = StoredSet(home / "data" / "set-1")
    assert list(library.Labels()) == ["cifar10_sample", "set-1@1"]
    shutil.rmtree(kept.version(1))
    assert list(library.Labels()) == ["cifar10_sample"]
