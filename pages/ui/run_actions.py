"""What can be asked of a run, for the `on_click` of a button on any page."""

from collections.abc import Sequence

import streamlit as st

from core.runs import jobs, store
from core.runs.folder import RunFolder
from core.runs.reader import RunReader
from core.runs.status import read_status
from pages.ui.once import one_at_a_time
from pages.ui.problems import problems_in_a_toast


@problems_in_a_toast()
def stop(*folders: RunFolder) -> None:
    """Ask runs to stop."""
    for folder in folders:
        jobs.stop(folder)


@problems_in_a_toast()
def resume(resumed: Sequence[RunReader]) -> None:
    """Have runs go on. Those that go on already, by an earlier click or in another tab, are left alone."""
    with one_at_a_time():
        _resume(resumed)


def _resume(resumed: Sequence[RunReader]) -> None:
    try:
        if not any(read_status(reader).is_live for reader in resumed):
            jobs.resume(store.home(), *(reader.folder for reader in resumed))
    except BlockingIOError:
        st.toast("The run is training already.")
