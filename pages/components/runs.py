"""What pages need to know of runs: shared readers, what is wrong with one, and what can be asked of it.

Session state holds ids only.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache

import streamlit as st

from core.errors import RunNotFoundError, UnfreezeError
from core.runs import jobs, store
from core.runs.reader import RunReader
from core.runs.status import read_status
from core.runs.store import RunFolder
from pages.components.format import plain, plain_name

STATUS_ICONS = {
    "starting": ":material/hourglass_top:",
    "queued": ":material/schedule:",
    "running": ":material/play_circle:",
    "finished": ":material/check_circle:",
    "stopped": ":material/stop_circle:",
    "failed": ":material/error:",
    "interrupted": ":material/power_off:",
}

# Where each kind of run is shown.
PAGES = {"fine_tune": "fine_tune.py", "linear_fit": "linear_fit.py"}


def reader(run_id: str) -> RunReader:
    """The run's reader, shared by all viewers: each new byte is read once.

    Raises:
        RunNotFoundError: the id names no run.
    """
    return _reader(store.find(store.home(), run_id))  # found anew each time: a run may have been deleted


def race_of(run: RunReader) -> list[RunReader]:
    """The runs that take turns with this one, itself included: those that can be read, and that name the same race.

    Raises:
        RunNotFoundError: this run's description cannot be read.
    """
    race = run.folder.race()
    lanes: list[RunReader] = []
    for run_id in race:
        with suppress(RunNotFoundError):
            lane = reader(run_id)
            lane.folder.config()
            lane.poll()
            if lane.folder.race() == race:
                lanes.append(lane)
    return lanes


def name_of(run_id: str) -> str:
    """What the run is called, as Markdown; its id where that cannot be read."""
    try:
        return plain_name(reader(run_id).folder.description()["name"])
    except RunNotFoundError:
        return plain(run_id)


@lru_cache(maxsize=64)
def _reader(folder: RunFolder) -> RunReader:
    return RunReader(folder)


@contextmanager
def problems_shown() -> Iterator[None]:
    """Say in its place what is wrong with a run or its disk; the rest of the page is not touched."""
    try:
        yield
    except UnfreezeError as error:
        st.error(plain(str(error)), icon=":material/error:")


@contextmanager
def problems_in_a_toast() -> Iterator[None]:
    """Say for a moment why a click could not do what it asked for."""
    try:
        yield
    except UnfreezeError as error:
        st.toast(plain(str(error)), icon=":material/error:")


@problems_in_a_toast()
def stop(*folders: RunFolder) -> None:
    """Ask runs to stop. For a button's `on_click`."""
    for folder in folders:
        jobs.stop(folder)


@problems_in_a_toast()
def resume(resumed: Sequence[RunReader]) -> None:
    """Have runs go on, for a button's `on_click`; those that are going on already, by an earlier click or another tab,
    are left alone, and the page shows them.
    """
    try:
        if not any(read_status(reader).is_live for reader in resumed):
            jobs.resume(store.home(), *(reader.folder for reader in resumed))
    except BlockingIOError:
        st.toast("The run is going on already.")


def open_run(run_id: str) -> None:
    """Show this run: its id goes into the address, so that a reload or another browser opens it, too."""
    st.query_params["run"] = run_id
