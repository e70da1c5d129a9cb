"""A published file that must be downloaded: offered by a button, shown on its way, and fetched anew where damaged."""

from dataclasses import dataclass

import streamlit as st

from core import downloads
from core.downloads import Look
from core.published_file import PublishedFile
from core.words import size
from pages.ui.format import duration, plain

_POLL_S = 0.5
_OLD_S = 60.0  # from when on it is said how long ago something went wrong: perhaps in another window
_CHANGING = ("running", "checking")


@dataclass(frozen=True, kw_only=True)
class Words:
    """How a page speaks of a file."""

    thing: str  # "weights"
    button: str  # what begins it: "Download them"
    absent: str  # Markdown that stands above that button
    num_bytes: int  # about how many it has, until its server says it
    is_primary: bool  # whether that button is the next click
    key: str  # begins the keys of its buttons


def show_download(file: PublishedFile, words: Words) -> str:
    """How it stands with a file: "here", or else what can be done about it is drawn."""
    found = downloads.look(file)
    poll_s = _POLL_S if found.state in _CHANGING else None
    if found.state != "here":
        st.fragment(_show, run_every=poll_s)(file, words, before=found.state)
    return found.state


def amount(num_bytes: int, total: int) -> tuple[float, str]:
    """How much of a file is here, as a fraction and in words."""
    return min(num_bytes / max(total, 1), 1.0), f"{size(num_bytes)} of {size(max(total, num_bytes))}"


def _show(file: PublishedFile, words: Words, *, before: str) -> None:
    found = downloads.look(file)
    if found.state != before:
        st.rerun()  # the whole page, which waits for it
    if found.state == "checking":
        st.caption(f"Checking the downloaded {words.thing} …")
    elif found.state == "running":
        _running(file, words, found)
    else:
        _offer(file, words, found)


def _offer(file: PublishedFile, words: Words, found: Look) -> None:
    if found.problem:
        is_old = found.problem_age_s > _OLD_S
        when = f" That was {duration(found.problem_age_s)} ago." if is_old else ""
        st.error(plain(found.problem) + when, icon=":material/error:")
    if found.state == "damaged":
        label = f"{words.button} again ({size(words.num_bytes)})"
    elif found.num_bytes:
        st.caption(f"{amount(found.num_bytes, words.num_bytes)[1]} of the {words.thing} are here.")
        label = "Go on with the download"
    else:
        st.caption(words.absent)
        label = f"{words.button} ({size(words.num_bytes)})"
    st.button(
        label,
        icon=":material/download:",
        type="primary" if words.is_primary else "secondary",
        on_click=downloads.start,
        args=(file,),
        key=f"{words.key}_download",
    )


def _running(file: PublishedFile, words: Words, found: Look) -> None:
    done, in_words = amount(found.num_bytes, found.total_bytes or words.num_bytes)
    left = f" · about {duration(found.seconds_left)} left" if found.seconds_left is not None else ""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.progress(done, text=f"Downloading the {words.thing}: {in_words}{left}")
        st.button("Stop", icon=":material/stop:", on_click=downloads.stop, args=(file,), key=f"{words.key}_stop")
