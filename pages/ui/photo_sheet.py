"""A page of photos, in which some can be selected and each can be enlarged. Knows nothing of what a selection is for.

The browser gets the photos as one picture from the server (`core/data/photo_route.py`), not through Streamlit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from core.data.sheets import COLUMNS, MAX_ROWS, MAX_TILE, TILE, rows_as_text
from core.words import shown

_SCRIPT = Path(__file__).with_suffix(".js").read_text()
_STYLE = Path(__file__).with_suffix(".css").read_text()
_MAX_CAPTION = 200  # characters; the page cuts it where its line ends, and its tip tells all of it


@dataclass(frozen=True)
class Tile:
    """One photo, what stands below it, and a short word upon it, such as "left out"."""

    row: int
    caption: str = ""
    mark: str = ""


def photo_sheet(
    set_key: str,
    version: str,
    tiles: Sequence[Tile],
    *,
    key: str,
    is_selectable: bool = True,
    tile: int = TILE,
) -> list[int]:
    """Draw at most `MAX_ROWS` photos of a data set, or bring those with this `key` up to date.

    `version` is the SHA-256 of all pixels of the data set, its manifest's `content`. A photo takes a square of `tile`
    pixels.

    Returns:
        The rows that are selected, in the order of the tiles. A selection stays while the same photos are shown.
    """
    rows = [each.row for each in tiles]
    assert len(rows) <= MAX_ROWS, len(rows)
    showing = _showing(key, (set_key, version, rows))
    selected = _selected(st.session_state.get(key), showing, rows)
    data = {
        "set": set_key,
        "version": version,
        "rows": rows,
        "address": rows_as_text(rows),
        "captions": [shown(each.caption, most=_MAX_CAPTION) if each.caption else "" for each in tiles],
        "marks": [shown(each.mark) if each.mark else "" for each in tiles],
        "showing": showing,
        "selected": selected,
        "isSelectable": is_selectable,
        "tile": tile,
        "maxTile": MAX_TILE,
        "columns": COLUMNS,
    }
    # Registering is cheap, and a component registered once at import is unknown to a runtime started later.
    component = st.components.v2.component("photo_sheet", js=_SCRIPT, css=_STYLE, isolate_styles=False)
    return _selected(component(key=key, data=data, height="content"), showing, rows)


def clear_selection(key: str) -> None:
    """Let no photo be selected any more, once something was done with those that are. For before they are drawn."""
    st.session_state.pop(f"{key}_showing", None)


def _showing(key: str, what: tuple[str, str, list[int]]) -> int:
    """A number that changes whenever other photos are shown: a selection of earlier ones may still be on its way."""
    number, before = st.session_state.get(f"{key}_showing", (0, None))
    if before != what:
        number = st.session_state.get(f"{key}_shown", 0) + 1
        st.session_state[f"{key}_shown"] = number
        st.session_state[f"{key}_showing"] = number, what
    return int(number)


def _selected(state: Any, showing: int, rows: list[int]) -> list[int]:
    """The rows that a browser says are selected, of those that are shown."""
    said = (state or {}).get("selected")
    if not isinstance(said, dict) or said.get("showing") != showing or not isinstance(said.get("rows"), list):
        return []
    return [row for row in rows if row in said["rows"]]
