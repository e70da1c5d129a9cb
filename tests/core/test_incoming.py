"""Dropped files on their way to the disk: whole or not at all, whatever they are called and however they come."""

import errno
import os
import shutil
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import anyio
import pytest

from core import drop_index, incoming
from core.errors import DropFullError, DropNotFoundError, NoRoomForUploadError, UploadRefusedError
from core.incoming import Incoming
from tests.asynchronous import complete
from tests.names import NAMES


async def pieces(chunks: Iterable[bytes | Exception]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        await anyio.sleep(0)
        if isinstance(chunk, Exception):
            raise chunk
        yield chunk


def take(
    home: Path, token: str, *chunks: bytes | Exception, name: str = "a.jpg", slot: str = "x", length: int | None = None
) -> Incoming:
    async def run() -> Incoming:
        return await incoming.receive(home, token, slot, name, length, pieces(chunks))

    return complete(run)


def left(home: Path) -> set[str]:
    """Every file below the home, but for indexes."""
    return {path.name for path in home.rglob("*") if path.is_file() and path.name != drop_index.NAME}


@pytest.fixture
def token(home: Path) -> str:
    return incoming.new_drop(home)


def test_files_lie_under_numbers_in_the_order_in_which_they_came(home: Path, token: str) -> None:
    first = take(home, token, b"ab", b"", b"c", name="cats/1.jpg", slot="class-1", length=3)
    second = take(home, token, name="empty", slot="class-2")
    assert incoming.files(home, token) == [first, second]
    assert (first.id, first.name, first.num_bytes, first.slot) == ("000001", "cats/1.jpg", 3, "class-1")
    assert (second.id, second.num_bytes, second.slot) == ("000002", 0, "class-2")
    assert first.path.read_bytes() == b"abc"
    assert first.path.parent.parent == home / "incoming"


def test_large_file_is_written_as_it_comes(home: Path, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    write = incoming._write

    def count(file, gathered, folder) -> None:
        sizes.append(sum(map(len, gathered)))
        write(file, gathered, folder)

    monkeypatch.setattr(incoming, "_write", count)
    chunk = os.urandom(2**16)
    file = take(home, token, *[chunk] * 50, length=50 * 2**16)
    assert file.path.read_bytes() == chunk * 50
    assert sizes == [2**20, 2**20, 2**20, 2 * 2**16]


@pytest.mark.parametrize("cause", [ConnectionError("gone"), MemoryError(), TimeoutError()])
def test_upload_that_is_cut_off_leaves_nothing(home: Path, token: str, cause: Exception) -> None:
    with pytest.raises(type(cause)):
        take(home, token, b"x" * 2**21, cause)
    assert incoming.files(home, token) == []
    assert left(home) == set()


@pytest.mark.parametrize("length", [2, 4])
def test_file_that_is_not_what_was_announced_is_refused(home: Path, token: str, length: int) -> None:
    with pytest.raises(UploadRefusedError, match=r"a\.jpg did not come whole"):
        take(home, token, b"abc", length=length)
    assert left(home) == set()


def test_cancelled_upload_leaves_nothing(home: Path, token: str) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 2**20

    async def run() -> None:
        with anyio.move_on_after(0.2) as scope:
            await incoming.receive(home, token, "x", "a.jpg", None, endless())
        assert scope.cancelled_caught

    complete(run)
    assert left(home) == set()


@pytest.mark.parametrize("name", [*NAMES, "../../etc/passwd", "/etc/passwd", "a/" * 3_000, "\ud800.jpg"])
def test_name_is_data_and_never_becomes_a_path(home: Path, token: str, name: str) -> None:
    file = take(home, token, b"x", name=name)
    assert incoming.files(home, token) == [file]
    assert left(home) == {"000001"}
    assert name.replace("\ud800", "?").endswith(file.name) or len(max(name.split("/"), key=len)) > 255
    assert len(file.name) <= 4_096


def test_each_part_of_an_endless_name_keeps_its_end(home: Path, token: str) -> None:
    assert take(home, token, name="c" * 300 + "/" + "x" * 300 + ".jpg").name == "c" * 255 + "/" + "x" * 251 + ".jpg"


TOKENS = ["", ".", "..", "../..", "a" * 31, "a" * 33, "A" * 32, "g" * 32]
TOKENS += ["a" * 32 + "\n", "\x00" * 32, "../" + "a" * 29]


@pytest.mark.parametrize("token", [*TOKENS, "a" * 32])
def test_malformed_and_unknown_tokens_find_and_touch_nothing(home: Path, token: str) -> None:
    other = incoming.new_drop(home)
    take(home, other, b"x")
    before = sorted(home.rglob("*"))
    assert incoming.files(home, token) == []
    incoming.remove(home, token, "000001", "..")
    incoming.discard(home, token)
    with pytest.raises(DropNotFoundError):
        take(home, token, b"x")
    assert sorted(home.rglob("*")) == before


@pytest.mark.parametrize("slot", ["", "A", "a" * 41, "a/b", "..", "a\n", "ä"])
def test_malformed_slots_are_refused(home: Path, token: str, slot: str) -> None:
    with pytest.raises(DropNotFoundError):
        take(home, token, b"x", slot=slot)
    assert left(home) == set()


def test_removed_file_is_gone_and_its_number_is_not_given_again(home: Path, token: str) -> None:
    first, second = take(home, token, b"1"), take(home, token, b"2")
    for _ in range(2):
        incoming.remove(home, token, second.id, "999999", "../x", drop_index.NAME)
    assert incoming.files(home, token) == [first]
    assert take(home, token, b"3").id == "000003"
    incoming.discard(home, token)
    incoming.discard(home, token)
    assert incoming.files(home, token) == []
    assert list((home / "incoming").iterdir()) == []


def test_drop_that_goes_meanwhile_takes_what_is_on_its_way_along(home: Path, token: str) -> None:
    async def run() -> None:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"x" * 2**20
            incoming.discard(home, token)
            yield b"x" * 2**20
            raise AssertionError("it should not ask for more")

        await incoming.receive(home, token, "x", "a.jpg", None, chunks())

    with pytest.raises(DropNotFoundError, match="not there any more"):
        complete(run)
    assert list((home / "incoming").iterdir()) == []


def test_files_that_come_at_once_do_not_disturb_each_other(home: Path, token: str) -> None:
    async def run() -> None:
        async with anyio.create_task_group() as group:
            for index in range(40):
                chunks = pieces([str(index).encode()] * 3)
                group.start_soon(incoming.receive, home, token, f"slot-{index % 3}", f"{index}.jpg", None, chunks)

    complete(run)
    files = incoming.files(home, token)
    assert [file.id for file in files] == [f"{number:06d}" for number in range(1, 41)]
    assert {file.name: file.path.read_text() for file in files} == {f"{n}.jpg": str(n) * 3 for n in range(40)}


def test_file_that_is_too_large_is_refused_before_it_comes_and_while_it_does(
    home: Path, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incoming, "MAX_FILE_BYTES", 2_000_000)
    for length in (2_000_001, None):
        with pytest.raises(UploadRefusedError, match=r"a\.jpg is too large: a file may have at most 2 MB"):
            take(home, token, b"x" * 2_000_001, length=length)
    assert left(home) == set()


def test_full_drop_takes_no_more_until_something_is_removed(
    home: Path, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incoming, "MAX_FILES", 2)
    first, _ = take(home, token), take(home, token)
    with pytest.raises(DropFullError, match="At most 2 files"):
        take(home, token)
    incoming.remove(home, token, first.id)
    assert take(home, token).id == "000003"


def test_disk_keeps_some_room_for_the_runs(home: Path, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(home)
    for free, length in ((10**9 + 2, 3), (10**9 - 1, None)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: usage._replace(free=free))
        with pytest.raises(NoRoomForUploadError, match=r"Free some space"):
            take(home, token, b"abc", length=length)
    assert left(home) == set()


def test_disk_that_fills_up_refuses_in_a_sentence(home: Path, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NoRoomForUploadError, match=r"The file cannot be kept: the disk of .* is full\. Free"):
        take(home, token, b"abc")
    assert left(home) == set()


def test_index_that_is_damaged_costs_the_damaged_lines_alone(home: Path, token: str) -> None:
    first = take(home, token, b"1")
    index = first.path.with_name(drop_index.NAME)
    with open(index, "ab") as file:
        file.write(b'{"id": "000001"}\n[]\n{"id": "../../x", "name": "", "bytes": 1, "slot": "x"}\n\xff\n{"id": "0000')
    (first.path.parent / "000002").write_text("a crash has kept this file, and not its line")
    second = take(home, token, b"2")
    assert incoming.files(home, token) == [first, second]
    assert second.path.read_bytes() == b"2"


def test_purge_removes_what_nobody_has_touched_for_long(home: Path, token: str) -> None:
    old, half = incoming.new_drop(home), home / "incoming" / ".going-x"
    take(home, token, b"x")
    file = take(home, old, b"x")
    half.mkdir()
    (home / "incoming" / "notes").mkdir()
    for path in (file.path, file.path.with_name(drop_index.NAME), file.path.parent, home / "incoming" / token):
        os.utime(path, (1_000, 1_000))
    incoming.purge(home, older_than_s=3_600)
    assert {path.name for path in (home / "incoming").iterdir()} == {token, "notes"}
    incoming.purge(home / "nowhere", older_than_s=0)
