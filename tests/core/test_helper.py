"""The helper process: torch work without torch in the server, and a crash that costs one answer."""

import os
import sys
from pathlib import Path

import pytest

from core import helper
from core.errors import UnfreezeError


def test_work_is_done_elsewhere_and_comes_back() -> None:
    assert helper.call("os:getpid") != os.getpid()
    assert helper.call("os:getpid") == helper.call("os:getpid"), "the process stays warm"


def test_main_script_is_not_run_again() -> None:
    assert helper.call("tests.core.test_helper:main_file") != getattr(sys.modules["__main__"], "__file__", None)


def main_file() -> str | None:
    return getattr(sys.modules["__main__"], "__file__", None)


def test_exceptions_come_back_as_themselves() -> None:
    with pytest.raises(FileNotFoundError):
        helper.call("os:stat", "/no/such/file")


def test_crash_costs_one_answer() -> None:
    with pytest.raises(UnfreezeError, match="ended unexpectedly"):
        helper.call("os:abort")
    assert helper.call("os:getpid") != os.getpid()


def test_answer_that_does_not_come_is_not_waited_for() -> None:
    with pytest.raises(UnfreezeError, match="not answered"):
        helper.call("time:sleep", 30.0, timeout_s=0.05)
    assert helper.call("os:getpid", timeout_s=20.0) != os.getpid(), "the next question does not wait behind it"


def test_limit_of_time_does_not_cut_off_an_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that was imported by half could never be imported again."""
    (tmp_path / "slow_to_import.py").write_text("import time\ntime.sleep(0.3)\nanswer = int\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert helper._run("slow_to_import:answer", (), limit_s=0.1) == 0


def test_what_nobody_waits_for_has_a_limit_of_its_own() -> None:
    pid = helper.call("os:getpid")
    slow = helper.submit("time:sleep", 30.0, limit_s=0.05)
    with pytest.raises(TimeoutError, match="not done within"):
        slow.result(timeout=20)
    assert helper.call("os:getpid", timeout_s=20.0) == pid, "the helper lives on"
