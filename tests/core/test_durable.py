"""Whole files or none, whoever writes them; and a sentence for whatever a disk refuses."""

import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest
import torch

from core import durable
from core.errors import StorageError, UnfreezeError


def test_whole_files_are_replaced_or_kept(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def fail(file: BinaryIO) -> None:
        file.write(b"half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        durable.replace_file(path, fail)
    assert path.read_text() == "old"
    durable.replace_file(path, lambda file: file.write(b"new"))
    assert path.read_text() == "new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    "write",
    [lambda file: file.write(b"x" * 100), lambda file: torch.save({"weight": torch.zeros(9_999)}, file)],
    ids=["python", "torch"],
)
def test_refusal_of_a_disk_comes_through_whoever_writes(
    write: Callable[[BinaryIO], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch.save says "[enforce fail at inline_container.cc]" where the disk has said that it is full."""

    class Full(io.FileIO):
        def write(self, data: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(durable, "open", lambda path, mode: Full(path, mode), raising=False)
    with pytest.raises(OSError, match="No space left") as caught:
        durable.replace_file(tmp_path / "file", write)
    assert caught.value.errno == errno.ENOSPC
    assert not list(tmp_path.iterdir())


CODES = [code for code in sorted(errno.errorcode) if not isinstance(OSError(code, ""), BlockingIOError)]


@pytest.mark.parametrize("code", CODES)
def test_every_refusal_is_one_sentence_with_a_way_out(code: int, tmp_path: Path) -> None:
    with pytest.raises(StorageError) as caught, durable.said_plainly("The run cannot be started", tmp_path):
        raise OSError(code, os.strerror(code))
    message = str(caught.value)
    assert isinstance(caught.value, UnfreezeError)
    assert message.count(". ") == 1, "what happened, and what to do"
    assert os.strerror(code) in message or "is full" in message or "busy" in message
    assert message.startswith("The run cannot be started: ")
    assert str(tmp_path) in message or code in (errno.EMFILE, errno.ENFILE)
    assert "Errno" not in message
    assert ("is full" in message) == (code in (errno.ENOSPC, errno.EDQUOT))
    assert ("Make it writable" in message) == (code in (errno.EACCES, errno.EPERM, errno.EROFS))


def test_lock_that_is_held_is_no_fault_of_the_disk(tmp_path: Path) -> None:
    with pytest.raises(BlockingIOError), durable.said_plainly("The run cannot be resumed", tmp_path):
        raise BlockingIOError(errno.EWOULDBLOCK, "held")


def test_only_what_was_never_finished_is_cleared(tmp_path: Path) -> None:
    kept = {"config.json", ".hidden", "last.pt", ".config.json.0123", "best.pt.0123abcd"}
    for name in (*kept, ".config.json.0123abcd", ".last.pt.ffffffff"):
        (tmp_path / name).touch()
    durable.clear_unfinished(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == kept


def test_what_a_killed_writer_has_left_goes_with_the_next_writing_of_that_file(tmp_path: Path) -> None:
    def kill_in_writing(name: str) -> None:
        if (child := os.fork()) == 0:
            durable.replace_file(tmp_path / name, lambda file: os._exit(0))
        os.waitpid(child, 0)

    for name in ("config.json", "config.json", "config", "last.pt"):
        kill_in_writing(name)
    assert len(list(tmp_path.iterdir())) == 4 - 1, "the second has removed what the first has left"

    def write_beside_another(file: BinaryIO) -> None:
        durable.replace_file(tmp_path / "config.json", lambda other: other.write(b"other"))
        file.write(b"whole")

    durable.replace_file(tmp_path / "config.json", write_beside_another)
    assert (tmp_path / "config.json").read_bytes() == b"whole", "what is being written is not removed"
    left = sorted(path.name.rpartition(".")[0] for path in tmp_path.iterdir())
    assert left == [".config", ".last.pt", "config"]
