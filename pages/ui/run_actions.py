"""What can be asked of a run, for the `on_click` of a button on any page."""

import streamlit as st

from core.runs import jobs, store
from core.runs.folder import RunFolder
from pages.ui import lookup
from pages.ui.once import one_at_a_time
from pages.ui.problems import problems_in_a_toast


@problems_in_a_toast()
def stop(*folders: RunFolder) -> None:
    """Ask runs to stop."""
    for folder in folders:
        jobs.stop(folder)


@problems_in_a_toast()
def resume(*folders: RunFolder) -> None:
    """Have runs go on. Those that go on already, by an earlier click or in another tab, are left alone."""
    with one_at_a_time():
        _resume(*folders)


def _resume(*folders: RunFolder) -> None:
    try:
        if not any(lookup.reader(folder.id).poll().status.is_live for folder in folders):
            jobs.resume(store.home(), *folders)
    except BlockingIOError:
        st.toast("The run is training already.")
