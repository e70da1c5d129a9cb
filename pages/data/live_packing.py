"""A packing that is at work, or that has not come to its end: how far it is, and what can be done."""

from typing import assert_never

import streamlit as st

from core.data.stored import StoredSet
from core.errors import UnfreezeError
from core.runs import packings, store
from core.runs.events import Failed
from core.runs.pack_events import Unreadable
from core.runs.packing_progress import PackProgress, progress
from core.runs.reader import RunReader
from core.runs.snapshot import Snapshot
from core.runs.status import Status
from pages.ui import lookup, run_actions
from pages.ui.format import counted, plain, rate, roughly
from pages.ui.icons import STATUS_ICONS
from pages.ui.once import one_at_a_time
from pages.ui.problems import problems_in_a_toast, problems_shown

_POLL_S = 0.3


def live_packing(kept: StoredSet, run: Snapshot) -> None:
    """How a packing goes, kept up to date for as long as it lives."""
    poll_s = _POLL_S if run.status.is_live else None
    st.fragment(_body, run_every=poll_s)(kept, lookup.reader(run.folder.id), before=run.status)


@problems_shown()
def _body(kept: StoredSet, reader: RunReader, *, before: Status) -> None:
    run = reader.poll()
    if run.status is not before:
        st.rerun()  # once: the whole page, with what there is of a set that is ready
    icon, last = STATUS_ICONS[run.status], run.last_event
    match run.status:
        case Status.STARTING:
            st.info("Looking through the files …", icon=icon)
        case Status.QUEUED:
            st.info("Waiting: another data set is being packed.", icon=icon)
        case Status.RUNNING:
            _show_progress(progress(run))
        case Status.STOPPED:
            st.info(f"Stopped after {counted(run.last_step, 'file')}. What was packed is kept.", icon=icon)
        case Status.INTERRUPTED:
            st.warning(
                f"The packing was cut off after {counted(run.last_step, 'file')}. What was packed is kept.", icon=icon
            )
        case Status.FAILED:
            assert isinstance(last, Failed)
            st.error(plain(last.message), icon=icon)
        case Status.FINISHED:
            return
        case _:
            assert_never(run.status)
    _offer(kept, run)


def _show_progress(so_far: PackProgress) -> None:
    total = "" if so_far.total_files is None else f" of {so_far.total_files:,}"
    if so_far.comparing is None:
        text = f"Reading file {so_far.files:,}{total}"
    else:
        text = f"All {so_far.files:,} files are read. Looking for near duplicates"
    st.progress(so_far.fraction, text=text)
    parts = [counted(so_far.photos, "photo")]
    if so_far.comparing is None and so_far.files_per_second:
        parts.append(f"{rate(so_far.files_per_second)} files a second")
    if so_far.comparing is None and so_far.remaining_s is not None:
        parts.append(f"about {roughly(so_far.remaining_s)} left")
    st.caption(" · ".join(parts))


def _offer(kept: StoredSet, run: Snapshot) -> None:
    """What can be done about a packing."""
    with st.container(horizontal=True):
        if run.status.is_live:
            is_stopping = run.folder.control.exists()
            st.button(
                "Stopping …" if is_stopping else "Stop",
                icon=":material/stop:",
                on_click=run_actions.stop,
                args=(run.folder,),
                disabled=is_stopping,
            )
        elif any(isinstance(event, Unreadable) for event in run.events[-2:]):
            if st.button("Make it without them", type="primary", icon=":material/playlist_remove:"):
                _without_unreadable(kept)
                st.rerun()  # the whole page: another run is at work now
        elif run.is_resumable:
            label = "Try again" if run.status is Status.FAILED else "Go on"
            st.button(
                label, type="primary", icon=":material/play_arrow:", on_click=run_actions.resume, args=(run.folder,)
            )


@problems_in_a_toast()
@one_at_a_time()
def _without_unreadable(kept: StoredSet) -> None:
    try:
        packings.without_unreadable(store.home(), kept)
    except UnfreezeError:
        run = packings.packing_of(store.home(), kept)
        if run is None or not run.status.is_live:  # else it goes on already, by an earlier click
            raise
