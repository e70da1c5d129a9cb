"""A zone to drop files on: they go to the disk with their folders, while the page lives on, and refusals are said."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, Route, expect

from core import incoming
from core.drop_index import Incoming
from tests.browser.conftest import FLAGS, Server, drop_on_zone, find_chromium
from tests.conftest import ROOT, wait_until
from tests.names import NAMES

pytestmark = pytest.mark.browser


class ZoneServer(Server):
    """The dashboard with a page of drop zones in place of its own."""

    def _command(self) -> list[str]:
        (self.folder / "pages").mkdir(exist_ok=True)
        shutil.copy(ROOT / "dashboard.py", self.folder)
        shutil.copy(ROOT / "tests" / "browser" / "zone_page.py", self.folder / "pages" / "shell.py")
        shutil.copytree(ROOT / ".streamlit", self.folder / ".streamlit", dirs_exist_ok=True)
        self.settings["PYTHONPATH"] = str(ROOT)
        command = ["streamlit", "run", "dashboard.py", "--server.headless", "true", "--server.port", str(self.port)]
        return [*command, "--server.baseUrlPath", self.base.strip("/")]


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("zones")
    started = ZoneServer(folder / "home", folder=folder, base="lab/")
    old = started.home / "incoming" / incoming.new_drop(started.home)
    os.utime(old, (1_000, 1_000))
    started.start()
    wait_until(lambda: not old.exists())  # what was dropped and left alone goes with the next start
    yield started
    started.kill()


@pytest.fixture
def page(page: Page) -> Page:
    expect(page.get_by_role("group", name="Archive")).to_be_visible(timeout=30_000)
    return page


def token_of(page: Page) -> str:
    return page.get_by_text("Token ").inner_text().split()[1]


def arrived(server: Server, page: Page) -> list[Incoming]:
    return incoming.files(server.home, token_of(page))


def zone(page: Page, label: str = "Photos") -> Locator:
    return page.get_by_role("group", name=label)


def drag_in(page: Page, target: Locator, paths: list[Path]) -> None:
    """Drop what lies on this computer, folders included, as a person does: no script can make a folder's entry."""
    box = target.bounding_box()
    assert box is not None
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        data = {"items": [], "files": list(map(str, paths)), "dragOperationsMask": 1}
        at = {"x": box["x"] + box["width"] - 5, "y": box["y"] + 5}
        session.send("Input.dispatchDragEvent", {"type": kind, **at, "data": data})


def slow_down(page: Page, bytes_per_s: int) -> None:
    """Let no more than that be sent; -1 for as much as there is."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_s}
    session.send("Network.emulateNetworkConditions", limits)


def folder_of(path: Path, names: list[str]) -> Path:
    for name in names:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(name)
    return path


def test_dropped_files_arrive_under_their_names_whatever_these_are(page: Page, server: Server) -> None:
    files = {name: f"{number}".encode() for number, name in enumerate(NAMES)}
    drop_on_zone(page, "photos", files)
    expect(zone(page).get_by_role("status")).to_have_text(
        f"{len(files)} files are here, {sum(map(len, files.values()))} bytes"
    )
    told = page.evaluate("names => names.map(name => new File([], name).name)", list(files))
    found = {file.path.read_bytes(): file.name for file in arrived(server, page)}
    assert found == {contents: name[-255:] for name, contents in zip(told, files.values(), strict=True)}
    assert {file.slot for file in arrived(server, page)} == {"photos"}
    expect(page.get_by_text("photos: a@b.c, ")).to_be_visible()


def test_page_is_not_drawn_anew_for_each_of_many_files(page: Page, server: Server) -> None:
    drop_on_zone(page, "photos", {f"{number}.jpg": b"x" for number in range(200)})
    expect(page.get_by_text("200 files are here")).to_be_visible()
    assert int(page.get_by_text("Drawn ").inner_text().split()[1]) < 50


@pytest.mark.parametrize("how", ["dropped", "chosen"])
def test_folder_brings_all_of_its_files_with_the_folders_that_they_were_in(
    page: Page, server: Server, tmp_path: Path, how: str
) -> None:
    names = [*(f"cats/{number}.jpg" for number in range(130)), "dogs/a/b/ä.jpg", "top.txt"]
    folder = folder_of(tmp_path / "pets", names)
    if how == "dropped":
        drag_in(page, zone(page).locator(".drop-zone-area"), [folder])
    else:
        with page.expect_file_chooser() as chooser:
            zone(page).get_by_role("button", name="Browse a folder").press("Enter")
        chooser.value.set_files(folder)
    expect(page.get_by_text("132 files are here")).to_be_visible()
    found = {file.name: file.path.read_text() for file in arrived(server, page)}
    assert found == {f"pets/{name}": name for name in names}


def test_files_are_chosen_by_keyboard(page: Page, server: Server, tmp_path: Path) -> None:
    with page.expect_file_chooser() as chooser:
        zone(page).get_by_role("button", name="Browse files").press("Enter")
    assert chooser.value.is_multiple()
    folder = folder_of(tmp_path, ["1.jpg", "2.jpg"])
    chooser.value.set_files([folder / "1.jpg", folder / "2.jpg"])
    expect(page.get_by_text("2 files are here, 10 bytes")).to_be_visible()


def test_zone_for_one_file_takes_the_latest_and_only_what_it_is_for(page: Page, server: Server) -> None:
    archive = zone(page, "Archive")
    drop_on_zone(page, "archive", {"<img src=x onerror=alert(1)>.TXT": b"x"})
    expect(archive.get_by_role("alert")).to_have_text(
        "\u2068<img src=x onerror=alert(1)>.TXT\u2069 was left out: only .zip, .tar is taken here."
    )
    drop_on_zone(page, "archive", {"1.zip": b"x"})
    expect(page.get_by_text("archive: 1.zip, 1 bytes")).to_be_visible()
    expect(archive.get_by_role("alert")).to_be_hidden()
    drop_on_zone(page, "archive", {"2.ZIP": b"xy", "3.zip": b"xyz"})
    expect(page.get_by_text("archive: 2.ZIP, 2 bytes")).to_be_visible()
    expect(archive.get_by_role("alert")).to_have_text("Only one file is taken here: the first one.")
    assert [file.name for file in arrived(server, page)] == ["2.ZIP"]


def test_refusal_that_would_be_the_same_for_every_file_is_said_once(page: Page, server: Server) -> None:
    incoming.discard(server.home, token_of(page))
    drop_on_zone(page, "photos", {f"{number}.jpg": b"x" for number in range(50)})
    said = zone(page).get_by_role("alert").get_by_role("listitem")
    expect(said.filter(has_text="What the file was dropped on is not there any more. Reload the page")).to_have_count(1)
    expect(said.filter(has_text="more files were not sent")).to_have_count(1)
    expect(zone(page).get_by_role("button", name="Cancel")).to_be_hidden()


def test_server_is_asked_about_a_large_file_before_it_is_sent(page: Page, server: Server) -> None:
    incoming.discard(server.home, token_of(page))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/incoming/" in request.url else None)
    page.evaluate(
        """() => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(20e6)], "large.jpg"));
            document.querySelector(".drop-zone-area").dispatchEvent(new DragEvent("drop", {dataTransfer: transfer}));
        }"""
    )
    expect(zone(page).get_by_role("alert")).to_contain_text("not there any more")
    assert len(asked) == 1
    assert asked[0].endswith("?name=large.jpg&bytes=20000000")


def test_small_files_after_one_that_is_refused_are_sent_again(page: Page, server: Server) -> None:
    sent: list[str] = []

    def answer(route: Route) -> None:
        sent.append((route.request.post_data_buffer or b"").split(b"\n")[0].decode())
        refusal = {"problem": "2.jpg is too large.", "taken": 2}
        route.fulfill(status=413, json=refusal) if len(sent) == 1 else route.continue_()

    page.route("**/many", answer)
    drop_on_zone(page, "photos", {f"{number}.jpg": b"x" for number in range(5)})
    expect(page.get_by_text("2 files are here")).to_be_visible()
    assert [[name for name, _ in json.loads(line)] for line in sent] == [
        ["0.jpg", "1.jpg", "2.jpg", "3.jpg", "4.jpg"],
        ["3.jpg", "4.jpg"],
    ]
    assert sorted(file.name for file in arrived(server, page)) == ["3.jpg", "4.jpg"]
    expect(zone(page).get_by_role("alert")).to_have_text("2.jpg is too large.")


def test_lost_connection_is_said(page: Page, server: Server) -> None:
    page.route("**/incoming/**", lambda route: route.abort())
    drop_on_zone(page, "photos", {"a.jpg": b"x"})
    expect(zone(page).get_by_role("alert")).to_contain_text("was not sent: it cannot be read any more, or the server")
    drop_on_zone(page, "photos", {"a.jpg": b"x", "b.jpg": b"x"})
    expect(zone(page).get_by_role("alert")).to_contain_text("2 files may be missing: the server does not")
    assert arrived(server, page) == []


@pytest.mark.long
def test_cancel_keeps_what_has_arrived_and_leaves_nothing_half(page: Page, server: Server) -> None:
    drop_on_zone(page, "photos", {"first.jpg": b"x"})
    expect(page.get_by_text("1 file is here")).to_be_visible()
    slow_down(page, 100_000)
    drop_on_zone(page, "photos", {f"{number}.jpg": os.urandom(2_000_000) for number in range(5)})
    expect(page.get_by_text("0 of 5 files")).to_be_visible()
    folder = server.home / "incoming" / token_of(page)
    wait_until(lambda: len(os.listdir(folder)) == 5)  # the first, the index, and three on their way
    zone(page).get_by_role("button", name="Cancel").click()
    expect(zone(page).get_by_role("button", name="Cancel")).to_be_hidden()
    wait_until(lambda: len(os.listdir(folder)) == 2)
    expect(zone(page).get_by_role("alert")).to_be_hidden()
    assert [file.name for file in arrived(server, page)] == ["first.jpg"]
    slow_down(page, -1)
    drop_on_zone(page, "photos", {"last.jpg": b"x"})
    expect(page.get_by_text("2 files are here")).to_be_visible()


@pytest.mark.long
def test_uploads_go_on_where_the_page_draws_the_zone_at_another_place_and_end_where_it_does_not(
    page: Page, server: Server
) -> None:
    slow_down(page, 400_000)
    drop_on_zone(page, "photos", {f"{number}.jpg": os.urandom(150_000) for number in range(6)})
    expect(page.get_by_text("of 6 files")).to_be_visible()
    page.get_by_text("Something above").click()
    expect(page.get_by_text("Something", exact=True)).to_be_visible()
    slow_down(page, -1)
    expect(page.get_by_text("6 files are here, 900 kB")).to_be_visible()
    slow_down(page, 100_000)
    drop_on_zone(page, "photos", {f"{number}.jpg": os.urandom(2_000_000) for number in range(6)})
    folder = server.home / "incoming" / token_of(page)
    wait_until(lambda: len(os.listdir(folder)) == 10)
    page.get_by_text("Without zones").click()
    wait_until(lambda: len(os.listdir(folder)) == 7)
    slow_down(page, -1)
    page.get_by_text("Without zones").click()
    expect(page.get_by_text("6 files are here")).to_be_visible()


def test_computer_without_a_camera_is_told_so(page: Page) -> None:
    zone(page).get_by_role("button", name="Take photos").click()
    expect(zone(page).get_by_role("alert")).to_contain_text("amera")
    expect(zone(page).get_by_role("button", name="Take photos")).to_be_enabled()


@pytest.mark.long
def test_camera_takes_a_photo_for_a_click_and_several_while_the_button_is_held(
    browser: Browser, server: Server
) -> None:
    flags = [*FLAGS, "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    chromium = browser.browser_type.launch(executable_path=find_chromium(), headless=True, args=flags)
    page = chromium.new_page()
    page.goto(server.url)
    zone(page).get_by_role("button", name="Take photos").click()
    page.wait_for_function("document.querySelector('video')?.videoWidth > 0")
    stream = page.evaluate_handle("document.querySelector('video').srcObject")
    capture = zone(page).get_by_role("button", name="Capture")
    capture.press("Enter")
    expect(page.get_by_text("1 photo taken")).to_be_visible()
    capture.hover()
    page.mouse.down()
    expect(page.get_by_text("4 photos taken")).to_be_visible()
    page.mouse.up()
    taken = int(page.get_by_text("photos taken").inner_text().split()[0])
    expect(page.get_by_text(f"{taken} files are here")).to_be_visible()
    zone(page).get_by_role("button", name="Close the camera").click()
    expect(page.locator("video")).to_have_count(0)
    assert stream.evaluate("stream => stream.getTracks().map(track => track.readyState)") == ["ended"]
    files = arrived(server, page)
    assert sorted(file.name for file in files) == [f"photo-{number:04d}.jpg" for number in range(1, taken + 1)]
    for file in files:
        with Image.open(file.path) as photo:
            assert (photo.format, photo.size) == ("JPEG", (640, 480))
    chromium.close()
