"""A system that refuses anything, at any moment: one sentence for the user, and nothing half done is left behind."""

import errno
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core import durable, helper
from core.errors import NotEnoughDiskError, StorageError, TrashError, UnfreezeError
from core.runs import jobs, overview, queue, store, trash, workers
from core.runs.config import FineTuneConfig, LinearFitConfig
from core.runs.events import Stopped
from core.runs.folder import RunFolder
from tests.samples import make_run

CODES = [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO, errno.EMFILE]
_TOUCHED = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.utime", "os.listdir", "os.scandir"}


@dataclass
class Refusal:
    """Lets some calls to the system through, and refuses the next one with an error of this code."""

    home: str = ""
    code: int = 0
    left: int = -1  # calls that are still let through; negative: all of them
    came: bool = False  # whether one was refused

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.left < 0 or event not in _TOUCHED or not self._is_at_home(arguments):
            return
        self.left -= 1
        if self.left < 0:
            raise OSError(self.code, os.strerror(self.code))

    def _is_at_home(self, arguments: tuple[Any, ...]) -> bool:
        named = os.fsdecode(arguments[0]) if isinstance(arguments[0], str | bytes | Path) else ""
        return named.startswith((self.home, ".config.json", ".control"))


REFUSAL = Refusal()
sys.addaudithook(REFUSAL.hook)


@pytest.fixture(autouse=True)
def alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No process is started, and no power cut is to be survived."""
    monkeypatch.setattr(workers, "_spawn", lambda *_, **__: subprocess.Popen(["true"]))
    done: Future[None] = Future()
    done.set_result(None)
    monkeypatch.setattr(helper, "submit", lambda *_, **__: done)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    yield
    REFUSAL.left = -1


def deleted_run(home: Path) -> RunFolder:
    folder = make_run(home, Stopped(step=0))
    trash.delete(home, folder)
    return folder


OPERATIONS: dict[str, tuple[Callable[[Path], RunFolder], Callable[[Path, RunFolder], object]]] = {
    "start": (make_run, lambda home, _: jobs.start(home, FineTuneConfig(device="cpu"))),
    "race": (
        make_run,
        lambda home, _: jobs.race(home, [FineTuneConfig(device="cpu"), FineTuneConfig(device="cpu", mode="full")]),
    ),
    "resume": (make_run, lambda home, folder: jobs.resume(home, folder)),
    "stop": (make_run, lambda home, folder: jobs.stop(folder)),
    "rename": (make_run, lambda home, folder: folder.rename("another")),
    "fit": (make_run, lambda home, _: jobs.start(home, LinearFitConfig())),
    "delete": (make_run, trash.delete),
    "restore": (deleted_run, lambda home, folder: trash.restore(home, folder.id)),
    "empty the trash": (deleted_run, lambda home, _: trash.remove(home, [run.id for run in trash.deleted_runs(home)])),
    "list": (make_run, lambda home, _: list(store.newest(home))),
}


def refusal(home: Path, number: int, code: int, operate: Callable[[], object]) -> str | None:
    """What a user is told where call `number` to the disk is refused; None where nothing is said."""
    REFUSAL.home, REFUSAL.code, REFUSAL.left = str(home), code, number
    try:
        operate()
    except UnfreezeError as error:
        return str(error)
    finally:
        REFUSAL.left, REFUSAL.came = -1, REFUSAL.left < 0
    return None


@pytest.mark.parametrize("name", OPERATIONS)
def test_any_refusal_of_the_disk_is_one_sentence(home: Path, name: str) -> None:
    prepare, operate = OPERATIONS[name]
    messages: list[str] = []
    for number in range(100):
        folder = prepare(home)
        known = len(overview.summaries(home))
        said = refusal(home, number, CODES[number % len(CODES)], partial(operate, home, folder))
        if not REFUSAL.came:
            break  # every call was let through
        if said is not None:
            messages.append(said)
            if name in ("start", "race", "fit"):
                assert len(overview.summaries(home)) == known, "nothing is left behind"
        workers.children()
    else:
        pytest.fail("it never came to an end")
    assert messages
    assert all(message.endswith(".") and "Errno" not in message for message in messages)


@pytest.mark.parametrize("code", [errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENOENT])
def test_process_that_cannot_be_started_is_one_sentence_and_leaves_nothing_behind(
    home: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("UNFREEZE_HOME", str(home))

    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(subprocess, "Popen", refuse)
    workers.prepare()
    assert workers._spare is None, "a server does not end for want of a spare worker"
    with pytest.raises(UnfreezeError, match=f"No process can be started: {os.strerror(code)}"):
        jobs.start(home, FineTuneConfig(device="cpu"))
    assert not os.listdir(home / "runs")
    assert queue.all_alive(home) == []


def test_full_disk_says_what_the_trash_would_free(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_run(home, Stopped(step=0))
    folder.best_checkpoint.write_bytes(b"x" * 2_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1_000))
    with pytest.raises(NotEnoughDiskError, match="Free some space"):
        jobs.check_disk(home, FineTuneConfig())
    trash.delete(home, folder)
    with pytest.raises(
        NotEnoughDiskError, match=r"Deleted runs still take 2 MB: “Delete for good” .* on the page Runs"
    ):
        jobs.check_disk(home, FineTuneConfig())


@pytest.mark.parametrize("place", ["a plain file", "below a plain file", "/proc/x", "read-only"])
def test_home_that_cannot_be_is_named_with_its_reason(
    tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    path = {
        "a plain file": tmp_path / "file",
        "below a plain file": tmp_path / "file" / "home",
        "/proc/x": Path("/proc/x"),
    }.get(place, tmp_path / "home")
    if place == "read-only":  # tests may run as root, whom no mode keeps out

        def refuse(**_: object) -> None:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

        monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(StorageError, match="Unfreeze has no place for its runs") as caught:
        store.check_home(path)
    assert str(path) in str(caught.value)
    assert str(caught.value).endswith(".")


def test_home_of_the_user_is_meant_by_a_tilde(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somebody")
    monkeypatch.setenv("UNFREEZE_HOME", "~/x")
    assert store.home() == Path("/somebody/x")


def test_rename_beside_a_deletion_leaves_nothing_unfinished(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_run(home, Stopped(step=0))
    rename = os.replace

    def delete_first(*arguments: Any, **options: Any) -> None:
        monkeypatch.setattr(os, "replace", rename)
        trash.delete(home, folder)
        rename(*arguments, **options)

    monkeypatch.setattr(os, "replace", delete_first)
    folder.rename("another")
    assert trash.deleted_runs(home)[0].name == "another"
    assert not list((home / "trash").rglob(".config*"))


def test_what_a_killed_rename_has_left_is_cleared_and_one_under_way_is_not(home: Path) -> None:
    folder = make_run(home, Stopped(step=0))
    (folder.path / ".config.json.0123abcd").touch()

    def write(file: Any) -> None:
        file.write(b"{}")
        jobs.resume(home, folder)  # meanwhile, in another tab

    durable.replace_file(folder.path / "renamed", write)
    assert not (folder.path / ".config.json.0123abcd").exists()
    assert (folder.path / "renamed").read_bytes() == b"{}"
    trash.delete(home, deleted := make_run(home, Stopped(step=0)))
    with pytest.raises(TrashError, match="not there any more"):
        trash.delete(home, deleted)
