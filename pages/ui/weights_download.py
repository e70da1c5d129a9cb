"""ImageNet weights that must be downloaded: offered by a button, shown on their way, and fetched anew where damaged."""

import streamlit as st

from core import downloads
from core.downloads import Look
from core.models.catalog import ARCHITECTURES
from core.words import size
from pages.ui.format import duration, plain

_POLL_S = 0.5
_OLD_S = 60.0  # from when on it is said how long ago something went wrong: perhaps in another window
_CHANGING = ("running", "checking")


def show_weights(architecture: str, *, is_needed: bool) -> str:
    """How it stands with the ImageNet weights of a network: "here", or else what can be done about it is drawn.

    `is_needed` says that nothing goes on without them, so that the button to download them is the next click.
    """
    known = ARCHITECTURES[architecture]
    if known.weights_url is None:
        return "here"  # they came with a package
    found = downloads.look(known.label, known.weights_url)
    poll_s = _POLL_S if found.state in _CHANGING else None
    if found.state != "here":
        st.fragment(_show, run_every=poll_s)(architecture, before=found.state, is_needed=is_needed)
    return found.state


def on_their_way(architecture: str) -> tuple[float, str] | None:
    """How much of a network's weights is here while somebody downloads them, as a fraction and in words."""
    known = ARCHITECTURES[architecture]
    if known.weights_url is None or not (num_bytes := downloads.arrived(known.weights_url)):
        return None
    return _fraction(num_bytes, known.weights_bytes), f"Downloading the weights: {_of(num_bytes, known.weights_bytes)}"


def _show(architecture: str, *, before: str, is_needed: bool) -> None:
    known = ARCHITECTURES[architecture]
    assert known.weights_url is not None
    found = downloads.look(known.label, known.weights_url)
    if found.state != before:
        st.rerun()  # the whole page, which waits for them
    if found.state == "checking":
        st.caption("Checking the downloaded weights …")
    elif found.state == "running":
        _running(known.weights_url, found, known.weights_bytes)
    else:
        _offer(architecture, found, is_needed=is_needed)


def _offer(architecture: str, found: Look, *, is_needed: bool) -> None:
    known = ARCHITECTURES[architecture]
    if found.problem:
        is_old = found.problem_age_s > _OLD_S
        when = f" That was {duration(found.problem_age_s)} ago." if is_old else ""
        st.error(plain(found.problem) + when, icon=":material/error:")
    if found.state == "damaged":
        label = f"Download them again ({size(known.weights_bytes)})"
    elif found.num_bytes:
        st.caption(f"{_of(found.num_bytes, known.weights_bytes)} of the weights are here.")
        label = "Go on with the download"
    else:
        when = "" if is_needed else " A training downloads them when it starts."
        st.caption(f"The weights of {plain(known.label)} are not on this computer yet.{when}")
        label = f"Download them ({size(known.weights_bytes)})"
    st.button(
        label,
        icon=":material/download:",
        type="primary" if is_needed else "secondary",
        on_click=downloads.start,
        args=(known.label, known.weights_url),
        key="weights_download",
    )


def _running(url: str, found: Look, expected: int) -> None:
    total = found.total_bytes or expected
    left = f" · about {duration(found.seconds_left)} left" if found.seconds_left is not None else ""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.progress(
            _fraction(found.num_bytes, total), text=f"Downloading the weights: {_of(found.num_bytes, total)}{left}"
        )
        st.button("Stop", icon=":material/stop:", on_click=downloads.stop, args=(url,), key="weights_stop")


def _fraction(num_bytes: int, total: int) -> float:
    return min(num_bytes / max(total, 1), 1.0)


def _of(num_bytes: int, total: int) -> str:
    return f"{size(num_bytes)} of {size(max(total, num_bytes))}"
