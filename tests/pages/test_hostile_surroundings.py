"""Addresses that say anything, a home that cannot be, and a disk that refuses: a sentence on the page, and no more."""

import errno
import os
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from core import helper, sandbox
from core.errors import UnfreezeError
from core.runs import control, folder, jobs, known_devices, locks, workers
from core.runs.config import FineTuneConfig, LinearFitConfig
from core.runs.events import Fitting, Preparing, RareEvent, Stopped
from core.runs.known_devices import DeviceInfo
from pages.places import FINE_TUNE, FINE_TUNE_RUN, LINEAR_FIT, PLACES, PREDICT, RUNS, Place
from tests.pages.apps import button, open_page
from tests.samples import as_read, make_run

NAMES = ["run", "compare", "file", "network", "classes", "lanes", *FineTuneConfig.__dataclass_fields__]
VALUES = {
    "digits": "9" * 400,
    "more digits than Python reads": "-" + "9" * 5_000,
    "no number": "nan",
    "infinite": "1e999",
    "nothing": "",
    "a null byte": "~\0/x",
    "long": "x" * 100_000,
    "Markdown": "[x](javascript:alert(1)) :red[x] ![](http://evil.example)",
    "an id": "20261126-000000-00000001",
    "commas": "," * 1_000 + "@," * 1_000,
    "a path": "../../../../etc/passwd",
    "other digits": "٣",
}


@pytest.fixture(autouse=True)
def quiet(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is started, and the devices are known."""

    def refuse(*_: object, **__: object) -> None:
        raise UnfreezeError("There is no helper here.")

    monkeypatch.setattr(workers, "prepare", lambda: None)
    monkeypatch.setattr(helper, "submit", lambda *_, **__: Future())
    monkeypatch.setattr(helper, "call", refuse)
    monkeypatch.setattr(sandbox, "ask", refuse)
    monkeypatch.setattr(sandbox, "prepare", lambda: None)
    known_devices.remember(home, [DeviceInfo(name="cpu", label="A CPU", memory_bytes=None, precision="float32")])


@pytest.mark.parametrize(
    "kind",
    [kind if kind in ("digits", "a null byte") else pytest.param(kind, marks=pytest.mark.long) for kind in VALUES],
)
def test_address_may_say_anything(kind: str) -> None:
    address = dict.fromkeys(NAMES, VALUES[kind])
    for place in PLACES:
        open_page(place, **address)
        if place in (FINE_TUNE, LINEAR_FIT, PREDICT):  # where a run is named, its settings are not looked at
            open_page(place, **{key: value for key, value in address.items() if key != "run"})


@pytest.mark.parametrize("place", PLACES)
def test_home_that_cannot_be_is_said_on_every_page(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNFREEZE_HOME", "/proc/x")
    opened = open_page(place)
    [error] = opened.error
    assert as_read(error.value).startswith("Unfreeze has no place for its runs: /proc/x cannot be used")
    assert as_read(error.value).endswith("set UNFREEZE_HOME to another folder.")
    assert not opened.title


def refuse(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    ("place", "config", "last"),
    [
        (FINE_TUNE_RUN, FineTuneConfig(), Preparing(what="x")),
        (LINEAR_FIT, LinearFitConfig(), Fitting(epochs=9)),
        (RUNS, FineTuneConfig(), Preparing(what="x")),
    ],
)
def test_disk_that_refuses_a_stop_is_said(
    home: Path, place: Place, config: FineTuneConfig, last: RareEvent, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_run(home, last, config=config)
    lock = locks.hold(folder.lock)
    opened = open_page(place, **{"compare" if place is RUNS else "run": folder.id})
    monkeypatch.setattr(control, "replace_file", refuse)
    button(opened, "Stop").click().run()
    os.close(lock)
    assert as_read(opened.toast[0].value).startswith("The run cannot be stopped: the disk of ")
    assert not opened.exception


def test_disk_that_refuses_a_resume_or_a_name_is_said(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(home, Stopped(step=0))
    opened = open_page(RUNS, compare=run.id)
    monkeypatch.setattr(jobs, "append_event", refuse)
    button(opened, "Resume").click().run()
    assert as_read(opened.toast[0].value).startswith("The run cannot be resumed: the disk of ")
    monkeypatch.setattr(folder, "replace_file", refuse)
    opened.button(key="runs_save_name").click().run()
    assert as_read(opened.toast[0].value).startswith("The run cannot be renamed: the disk of ")


@pytest.mark.parametrize(("place", "label"), [(FINE_TUNE, "Start fine-tuning"), (LINEAR_FIT, "Fit the line")])
def test_disk_that_refuses_a_start_is_said(place: Place, label: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = open_page(place)
    monkeypatch.setattr(jobs, "new_run", refuse)
    button(opened, label).click().run()
    assert not opened.exception
    assert "cannot be started: the disk of " in as_read(opened.error[0].value)
