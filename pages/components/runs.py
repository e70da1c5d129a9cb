"""What pages need to know of runs: shared readers and the home folder. Session state holds ids only."""

import contextlib
from collections.abc import Iterable, Sequence
from functools import lru_cache

import streamlit as st

from core.errors import RunNotFoundError, UnfreezeError
from core.runs import jobs, store
from core.runs.status import read_status
from core.runs.store import RunFolder, RunReader
from pages.components.format import plain

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


def resume(resumed: Sequence[RunReader]) -> None:
    """Have runs go on, for a button's `on_click`; those that are going on already, by an earlier click or another tab,
    are left alone, and the page shows them.
    """
    try:
        if not any(read_status(reader).is_live for reader in resumed):
            jobs.resume(store.home(), *(reader.folder for reader in resumed))
    except BlockingIOError:
        st.toast("The run is going on already.")
    except UnfreezeError as error:
        st.toast(plain(str(error)), icon=":material/error:")
    except FileNotFoundError:
        st.toast("The run is not there any more: it was deleted meanwhile.", icon=":material/error:")


def open_run(run_id: str) -> None:
    """Show this run: its id goes into the address, so that a reload or another browser opens it, too."""
    st.query_params["run"] = run_id
