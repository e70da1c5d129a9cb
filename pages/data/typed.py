"""Photos in a folder or an archive on the computer that runs Unfreeze: typed or found, then looked through."""

import hashlib
from pathlib import Path

import streamlit as st

from core import ask
from core.data.dataset import SIDES
from core.data.sources import browsing
from core.data.sources.looking import Look, Way
from core.errors import DataSetError
from pages.data.looked import looked_through, offer_to_look_again
from pages.data.origin import Origin
from pages.ui.address import absolute_path
from pages.ui.fields import text_field
from pages.ui.format import counted, plain, plain_name

_PATH, _BROWSED, _WAY = "data_path", "data_browsed", "data_way"
_NAMED = 12


def origin() -> Origin | None:
    """Draw the choice. Returns where the photos are, once that is known."""
    ask.look_at_photos.prepare()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        typed = text_field(
            "Folder, zip or tar file",
            key=_PATH,
            placeholder="/home/me/photos",
            help="On the computer that runs Unfreeze.",
        )
        with st.popover("Browse", icon=":material/folder_open:"):
            _browse()
    typed = typed.strip("'\"").removeprefix("file://")
    if not typed:
        st.caption(
            "A folder for each class, folders “train” and “test” with classes in them, or photos with a table (CSV "
            "or Parquet) of path and label."
        )
        return None
    path = absolute_path(typed)
    looked = looked_through(path, lambda: ask.look_at_photos.later(path))
    if looked is None:
        return None
    way = choose_way(looked, path)
    offer_to_look_again()
    return Origin(name=looked.name, source=path, reading=way.key, given=way.given)


def choose_way(looked: Look, about: str) -> Way:
    """Say what the files are, and offer the other ways to read them. `about` is the place that was looked through."""
    ways = {way.key: way for way in looked.ways}
    key = f"{_WAY}_{hashlib.sha256(about.encode(errors='replace')).hexdigest()[:12]}"
    way = ways.get(str(st.session_state.get(key)), looked.ways[0])
    if way.num_classes > 1:
        st.success(plain(way.sentence), icon=":material/check:")
    else:
        st.warning(
            f"{plain(way.sentence)} With one class there is nothing to tell apart: put the photos of each class into a "
            "folder of its own.",
            icon=":material/warning:",
        )
    for note in looked.notes:
        st.caption(f":material/info: {plain(note)}")
    st.caption(_classes(way))
    if len(ways) > 1:
        st.radio("Read it as", list(ways), format_func=lambda key: plain(ways[key].sentence), key=key)
    return way


def _classes(way: Way) -> str:
    named = ", ".join(f"{plain_name(name, most=40)} {count:,}" for name, count in way.classes[:_NAMED])
    more = f" and {way.num_classes - _NAMED:,} more classes" if way.num_classes > _NAMED else ""
    given = ", ".join(f"{count:,} for {side}" for side, count in zip(SIDES, way.given, strict=True) if count)
    return f"{counted(way.num_photos, 'photo')}: {named}{more}.{f' By its folders or table: {given}.' if given else ''}"


def _browse() -> None:
    """Go through the folders that may be shown, and choose one."""
    roots = browsing.roots()
    if not roots:
        st.caption("There is no home folder here. UNFREEZE_ROOTS names folders to browse; or type a path.")
        return
    here: Path = st.session_state.get(_BROWSED) or roots[0]
    try:
        places, is_more = browsing.inside(here)
    except DataSetError as error:
        st.error(plain(str(error)), icon=":material/error:")
        places, is_more, here = [], False, roots[0]
    st.markdown(f"**{plain_name(here, most=60)}**")
    with st.container(horizontal=True):
        is_root = here in roots
        st.button("Up", icon=":material/arrow_upward:", disabled=is_root, on_click=_go, args=(here.parent,))
        st.button("Choose this folder", type="primary", on_click=_choose, args=(here,))
        for root in roots if len(roots) > 1 else []:
            st.button(plain_name(root, most=30), type="tertiary", on_click=_go, args=(root,), key=f"data_root_{root}")
    with st.container(height=320, border=False):
        for index, place in enumerate(places):
            st.button(
                plain_name(place.path.name, most=50),
                icon=":material/folder:" if place.is_folder else ":material/folder_zip:",
                type="tertiary",
                on_click=_go if place.is_folder else _choose,
                args=(place.path,),
                key=f"data_place_{index}",
            )
        if not places:
            st.caption("No folder and no archive in here.")
        if is_more:
            st.caption("There are more. Type the path instead.")


def _go(folder: Path) -> None:
    st.session_state[_BROWSED] = folder


def _choose(path: Path) -> None:
    st.session_state[_PATH] = str(path)
