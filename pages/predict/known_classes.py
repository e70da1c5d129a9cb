"""Which classes a network can answer, said beside it. The helper reads what only a file can tell."""

from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

import streamlit as st

from core import ask
from core.data import library
from core.errors import UnfreezeError
from core.models import imagenet
from core.predict.answers import NetworkRef
from core.runs.folder import RunFolder
from pages.ui.format import plain, plain_name

_LISTED = 12  # so many names fit into a line or two
_FOUND = 200  # names that are shown at once
_NAME_LENGTH = 40
_POLL_S = 0.5
_WARMED = "predict_warmed"


def say_known_classes(ref: NetworkRef) -> tuple[str, ...] | None:
    """Have the network loaded, and draw which classes it knows. Returns them, or None while nobody can tell."""
    warming = _warm(ref)
    classes = _without_its_file(ref)
    if classes is None and not warming.done():
        st.fragment(_wait, run_every=_POLL_S)(warming)
    elif classes is None:
        classes = _in_its_file(warming)
    if classes is not None:
        _say(classes)
    return classes


def forget() -> None:
    """Have the network loaded once more: the last try failed."""
    st.session_state.pop(_WARMED, None)


def _warm(ref: NetworkRef) -> "Future[tuple[str, ...]]":
    """Load the network ahead of the first photo. A new file, and so another `ref`, is loaded anew."""
    known: tuple[NetworkRef, Future[tuple[str, ...]]] | None = st.session_state.get(_WARMED)
    if known is None or known[0] != ref:
        known = ref, ask.warm_network.later(ref)
        st.session_state[_WARMED] = known
    return known[1]


def _without_its_file(ref: NetworkRef) -> tuple[str, ...] | None:
    """What the network's origin says of its classes."""
    if ref.source == "pretrained":
        return imagenet.CLASSES
    if ref.source == "file":
        return None
    try:
        return library.load(RunFolder(Path(ref.path).parents[1]).config().data).manifest.classes
    except UnfreezeError:  # its description is damaged or its photos are gone, its checkpoint need not be
        return None


def _in_its_file(warming: "Future[tuple[str, ...]]") -> tuple[str, ...] | None:
    """What the helper has found, or a sentence where it could not read the file."""
    error = warming.exception()
    if error is None:
        return warming.result()
    sentence = str(error) if isinstance(error, UnfreezeError) else "The network could not be read."
    st.warning(plain(sentence), icon=":material/error:")
    st.button("Read it again", icon=":material/refresh:", on_click=forget)
    return None


def _wait(warming: "Future[tuple[str, ...]]") -> None:
    st.caption("Reading which classes it knows …")
    if warming.done():
        st.rerun()  # the page, which knows what to show then


def _say(classes: tuple[str, ...]) -> None:
    if len(classes) == 1:
        st.caption(f"Knows one class, {_shown(classes[0])}: that is its answer to every photo.")
        return
    rest = "Its answer to any photo is one of them."
    if all(name == f"class {number}" for number, name in enumerate(classes)):
        st.caption(f"Knows {len(classes):,} classes by their numbers: the file holds no names. {rest}")
    elif len(classes) <= _LISTED:
        st.caption(f"Knows {len(classes)} classes: {', '.join(map(_shown, classes))}. {rest}")
    else:
        st.caption(f"Knows {len(classes):,} classes. {rest}")
        with st.popover("Search the classes", type="tertiary", icon=":material/search:"):
            st.fragment(_search)(classes)


def _search(classes: Sequence[str]) -> None:
    """Look a class up by a part of its name."""
    part = st.text_input("Part of a name", key="predict_search", placeholder="cat").strip()
    found = [name for name in classes if part.casefold() in name.casefold()]
    st.caption(f"{len(found):,} of {len(classes):,} classes" + (f", the first {_FOUND}" if len(found) > _FOUND else ""))
    with st.container(height=280, border=False):
        st.markdown("  \n".join(map(_shown, found[:_FOUND])) or "No class has that name.")


def _shown(name: str) -> str:
    return plain_name(name, most=_NAME_LENGTH)
