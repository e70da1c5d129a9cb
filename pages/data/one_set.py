"""One data set: watch it being packed, then look at its photos, its findings, and who is on which side.

The address names it with `?set=`, or the packing that makes it with `?run=`.
"""

import streamlit as st

from core.data import library, stored
from core.data.stored import StoredSet
from core.errors import RunNotFoundError, UnfreezeError
from core.runs import packings, store
from core.runs.pack_config import PackConfig
from core.runs.pack_events import PackDone
from core.runs.snapshot import Snapshot
from core.runs.status import Status
from pages.data.actions import show_actions
from pages.data.all_sets import was_deleted
from pages.data.crops import crops_tab
from pages.data.findings import findings_tab
from pages.data.live_packing import live_packing
from pages.data.look import look_tab
from pages.data.split import split_tab
from pages.places import DATA, FINE_TUNE
from pages.ui import kept_address, lookup
from pages.ui.format import counted, plain, plain_name
from pages.ui.once import forget_click, note_opened


def main() -> None:
    """Draw the page."""
    set_id = _named()
    if set_id is None:
        st.switch_page(DATA.script)
    kept_address.move("run", "")
    # A link within the app hands its query over without changing the address; setting it does.
    kept_address.move("set", set_id)
    forget_click()
    note_opened(set_id)  # be it gone: or its form would open it for ever
    try:
        _show(stored.find_set(store.home(), set_id))
    except UnfreezeError as error:
        if was_deleted(set_id):
            st.switch_page(DATA.script)
        st.title("Data set", anchor=False)
        st.error(plain(str(error)), icon=":material/error:")
        st.page_link(DATA.script, label="See all data sets", icon=DATA.icon)


def _named() -> str | None:
    """The set that the address names, by itself or by its packing."""
    if run_id := st.query_params.get("run"):
        try:
            return lookup.reader(run_id).folder.config_of(PackConfig).data_set
        except RunNotFoundError:
            pass
    return st.query_params.get("set")


def _show(kept: StoredSet) -> None:
    st.title(plain_name(kept.name), anchor=False)
    try:
        run = packings.packing_of(store.home(), kept)
        if run is not None and _is_under_way(kept, run):
            live_packing(kept, run)
        if kept.newest:
            _show_version(kept, run)
            return
        if run is None:
            st.info("Nothing is packed yet, and the run that was to do it is gone.", icon=":material/info:")
    except UnfreezeError as error:
        st.error(plain(str(error)), icon=":material/error:")
        run = None
    with st.container(horizontal=True):
        show_actions(kept, run)


def _is_under_way(kept: StoredSet, run: Snapshot) -> bool:
    """Whether a packing has not come to its end: it may also have been cut off right after it."""
    is_whole = kept.description().settings.get("version") in kept.versions
    return run.status.is_live or (run.status is not Status.FINISHED and not is_whole)


def _show_version(kept: StoredSet, run: Snapshot | None) -> None:
    """What the newest version has."""
    key = stored.key_of(kept.id, kept.newest)
    about = library.about(key)
    version = f" Version {kept.newest}." if kept.newest > 1 else ""
    st.markdown(f"{plain(about.description)}{version} Source: {plain(about.citation)}.")
    if run is not None and isinstance(run.last_event, PackDone):
        _say_changes(kept, run.last_event)
    with st.container(horizontal=True):
        if st.button("Fine-tune on it", type="primary", icon=FINE_TUNE.icon):
            st.switch_page(FINE_TUNE.script, query_params={"data": key})
        show_actions(kept, run)
    if count := _count_findings(key):
        # Not in the tab's label: with another one, it would be another tab, and be left after each correction.
        st.caption(f":material/flag: {counted(count, 'finding')}, see the tab Findings.")
    tabs = ["Photos", "Findings", "Split", "What training sees"]
    looked, found, split, crops = st.tabs(tabs, on_change="rerun", key="data_set_tab")
    # Only what is looked at is drawn, or each page would cost what all of them do.
    if looked.open:
        with looked:
            look_tab(kept, key)
    if found.open:
        with found:
            findings_tab(kept, key)
    if split.open:
        with split:
            split_tab(key)
    if crops.open:
        with crops:
            crops_tab(key)


def _count_findings(key: str) -> int:
    """How many there are; none where they cannot be read, which their own tab says."""
    try:
        return library.findings_of(key).count
    except UnfreezeError:
        return 0


def _say_changes(kept: StoredSet, done: PackDone) -> None:
    """What the last look at the source has found."""
    if not done.is_new:
        st.caption(f":material/check: Nothing has changed since version {kept.newest} was made.")
    elif kept.newest > 1:
        st.caption(
            f":material/check: Since the version before, {counted(done.came, 'photo')} came and {done.went:,} went. "
            "Every other photo is on the side where it was."
        )


main()
