"""What pages need to know of runs: shared readers and the home folder. Session state holds ids only."""

import contextlib
from collections.abc import Iterable
from functools import lru_cache

import streamlit as st

from core.errors import RunNotFoundError
from core.runs import store
from core.runs.store import RunFolder, RunReader

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


def readers(run_ids: Iterable[str]) -> list[RunReader]:
    """The readers of those runs that are there."""
    found: list[RunReader] = []
    for run_id in run_ids:
        with contextlib.suppress(RunNotFoundError):
            found.append(reader(run_id))
    return found


@lru_cache(maxsize=64)
def _reader(folder: RunFolder) -> RunReader:
    return RunReader(folder)


def open_run(run_id: str) -> None:
    """Show this run: its id goes into the address, so that a reload or another browser opens it, too."""
    st.query_params["run"] = run_id
