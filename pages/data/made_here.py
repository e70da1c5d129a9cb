"""A data set made in the browser, class by class: a name for each, and photos that are dropped or taken for it."""

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from core import incoming
from core.data.sources.opening import Dropped
from pages.data.dropping import empty, token
from pages.data.origin import Origin
from pages.ui.drop_zone import drop_zone
from pages.ui.fields import text_field
from pages.ui.format import plain_name

_CLASSES = "data_made_classes"  # the numbers of the classes, in their order
_MAX_NAME = 60
_MAX_CLASSES = 100


@dataclass(frozen=True)
class _Class:
    """A class that is being made."""

    number: int  # never that of another one

    @property
    def slot(self) -> str:
        return f"class-{self.number}"

    @property
    def key(self) -> str:
        return f"data_made_name_{self.number}"


def origin() -> Origin | None:
    """Draw the classes. Returns what they hold, once that is enough."""
    st.caption("Name each class, and drop or take photos for it. Ten each are enough to try; more give better answers.")
    classes = [_Class(number) for number in st.session_state.setdefault(_CLASSES, [1, 2])]
    dropped: list[tuple[Path, Dropped]] = []
    names: list[str] = []
    is_complete = True
    for made in classes:
        with st.container(border=True):
            name, files = _show(made, is_last=len(classes) == 1)
        names.append(name)
        is_complete &= bool(name) or not files
        dropped += [(file.path, Dropped(file=file.path.name, name=file.name, class_name=name)) for file in files]
    st.button("Add a class", icon=":material/add:", on_click=_add, disabled=len(classes) >= _MAX_CLASSES)
    used = {entry.class_name for _, entry in dropped}
    if not is_complete:
        st.caption(":material/info: Give every class that has photos a name.")
    elif twice := next((name for name in names if name and names.count(name) > 1), None):
        st.caption(f":material/info: Two classes are called “{plain_name(twice)}”. Rename one.")
    elif len(used) < 2:
        st.caption(":material/info: Add photos to at least two classes.")
    else:
        return Origin(name=" and ".join(sorted(used)[:3]), reading="dropped", dropped=tuple(dropped))
    return None


def _show(made: _Class, *, is_last: bool) -> tuple[str, list[incoming.Incoming]]:
    """One class: its name and its photos."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = text_field("Class", key=made.key, placeholder="for example: cat", max_chars=_MAX_NAME)
        st.button(
            "Remove",
            icon=":material/close:",
            type="tertiary",
            on_click=_remove,
            args=(made,),
            disabled=is_last,
            key=f"data_made_remove_{made.number}",
        )
    files = drop_zone(
        key=f"data_made_drop_{made.number}",
        token=token(),
        slot=made.slot,
        label="Drop photos here",
        hint="or take some with the camera",
        accept="image/*",
        is_camera=True,
    )
    if files:
        st.button(
            "Remove all",
            icon=":material/delete:",
            type="tertiary",
            on_click=empty,
            args=(made.slot,),
            key=f"data_made_empty_{made.number}",
        )
    return name, files


def _add() -> None:
    st.session_state[_CLASSES] = [*st.session_state[_CLASSES], max(st.session_state[_CLASSES]) + 1]


def _remove(made: _Class) -> None:
    empty(made.slot)
    st.session_state[_CLASSES] = [number for number in st.session_state[_CLASSES] if number != made.number]
