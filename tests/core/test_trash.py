"""Deleting with a way back."""

import os
import time
from pathlib import Path

import pytest

from core.errors import RunNotFoundError, TrashError
from core.runs import locks, overview, store, trash
from core.runs.config import FineTuneConfig
from core.runs.folder import RunFolder

DAY_S = 24 * 3600.0


def make_run(home: Path, name: str = "mine") -> RunFolder:
    folder = store.new_folder(home)
    folder.write_description(FineTuneConfig(), name=name, created=0.0, queue="cpu")
    (folder.checkpoints / "last-00000001.pt").write_bytes(b"x" * 1_000)
    return folder


def contents(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def test_deleted_run_is_gone_and_comes_back_as_it_was(home: Path) -> None:
    folder = make_run(home)
    folder.lock.touch()
    before = contents(folder.path)
    trash.delete(home, folder)
    assert overview.summaries(home) == []
    with pytest.raises(RunNotFoundError):
        store.find(home, folder.id)
    [deleted] = trash.deleted_runs(home)
    assert (deleted.id, deleted.name) == (folder.id, "mine")
    assert deleted.size_bytes == sum(map(len, before.values()))
    assert abs(deleted.deleted - time.time()) < 60

    assert trash.restore(home, folder.id) == folder
    assert contents(folder.path) == before
    assert trash.deleted_runs(home) == []


def test_live_run_is_not_deleted(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trash, "_LET_GO_S", 0.0)
    folder = make_run(home)
    lock = locks.hold(folder.lock)
    with pytest.raises(TrashError, match="“mine” is still training"):
        trash.delete(home, folder)
    assert [summary.id for summary in overview.summaries(home)] == [folder.id]
    os.close(lock)


def test_nobody_can_take_a_run_while_it_is_moved(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_run(home)
    rename = os.rename

    def checked_rename(source: Path, target: Path) -> None:
        with pytest.raises(BlockingIOError):
            locks.hold(folder.lock)
        rename(source, target)

    monkeypatch.setattr(os, "rename", checked_rename)
    trash.delete(home, folder)
    assert not locks.is_held(home / "trash" / folder.id / "lock")


def test_run_that_cannot_be_read_can_be_deleted_and_restored(home: Path) -> None:
    folder = make_run(home)
    (folder.path / "config.json").write_text("not JSON")
    trash.delete(home, folder)
    assert trash.deleted_runs(home)[0].name == folder.id
    trash.restore(home, folder.id)
    assert [summary.id for summary in overview.summaries(home)] == [folder.id]


def test_what_is_not_there_is_said_to_be_not_there(home: Path) -> None:
    folder = make_run(home)
    trash.delete(home, folder)
    with pytest.raises(TrashError, match="not there any more"):
        trash.delete(home, folder)
    for run_id in ("", ".", "..", "../runs", "20260101-000000-abcdef"):
        with pytest.raises(TrashError, match="not in the trash"):
            trash.restore(home, run_id)


def test_disk_that_refuses_is_named(home: Path) -> None:
    folder = make_run(home)
    trash.delete(home, folder)
    folder.path.mkdir()
    (folder.path / "in the way").touch()
    with pytest.raises(TrashError, match=r"cannot be restored: something is in the way .*Directory not empty"):
        trash.restore(home, folder.id)
    (home / "file").touch()
    with pytest.raises(TrashError, match=r"cannot be deleted: .*Not a directory"):
        trash.delete(home / "file", folder)


def test_purge_removes_only_what_was_deleted_long_ago(home: Path) -> None:
    old, new = make_run(home, "old"), make_run(home, "new")
    for folder in (old, new):
        os.utime(folder.path, (0, 0))  # how long ago it was made is of no account
        trash.delete(home, folder)
    long_ago = time.time() - 8 * DAY_S
    os.utime(home / "trash" / old.id, (long_ago, long_ago))
    assert [run.name for run in trash.deleted_runs(home)] == ["new", "old"], "the latest deletion first"
    trash.purge(home, older_than_s=7 * DAY_S)
    assert len(os.listdir(home / "trash")) == 2, "it was not seen to be old before"
    trash.purge(home, older_than_s=7 * DAY_S)
    assert os.listdir(home / "trash") == [new.id]
    trash.remove(home, [run.id for run in trash.deleted_runs(home)])
    assert os.listdir(home / "trash") == []


@pytest.mark.parametrize("jump_s", [365 * DAY_S, -365 * DAY_S])
def test_clock_that_jumps_once_costs_nothing_in_the_trash(
    home: Path, jump_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_run(home)
    trash.delete(home, folder)
    right = time.time
    for clock in (right, lambda: right() + jump_s, right):
        monkeypatch.setattr(time, "time", clock)
        trash.purge(home, older_than_s=7 * DAY_S)
        if (home / ".last-purge").exists():
            os.utime(home / ".last-purge", (clock(), clock()))
        assert [run.id for run in trash.deleted_runs(home)] == [folder.id]
    os.utime(home / "trash" / folder.id, (right() + 365 * DAY_S,) * 2)  # deleted while the clock was ahead
    trash.remove(home, [run.id for run in trash.deleted_runs(home)])
    assert trash.deleted_runs(home) == []


def test_purge_that_was_cut_off_is_finished_by_the_next(home: Path) -> None:
    folder = make_run(home)
    trash.delete(home, folder)
    os.rename(home / "trash" / folder.id, home / "trash" / f".going-{folder.id}")
    assert trash.deleted_runs(home) == []
    (home / "trash" / ".DS_Store").touch()  # some systems leave files of their own in every folder
    trash.purge(home, older_than_s=DAY_S)
    assert os.listdir(home / "trash") == [".DS_Store"]


def test_run_that_somebody_else_takes_out_of_the_trash_keeps_no_other_in_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, other = make_run(home), make_run(home)
    for folder in (other, gone):
        trash.delete(home, folder)
    rename = os.rename

    def too_late(source: Path, target: Path) -> None:
        if source.name == gone.id and target.name.startswith("."):
            rename(source, gone.path)  # restored in another tab, in this very moment
        rename(source, target)

    monkeypatch.setattr(os, "rename", too_late)
    trash.remove(home, [run.id for run in trash.deleted_runs(home)])
    assert os.listdir(home / "trash") == []
    assert gone.path.exists()


def test_old_runs_are_removed_once_a_process(home: Path) -> None:
    def delete_long_ago() -> None:
        folder = make_run(home)
        trash.delete(home, folder)
        os.utime(home / "trash" / folder.id, (0, 0))

    home.mkdir()
    (home / ".last-purge").touch()
    os.utime(home / ".last-purge", (30 * DAY_S,) * 2)
    delete_long_ago()
    assert trash.purge_once(home) == ""
    assert trash.deleted_runs(home) == []
    delete_long_ago()
    assert trash.purge_once(home) == ""
    assert len(trash.deleted_runs(home)) == 1


def test_empty_home_has_no_trash(home: Path) -> None:
    assert trash.deleted_runs(home) == []
    trash.purge(home, older_than_s=0)
    assert not home.exists()
