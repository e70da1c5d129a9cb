"""The photos of a data set, page by page: by class and side, each to be enlarged, left out or relabelled."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.data import library
from core.data.dataset import SIDES, Manifest
from core.data.stored import StoredSet
from core.words import shown
from pages.data.editing import edit_selected, mark_of
from pages.data.words import told_apart
from pages.ui.format import counted
from pages.ui.pager import page_of
from pages.ui.photo_sheet import Tile, photo_sheet
from pages.ui.problems import problems_shown

_ALL, _SHEET = "All", "data_look_sheet"
_PER_PAGE = 48
_SIDE_LABELS = {_ALL: "All sides", "train": "Training", "validation": "Validation", "test": "Test", "out": "Left out"}


def look_tab(kept: StoredSet, key: str) -> None:
    """Draw the photos that are chosen, and what can be done with them."""
    st.fragment(_look)(kept, key)


@problems_shown()
def _look(kept: StoredSet, key: str) -> None:
    manifest = library.load(key).manifest
    rows = _choose(manifest)
    if not len(rows):
        st.caption("No photo is of that class and on that side.")
        return
    shown_rows = [int(row) for row in rows[list(page_of(len(rows), per_page=_PER_PAGE, key="data_look_page"))]]
    tiles = [Tile(row=row, caption=_caption(manifest, row), mark=mark_of(key, row)) for row in shown_rows]
    tools = st.container()  # above the photos, where they are seen with the first selection
    selected = photo_sheet(key, manifest.content, tiles, key=_SHEET)
    with tools:
        edit_selected(kept, key, selected, sheet=_SHEET, where="look")


def _choose(manifest: Manifest) -> NDArray[np.int64]:
    """The rows of the class and the side that are chosen."""
    counts = np.bincount(manifest.labels, minlength=len(manifest.classes))
    classes = {-1: f"All classes ({counted(len(manifest), 'photo')})"}
    names = told_apart(manifest.classes)
    classes |= {index: f"{name} ({counts[index]:,})" for index, name in enumerate(names)}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        label = st.selectbox("Class", list(classes), format_func=lambda index: classes[index], key="data_look_class")
        side = st.selectbox(
            "Side", list(_SIDE_LABELS), format_func=lambda name: _SIDE_LABELS[name], key="data_look_side"
        )
    wanted = np.ones(len(manifest), bool) if label in (None, -1) else manifest.labels == label
    if side == "out":
        wanted &= manifest.sides < 0
    elif side in SIDES:
        wanted &= manifest.sides == SIDES.index(side)
    return np.flatnonzero(wanted)


def _caption(manifest: Manifest, row: int) -> str:
    """What stands below a photo; not Markdown."""
    name = manifest.names[row].rpartition("/")[2]
    return f"{shown(manifest.classes[manifest.labels[row]], most=30)} · {shown(name, most=40)}"
