"""A packing whose processes are killed at any moment: after a retry, the same bytes as if nothing had happened."""

import errno
import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import NoReturn

import pytest

from core.data import stored
from core.data.stored import StoredSet
from core.errors import DataSetError, UnfreezeError
from core.runs import jobs, packings, workers
from core.runs.config import FineTuneConfig
from core.runs.pack_config import PackConfig
from core.runs.snapshot import Snapshot
from core.runs.status import Status
from tests.conftest import wait_until
from tests.core.test_packing import contents
from tests.folders import jpeg, write

pytestmark = [pytest.mark.worker, pytest.mark.usefixtures("stop_workers")]
_KILLS = [*range(5), *(pytest.param(number, marks=pytest.mark.long) for number in range(5, 50))]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos that take a second or two to pack."""
    distinct = [jpeg(number, (640, 480)) for number in range(12)]
    files = {f"{'ab'[n % 2]}/{n:03d}.jpg": distinct[n % 12] + bytes([n]) for n in range(120)}
    return write(tmp_path_factory.mktemp("many") / "photos", files)


@pytest.fixture(scope="module")
def whole(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a packing makes that nobody disturbs."""
    home = tmp_path_factory.mktemp("whole")
    made = _make(home, root)
    wait_until(lambda: not _look(home, made).status.is_live)
    return contents(made.version(1))


def _make(home: Path, root: Path) -> StoredSet:
    return packings.make(home, PackConfig(source=str(root), reading="classes", size=96), name="photos")


def _look(home: Path, kept: StoredSet) -> Snapshot:
    run = packings.packing_of(home, kept)
    assert run is not None
    return run


@pytest.mark.parametrize("number", _KILLS)
def test_killed_packing_ends_with_the_same_bytes(home: Path, root: Path, whole: dict[str, str], number: int) -> None:
    draw = random.Random(number)
    made = _make(home, root)
    time.sleep(draw.uniform(0, 2))
    for child in workers.children():
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    run = _look(home, made)
    assert run.status in (Status.INTERRUPTED, Status.FINISHED)
    if run.status is Status.INTERRUPTED:
        jobs.resume(home, run.folder)
    wait_until(lambda: not _look(home, made).status.is_live)
    assert _look(home, made).status is Status.FINISHED, _look(home, made).folder.log_tail(20)
    assert contents(made.version(1)) == whole
    assert not list(made.path.glob("making-*"))
    assert [kept.id for kept in stored.all_sets(home)] == [made.id]


def test_stopped_packing_goes_on(home: Path, root: Path, whole: dict[str, str]) -> None:
    made = _make(home, root)
    wait_until(lambda: _look(home, made).last_step > 0)
    jobs.stop(_look(home, made).folder)
    wait_until(lambda: not _look(home, made).status.is_live)
    if (run := _look(home, made)).status is Status.STOPPED:
        jobs.resume(home, run.folder)
        wait_until(lambda: not _look(home, made).status.is_live)
    assert contents(made.version(1)) == whole


def test_set_that_is_being_packed_is_not_packed_twice(home: Path, root: Path) -> None:
    made = _make(home, root)
    with pytest.raises(DataSetError, match="“photos” is being packed already"):
        packings.make_version(home, made)
    jobs.stop(_look(home, made).folder)
    wait_until(lambda: not _look(home, made).status.is_live)


def test_packing_leaves_the_spare_to_trainings_and_gives_back_what_it_frees(
    home: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that trains keeps freed memory: one that packs 50,000 files would grow by 300 MB."""
    started: list[tuple[list[str], dict[str, str]]] = []

    def start(arguments: list[str], *, env: dict[str, str], **_: object) -> NoReturn:
        started.append((arguments, env))
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    workers.prepare()
    spare = workers._spare
    with monkeypatch.context() as patched:
        patched.setattr(subprocess, "Popen", start)
        with pytest.raises(UnfreezeError, match="No process can be started"):
            _make(home, root)
        workers.release_spare()
        with pytest.raises(UnfreezeError):
            jobs.start(home, FineTuneConfig(device="cpu"))
    assert spare is not None
    assert spare[0].args[-2] == "--spare"  # type: ignore[index]
    keeps = [any(name.startswith("MALLOC_") for name in env) for _, env in started]
    assert keeps == [False, True]
