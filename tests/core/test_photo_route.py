"""What the server answers to an address of photos: a picture that never changes, or that there is none."""

import io
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.routing import Route

from core.data import library, stored
from core.data.dataset import DataSet
from core.data.photo_route import PATH, send_photos
from core.errors import DataSetError
from tests.asynchronous import complete
from tests.folders import class_folders, packed

APP = Starlette(routes=[Route(f"/lab/{PATH}", send_photos)])


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def size(self) -> tuple[int, int]:
        with Image.open(io.BytesIO(self.body)) as picture:
            return picture.size


def get(path: str, method: str = "GET", **query: object) -> Answer:
    """What is answered to an address below /lab/photos/, as a server hands it over."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": urllib.parse.unquote(f"/lab/photos/{path}"),
        "query_string": urllib.parse.urlencode(query).encode(),
        "headers": [],
    }
    complete(APP, scope, receive, send)
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:]))


@pytest.fixture
def version(tiny_data: DataSet) -> str:
    return tiny_data.manifest.content


def test_a_page_of_photos_is_one_picture_that_may_be_kept(version: str) -> None:
    answer = get("cifar10_sample/12-59", v=version)
    assert answer.status == 200
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.size == (8 * 112, 6 * 112)
    assert get("cifar10_sample/12-59", "HEAD", v=version).status == 200


def test_size_and_ground_are_those_of_the_address(version: str) -> None:
    answer = get("cifar10_sample/1,5,9", v=version, size=50, ground="ff0000")
    assert answer.size == (150, 50)
    with Image.open(io.BytesIO(answer.body)) as picture:
        red, green, blue = picture.convert("RGB").getpixel((0, 0))  # type: ignore[misc]
    assert red > 230
    assert green < 25 > blue
    assert get("cifar10_sample/3", v=version, size=1024).size == (1024, 1024)


STRANGE_KEYS = [
    "..",
    "%2e%2e",
    "%2e%2e%2fetc",
    "..%5c",
    ".",
    "",
    "CIFAR10_SAMPLE",
    "a" * 41,
    "%00",
    "nowhere",
    "set-3@2",
]
STRANGE_KEYS += ["cifar10_sample%2f..", "cifar10_sample%0a", "é", "a b", "__class__", "../cifar10_sample"]


@pytest.mark.parametrize("key", STRANGE_KEYS)
def test_other_keys_name_no_data_set(version: str, key: str) -> None:
    answer = get(f"{key}/1", v=version)
    assert answer.status == 404
    assert answer.headers["content-type"].startswith("text/plain")


STRANGE_ROWS = [
    "80",
    "79-80",
    "999999999",
    "0-200",
    "-1",
    "2-1",
    "x",
    "%2e%2e",
    "1,,2",
    "1%00",
    "٣",
    ",".join(["1"] * 201),
]


@pytest.mark.parametrize("rows", STRANGE_ROWS)
def test_rows_that_there_are_not_are_not_found(version: str, rows: str) -> None:
    answer = get(f"cifar10_sample/{rows}", v=version)
    assert answer.status == 404
    assert answer.headers["cache-control"] == "no-store"
    assert answer.body == b"There are no such photos. Reload the page."


@pytest.mark.parametrize("size", ["", "0", "15", "1025", "-64", "6e1", "99999", "64 ", "٦٤"])
def test_sizes_that_no_page_asks_for_are_not_found(version: str, size: str) -> None:
    assert get("cifar10_sample/1", v=version, size=size).status == 404


@pytest.mark.parametrize("ground", ["", "fff", "FFFFFF", "f2f6f9ff", "url(x)", "#f2f6f"])
def test_colours_that_no_page_asks_for_are_not_found(version: str, ground: str) -> None:
    assert get("cifar10_sample/1", v=version, ground=ground).status == 404


def test_too_many_large_photos_are_not_drawn(version: str) -> None:
    assert get("cifar10_sample/0-15", v=version, size=1024).status == 200
    assert get("cifar10_sample/0-16", v=version, size=1024).status == 404


def test_photos_of_another_version_are_not_shown_in_place_of_those_asked_for(version: str) -> None:
    assert get("cifar10_sample/1", v="0" * 64).status == 404
    assert get("cifar10_sample/1").status == 404
    assert get("cifar10_sample/1", v=version).status == 200


def test_photos_that_were_deleted_for_good_are_sent_no_more(home: Path, tmp_path: Path) -> None:
    made = packed(home, class_folders(tmp_path / "pets", each=2), size=32)
    asked = f"{stored.key_of(made.id, 1)}/0-3"
    version = library.load(stored.key_of(made.id, 1)).manifest.content
    assert get(asked, v=version).status == 200
    stored.delete(home, made)
    assert get(asked, v=version).status == 404
    stored.remove(home, [made.id])
    library.forget()
    assert get(asked, v=version).status == 404
    if (maps := Path("/proc/self/maps")).exists():
        assert str(home) not in maps.read_text(), "its room on the disk is free"


@pytest.mark.parametrize("error", [DataSetError("damaged"), OSError("the disk refuses"), KeyError("set-3@2")])
def test_a_data_set_that_cannot_be_read_is_not_found(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def find(_: str) -> DataSet:
        raise error

    monkeypatch.setattr("core.data.library.load", find)
    answer = get("set-3@2/1", v="x")
    assert (answer.status, answer.body) == (404, b"There are no such photos. Reload the page.")


def test_other_methods_are_refused(version: str) -> None:
    assert get("cifar10_sample/1", "POST", v=version).status == 405
