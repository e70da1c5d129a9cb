"""Runs whose device is not there, or not any more."""

import dataclasses
from pathlib import Path

import pytest

from core.runs import history, jobs, known_devices
from core.runs.events import Failed
from core.runs.status import Status
from tests.conftest import wait_until
from tests.core.test_worker import QUICK, follow, wait_for_end


@pytest.mark.long
def test_queue_of_a_device_that_is_not_there_is_left_for_the_right_one(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_devices, "resolve", lambda runs_home, device: "cuda:7")
    folder = jobs.start(home, dataclasses.replace(QUICK, device="auto"))
    run = wait_for_end(folder)
    assert run.status is Status.FINISHED, folder.log_tail(9)


@pytest.mark.long
def test_run_of_a_device_that_has_gone_goes_on_on_another(home: Path) -> None:
    folder = jobs.start(home, dataclasses.replace(QUICK, device="cuda:7"))
    run = wait_for_end(folder)
    assert isinstance(run.last_event, Failed)
    assert "no device 'cuda:7'" in run.last_event.message
    jobs.resume(home, folder)
    wait_until(lambda: follow(folder).status is Status.FINISHED)
    (note,) = history.recoveries(follow(folder).events)
    assert note.startswith("This computer has no device 'cuda:7', on which the run was begun: it goes on on ")
