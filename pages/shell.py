"""The frame around every page: navigation, the device, and what is running. Knows no page from within."""

import gc
import threading
import time
from contextlib import nullcontext
from itertools import islice
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from core.errors import RunNotFoundError
from core.runs import known_devices, queue, store
from core.runs.config import MAX_LANES
from core.runs.status import Status
from pages.places import FIRST, PLACES, Place, of_kind
from pages.ui import kept_address, lookup, once
from pages.ui.format import plain, plain_name
from pages.ui.icons import STATUS_ICONS
from pages.ui.problems import problems_shown

# A file of our own: Streamlit would fetch the icon of a name or an emoji from the net.
_ICON = Path(__file__).parent / "ui" / "icon.svg"
_WORDMARK = _ICON.with_name("wordmark.svg")
_SIDEBAR_POLL_S = 2.0
_COLLECT_EVERY_S = 30.0
_NUM_RECENT = 5
# No one blue is dark enough under the white text of a button and light enough to be read on a dark page: what is chosen
# has the blue around it and behind it, and the page's own colour for its text. What has the focus has a dark ring and a
# light one around it, of which one stands out on any colour.
_STYLE = """<style>
button[data-variant="segmented_control"][aria-checked="true"] { color: inherit !important; font-weight: 600; }
:is(a, button, summary):focus-visible {
    outline: 2px solid #0c161e !important;
    box-shadow: 0 0 0 4px #e6edf3 !important;
}
main:focus-visible { outline: 2px solid currentColor !important; outline-offset: -2px; }
[data-testid="stElementToolbar"]:focus-within { opacity: 1 !important; }
[class*="st-key-another_run_"] a:not(:hover) { background-color: transparent !important; }
[class*="st-key-another_run_"] p { font-weight: inherit !important; }
[data-testid="stTab"][aria-selected="true"] { color: inherit !important; }
[data-testid="stTab"][aria-selected="true"] p { color: inherit !important; font-weight: 600; }
</style>"""
_NAME_LENGTH = 28  # the time after it must still fit
_ANOTHER = "another_run_"  # the link of a run that is not the one on the page, see the style


def main() -> None:
    """Draw the frame and the page that was chosen."""
    st.session_state.pop("tab_title", None)  # a page may have put its progress there
    st.set_page_config(page_title="Unfreeze", page_icon=str(_ICON), layout="wide")
    start_background()
    page = st.navigation([_page(place) for place in PLACES], position="sidebar")
    st.logo(str(_WORDMARK), size="large", icon_image=str(_ICON))
    st.html(_STYLE)
    with problems_shown():
        store.check_home(store.home())
        with st.sidebar:
            sidebar(page.url_path)
        once.note_page(page.url_path)
        kept_address.note_page(page.url_path)
        page.run()


def _page(place: Place) -> StreamlitPage:
    return st.Page(
        place.script,
        title=place.title,
        icon=place.icon,
        url_path=place.address,
        default=place is FIRST,
        visibility="visible" if place.is_listed else "hidden",
    )


@st.cache_resource
def start_background() -> bool:
    """Once a server: collect garbage on a timer."""

    def collect() -> None:
        while True:
            time.sleep(_COLLECT_EVERY_S)
            gc.collect()

    threading.Thread(target=collect, daemon=True, name="garbage collection").start()
    return True


@st.fragment(run_every=_SIDEBAR_POLL_S)
@problems_shown()
def sidebar(page: str) -> None:
    """The device, what is running, and the newest runs; kept up to date on every page. `page` is the one beside it."""
    kept_address.note()
    known = known_devices.remembered(store.home())
    st.caption("Device")
    if known:
        memory = f" · {known[0].memory_bytes / 2**30:.0f} GB" if known[0].memory_bytes else ""
        st.markdown(f":material/memory: {plain(known[0].label)}{memory} · {plain(known[0].precision)}")
    else:
        st.markdown(":material/memory: Looking for a GPU …")

    alive = [run_id for run_id in queue.all_alive(store.home()) if _is_live(run_id)]
    running = list(dict.fromkeys(map(_shown_as, alive)))
    opened = _shown_as(st.query_params.get("run", ""))
    st.caption("Running" if running else "Nothing is running")
    for run_id in running:
        _link(run_id, page, is_open=run_id == opened)
    newest = islice(store.newest(store.home()), MAX_LANES * (_NUM_RECENT + len(running)))
    recent = dict.fromkeys(_shown_as(folder.id) for folder in newest)
    if ended := [run_id for run_id in recent if run_id not in running][:_NUM_RECENT]:
        st.caption("Recent runs")
        for run_id in ended:
            _link(run_id, page, is_open=run_id == opened)


def _shown_as(run_id: str) -> str:
    """The run whose link stands for this one: a race has one link."""
    try:
        lanes = lookup.race_of(lookup.reader(run_id))
    except RunNotFoundError:
        return run_id
    is_among_them = any(lane.folder.id == run_id for lane in lanes)
    return lanes[0].folder.id if is_among_them and len(lanes) > 1 else run_id


def _status(run_id: str) -> Status | None:
    """None where the run's files cannot be read."""
    try:
        return lookup.reader(run_id).poll().status
    except RunNotFoundError:
        return None


def _is_live(run_id: str) -> bool:
    status = _status(run_id)
    return status is not None and status.is_live


def _link(run_id: str, page: str, *, is_open: bool) -> None:
    """A way to the run, from any page. Streamlit would show every link to the current page as the open one."""
    try:
        folder = lookup.reader(run_id).folder
        description = folder.description()
        name = str(description["name"])
        if len(racing := lookup.race_of(lookup.reader(run_id))) > 1:
            networks = dict.fromkeys(run.folder.config().in_words("architecture") for run in racing)
            name = f"{', '.join(networks)}, race"
    except RunNotFoundError:
        return
    status, place = _status(run_id), of_kind(description["kind"])
    is_another = place.address == page and not is_open
    with st.container(key=f"{_ANOTHER}{run_id}") if is_another else nullcontext():
        st.page_link(
            place.script,
            label=f"{plain_name(name, most=_NAME_LENGTH)} · {run_id[9:11]}:{run_id[11:13]}",
            icon=STATUS_ICONS[status] if status else ":material/warning:",
            query_params={"run": run_id},
            help=status.capitalize() if status else "Damaged",
        )


main()
