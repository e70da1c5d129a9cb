"""The helper processes: torch work without torch in the server, and what goes wrong costs its asker alone."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import wait
from pathlib import Path
from typing import Any

import pytest

from core import helper, helper_process
from core.errors import UnfreezeError
from tests.conftest import ROOT, wait_until

HERE = "tests.core.test_helper"


@pytest.fixture(scope="module", autouse=True)
def stopped() -> Iterator[None]:
    yield
    helper.stop()


def test_work_is_done_elsewhere_and_comes_back() -> None:
    helper.stop()  # what other tests have begun
    assert helper.call("os:getpid") != os.getpid()
    assert helper.call("os:getpid") == helper.call("os:getpid"), "the process stays warm"


def test_main_script_is_not_run_again() -> None:
    assert helper.call(f"{HERE}:main_file") != getattr(sys.modules["__main__"], "__file__", None)


def main_file() -> str | None:
    return getattr(sys.modules["__main__"], "__file__", None)


def test_exceptions_come_back_as_themselves() -> None:
    with pytest.raises(FileNotFoundError):
        helper.call("os:stat", "/no/such/file")
    with pytest.raises(TimeoutError, match="mine"):
        helper.call(f"{HERE}:time_out")


def time_out() -> None:
    raise TimeoutError("mine")


@pytest.mark.parametrize(
    ("target", "arguments"), [("os:abort", ()), ("os:_exit", (0,)), (f"{HERE}:end_by", (9,)), (f"{HERE}:end_by", (15,))]
)
def test_process_that_ends_costs_one_answer(target: str, arguments: tuple[int, ...]) -> None:
    other = helper.submit(f"{HERE}:wait_and_tell", 1.0)
    wait_until(other.running)
    with pytest.raises(UnfreezeError, match=r"^The process that does this work ended unexpectedly.* Try again\.$"):
        helper.call(target, *arguments)
    assert helper.call("os:getpid") != os.getpid()
    assert other.result(timeout=30), "whoever else asked something has the answer"


def end_by(number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(30)


def wait_and_tell(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def test_process_ends_with_a_server_that_is_killed() -> None:
    code = "from core import helper; import time; print(helper.call('os:getpid'), flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        pid = int(server.stdout.readline())
        assert is_alive(pid)
        server.kill()
    wait_until(lambda: not is_alive(pid))


def is_alive(pid: int) -> bool:
    """Whether a process is there, and has not ended."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):  # it may go while it is looked at
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("seconds", [0.05, 0.2])
def test_idle_process_that_was_killed_costs_nothing(seconds: float) -> None:
    pid = helper.call("os:getpid")
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(pid))
    time.sleep(seconds)  # its executor notices at some time
    assert helper.call("os:getpid") != pid


@pytest.mark.long
def test_slow_question_keeps_nobody_waiting() -> None:
    slow = helper.submit(f"{HERE}:wait_and_tell", 8.0)
    wait_until(slow.running)
    assert helper.call("os:getpid") != os.getpid()
    assert not slow.done(), "another process has answered meanwhile"
    assert slow.result(timeout=30)


def test_limit_counts_from_when_the_work_begins() -> None:
    answers = [helper.submit(f"{HERE}:wait_and_tell", 0.4, limit_s=1.0) for _ in range(3 * helper.MOST)]
    wait(answers, timeout=60)
    assert all(answer.exception() is None for answer in answers), "the last ones have waited for longer than the limit"
    assert len({answer.result() for answer in answers}) <= helper.MOST


def test_what_takes_too_long_is_given_up_and_its_process_lives_on() -> None:
    helper.stop()
    pid = helper.call("os:getpid")
    with pytest.raises(UnfreezeError, match=r"^This took longer than 0\.05 s and was given up\. Try again\.$"):
        helper.call("time:sleep", 30.0, limit_s=0.05)
    assert helper.call("os:getpid") == pid


def test_what_does_not_listen_ends_with_its_process() -> None:
    with pytest.raises(UnfreezeError, match=r"This took longer than 0\.2 s"):
        helper.call(f"{HERE}:do_not_listen", limit_s=0.2)
    assert helper.call("os:getpid") != os.getpid()


def do_not_listen() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    time.sleep(60)


def test_question_goes_to_the_process_that_has_its_network() -> None:
    helper.stop()
    helper.call("os:getpid")
    wait_until(lambda: helper._helpers and len(helper._helpers._idle) == 2)
    pids = {}
    busy = [helper.submit(f"{HERE}:wait_and_tell", 0.5, about=about) for about in ("a", "b")]
    for about, answer in zip(("a", "b"), busy, strict=True):
        pids[about] = answer.result(timeout=60)
    assert pids["a"] != pids["b"]
    for _ in range(3):
        for about, pid in pids.items():
            assert helper.call("os:getpid", about=about) == pid


def test_what_is_asked_while_a_process_gets_ready_starts_no_other_until_it_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a cold computer, two imports of PyTorch at once take twice as long."""
    begun: list[str] = []
    begin = helper._Helpers._warm_up_another

    def noted(helpers: helper._Helpers, target: str) -> None:
        begun.append(target)
        begin(helpers, target)

    monkeypatch.setattr(helper._Helpers, "_warm_up_another", noted)
    helper.stop()
    helper.prepare(HERE)
    wait_until(lambda: helper._helpers and helper._helpers._all)
    assert helper.call("os:getpid") != os.getpid()
    assert begun == ["os"], "the first answer, and not the preparation, makes a second one ready"


def test_second_process_imports_what_the_first_was_asked_for() -> None:
    helper.stop()
    helper.call("colorsys:rgb_to_hsv", 0.0, 0.0, 0.0)
    wait_until(lambda: helper._helpers and len(helper._helpers._idle) == 2)
    answers = [helper.submit(f"{HERE}:tell_whether_imported", "colorsys", about=about) for about in ("a", "b")]
    has_imported = dict(answer.result(timeout=60) for answer in answers)
    assert list(has_imported.values()) == [True, True], "by process"


def tell_whether_imported(module: str) -> tuple[int, bool]:
    time.sleep(0.5)
    return os.getpid(), module in sys.modules


@pytest.mark.parametrize("words", ["", "DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes"])
def test_lack_of_memory_is_a_sentence(words: str) -> None:
    with pytest.raises(UnfreezeError, match=r"^This needs more memory than is free"):
        helper.call(f"{HERE}:lack_memory", words)


def lack_memory(words: str) -> None:
    raise RuntimeError(words) if words else MemoryError


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)), "Cannot allocate memory"),
        (RuntimeError("can't start new thread"), "the system starts no more of them"),
    ],
)
def test_system_that_starts_no_process_is_spoken_of_and_asked_again(
    error: Exception, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    helper.stop()
    with monkeypatch.context() as patched:
        patched.setattr("loky.process_executor.ProcessPoolExecutor.submit", refuse)
        for _ in range(2 * helper.MOST):  # none of them is counted as one that is busy
            with pytest.raises(UnfreezeError, match=rf"cannot be started: {reason}\. Close other programs"):
                helper.call("os:getpid")
    answer = helper.submit(f"{HERE}:wait_and_tell", 1.0)
    wait_until(answer.running)
    with monkeypatch.context() as patched:
        patched.setattr(helper._Helpers, "_new", lambda helpers, about: refuse())
        assert answer.result(timeout=60), "that no second one can be made ready costs no answer"


def test_stop_ends_what_is_asked_and_what_waits() -> None:
    answers = [helper.submit(f"{HERE}:wait_and_tell", 30.0) for _ in range(helper.MOST + 2)]
    wait_until(answers[0].running)
    helper.stop()
    for answer in answers:
        assert answer.cancelled() or isinstance(answer.exception(timeout=20), UnfreezeError)
    assert helper.call("os:getpid") != os.getpid()


def test_limit_of_time_does_not_cut_off_an_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that was imported by half could never be imported again."""
    (tmp_path / "slow_to_import.py").write_text("import time\ntime.sleep(0.3)\nanswer = int\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert helper_process.run("slow_to_import:answer", (), limit_s=0.1) == 0


def test_what_was_prepared_is_prepared_once_and_asked_of_the_process_that_is_ready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A page prepares each time it is drawn: that must not keep helpers from what they are asked."""
    begun: list[str] = []
    begin = helper._begin

    def noted(helpers: helper._Helpers, target: str, *arguments: Any) -> Any:
        begun.append(target)
        return begin(helpers, target, *arguments)

    monkeypatch.setattr(helper, "_begin", noted)
    helper.stop()
    helper.call("os:getpid")
    wait_until(lambda: helper._helpers and len(helper._helpers._idle) == 2)
    for _ in range(3):
        helper.prepare("os")
        helper.prepare("colorsys")
        wait_until(lambda: helper._helpers and helper._helpers.has_imported("colorsys"))
        wait_until(lambda: helper._helpers and len(helper._helpers._idle) == 2)
    assert begun == ["os:getpid", "colorsys"]
    for _ in range(3):
        assert helper.call(f"{HERE}:tell_whether_imported", "colorsys", needs="colorsys")[1]
        helper.call("os:getpid", about="the other one, which then was used last")
