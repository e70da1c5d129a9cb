"""Processes that read users' files: each answers once, within limits, and none keeps another one waiting."""

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import sandbox
from core.errors import ReadingError, WeightsFileError
from tests.conftest import wait_until

pytestmark = pytest.mark.worker


@pytest.fixture(scope="module", autouse=True)
def stopped() -> Iterator[None]:
    yield
    sandbox.stop()


def ask(target: str, *arguments: object) -> object:
    return sandbox.ask(target, *arguments, name="holiday.pth", num_bytes=0)


def test_every_question_has_a_process_of_its_own_and_exceptions_come_back() -> None:
    assert ask("os:getppid") == ask("os:getppid"), "the process that waits stays warm"
    assert ask("os:getpid") != ask("os:getpid")
    with pytest.raises(WeightsFileError, match="There is no file"):
        ask("core.models.files:read_state_dict", Path("none.pth"))


@pytest.mark.parametrize(
    ("target", "argument"), [("os:abort", ()), ("builtins:bytearray", (2**34,)), ("os:_exit", (0,))]
)
def test_file_that_breaks_its_reader_is_refused_by_name(target: str, argument: tuple[int, ...]) -> None:
    with pytest.raises(ReadingError, match=r"^holiday\.pth could not be read within 20 s and 537 MB of memory"):
        ask(target, *argument)
    assert ask("os:getpid")


def test_slow_file_is_given_up_and_keeps_nobody_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "_LEAST_S", 0.3)
    with pytest.raises(ReadingError, match="could not be read within"):
        ask("signal:pause")
    monkeypatch.undo()
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    slow = threading.Thread(target=ask, args=("os:open", str(fifo), os.O_RDONLY))
    slow.start()
    assert ask("os:getpid"), "answered while the other one waits"
    assert slow.is_alive()
    fifo.write_bytes(b"")
    slow.join()


@pytest.mark.long
def test_system_that_starts_no_process_is_spoken_of_and_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    for where in ("core.sandbox.subprocess.Popen", "core.sandbox.socket.socketpair"):
        sandbox.stop()
        with monkeypatch.context() as patched:
            patched.setattr(where, refuse)
            sandbox.prepare()
            with pytest.raises(ReadingError, match=r"^holiday\.pth was not read, because .*: Too many open files\. "):
                ask("os:getpid")
        assert ask("os:getpid")


@pytest.mark.long
def test_reader_that_was_killed_is_started_anew() -> None:
    before = ask("os:getppid")
    assert isinstance(before, int)
    os.kill(before, 9)
    wait_until(lambda: sandbox._process is None or sandbox._process.poll() is not None)
    assert ask("os:getppid") != before
