"""What pages need to know of runs: shared readers and the home folder. Session state holds ids only."""

from functools import lru_cache
from pathlib import Path

import streamlit as st

from core.runs import store
from core.runs.store import RunReader

STATUS_ICONS = {
    "starting": ":material/hourglass_top:",
    "queued": ":material/schedule:",
    "running": ":material/play_circle:",
    "finished": ":material/check_circle:",
    "stopped": ":material/stop_circle:",
    "failed": ":material/error:",
    "interrupted": ":material/power_off:",
}


def reader(run_id: str) -> RunReader:
    """The run's reader, shared by all viewers: each new byte is read once.

    Raises:
        RunNotFoundError: the id names no run.
    """
    return _reader(store.home(), run_id)


@lru_cache(maxsize=32)
def _reader(home: Path, run_id: str) -> RunReader:
    return RunReader(store.find(home, run_id))


def open_run(run_id: str) -> None:
    """Show this run: its id goes into the address, so that a reload or another browser opens it, too."""
    st.query_params["run"] = run_id
