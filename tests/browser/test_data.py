"""A visitor's own photos in a real browser: typed, dropped and made class by class, corrected, and trained on."""

import io
import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.data import stored
from core.data.pack import open_pack
from core.data.sources.tables import is_table
from tests.browser.conftest import Server
from tests.conftest import wait_until
from tests.folders import class_folders, jpeg, write

pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
def no_sets_of_earlier_tests(server: Server) -> None:
    for kept in stored.all_sets(server.home):
        stored.delete(server.home, kept)
        stored.remove(server.home, [kept.id])


def open_data(page: Page, server: Server, way: str = "") -> None:
    page.goto(f"{server.url}data")
    expect(page.get_by_role("heading", name="Data", level=1)).to_be_visible()
    if way:
        page.get_by_role("radio", name=way).or_(page.get_by_role("button", name=way, exact=True)).first.click()


def make(page: Page, photos: int) -> None:
    """Make what the form says, and wait for its photos."""
    page.get_by_role("button", name="Make the data set").click()
    expect(page.get_by_text(f"{photos} photos of 2 classes.")).to_be_visible(timeout=60_000)
    expect(page.locator(".photo-sheet-tile")).to_have_count(photos)


def drop_on(page: Page, zone: int, files: dict[str, bytes]) -> None:
    """Choose files for one of the page's drop zones, and wait until they have arrived."""
    payload = [{"name": name, "mimeType": "", "buffer": data} for name, data in files.items()]
    page.locator(".drop-zone").nth(zone).locator("input[type=file]").first.set_input_files(payload)  # type: ignore[arg-type]


def test_typed_folder_goes_to_a_finished_run(page: Page, server: Server, tmp_path: Path) -> None:
    root = class_folders(tmp_path / "pets", each=10)
    open_data(page, server)
    page.get_by_role("textbox", name="Folder, zip or tar file").fill(str(root))
    page.keyboard.press("Enter")
    expect(page.get_by_text("2 classes from folder names.")).to_be_visible(timeout=60_000)
    make(page, 20)
    page.get_by_role("button", name="Fine-tune on it").click()
    expect(page.get_by_text("Classes: cat, dog.")).to_be_visible()
    page.get_by_text("Settings", exact=True).click()
    for label, value in (("Epochs", 2), ("Image size", 32)):
        page.get_by_label(label, exact=True).fill(str(value))
        page.keyboard.press("Enter")
    expect(page.get_by_text("2 epochs · ")).to_be_visible()
    page.get_by_role("button", name="Start fine-tuning").click()
    expect(page.get_by_text(re.compile("of the 4 test photos are recognised"))).to_be_visible(timeout=90_000)


def test_dropped_zip_becomes_a_set_and_photos_are_left_out_and_back(page: Page, server: Server) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        for number in range(20):
            made.writestr(f"pets/{'cat' if number % 2 else 'dog'}/{number}.jpg", jpeg(number))
    open_data(page, server, "Drop files")
    drop_on(page, 0, {"pets.zip": archive.getvalue()})
    expect(page.get_by_text("2 classes from folder names.")).to_be_visible(timeout=60_000)
    make(page, 20)
    (kept,) = stored.all_sets(server.home)
    left = [path.name for path in (server.home / "incoming").rglob("*") if re.fullmatch("[0-9]{6}", path.name)]
    assert not left, "what was dropped belongs to the set now"

    tiles = page.locator(".photo-sheet-tile")
    tiles.nth(0).click()
    tiles.nth(2).click(modifiers=["Shift"])
    expect(page.get_by_text("3 photos selected")).to_be_visible()
    page.get_by_role("button", name="Leave out").click()
    expect(page.get_by_text("1 change so far. The last: 3 photos left out.")).to_be_visible()
    expect(page.locator(".photo-sheet-mark:not(:empty)")).to_have_count(3)
    wait_until(lambda: len(kept.overlay.edits()) == 1)
    page.get_by_role("button", name="Undo the last change").click()
    expect(page.get_by_text("1 change so far")).to_be_hidden()
    assert not kept.overlay.edits()

    tiles.nth(1).dblclick()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_table_beside_photos_is_read(page: Page, server: Server, tmp_path: Path) -> None:
    files = {f"all/{number}.jpg": jpeg(number) for number in range(20)}
    rows = [
        f"{number}.jpg;{'cat' if number % 2 else 'dog'};{'test' if number > 15 else 'train'}" for number in range(20)
    ]
    root = write(
        tmp_path / "table", {**files, "labels.csv": "\n".join(["image;label;split", *rows]).encode("utf-8-sig")}
    )
    assert is_table("labels.csv")
    open_data(page, server)
    page.get_by_role("textbox", name="Folder, zip or tar file").fill(f'"{root}"')
    page.keyboard.press("Enter")
    expect(page.get_by_text("2 classes from the column “label” of labels.csv").first).to_be_visible(timeout=60_000)
    make(page, 20)
    (kept,) = stored.all_sets(server.home)
    assert len(open_pack(kept.version(1)).manifest.rows("test")) == 4


def test_set_is_made_class_by_class(page: Page, server: Server) -> None:
    open_data(page, server, "By class")
    for index, name in enumerate(("sunny", "=rainy")):
        page.get_by_label("Class", exact=True).nth(index).fill(name)
        page.keyboard.press("Enter")
        drop_on(page, index, {f"{number}.jpg": jpeg(100 * index + number) for number in range(6)})
        expect(page.get_by_text("6 files are here")).to_have_count(index + 1)
    make(page, 12)
    expect(page.get_by_role("heading", name="=rainy and sunny")).to_be_visible()


def test_refused_drop_says_why(page: Page, server: Server) -> None:
    open_data(page, server, "Drop files")
    drop_on(page, 0, {"words.zip": b"no archive"})
    expect(page.get_by_text("words.zip is no zip or tar archive that can be read")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Remove all").click()
    expect(page.get_by_text("words.zip is no zip")).to_be_hidden()


@pytest.mark.long
def test_set_that_is_deleted_can_be_taken_back(page: Page, server: Server, tmp_path: Path) -> None:
    root = class_folders(tmp_path / "pets", each=4)
    open_data(page, server)
    page.get_by_role("textbox", name="Folder, zip or tar file").fill(str(root))
    page.keyboard.press("Enter")
    expect(page.get_by_text("2 classes from folder names.")).to_be_visible(timeout=60_000)
    make(page, 8)
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("Deleted “pets”. Its runs stay.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("8 photos of 2 classes.")).to_be_visible()
