"""A zone to drop files on, which go to the server's disk as they come. Knows nothing of what they are for.

`st.file_uploader` holds every file in the server's memory, forgets them all when another page is drawn, and knows no
folders. This one sends them to `core/incoming_route.py`, with the folders that they were in, and takes photos from a
camera.
"""

from pathlib import Path

import streamlit as st

from core import incoming
from core.incoming import Incoming
from core.runs import store
from core.words import size

_HERE = Path(__file__).parent
_SCRIPT = "\n".join((_HERE / name).read_text() for name in ("drop_zone.js", "drop_camera.js", "drop_view.js"))
_STYLE = Path(__file__).with_suffix(".css").read_text()


def drop_zone(
    *,
    key: str,
    token: str,
    slot: str,
    label: str,
    hint: str,
    accept: str = "",
    is_multiple: bool = True,
    is_camera: bool = False,
) -> list[Incoming]:
    """Draw the zone. Returns what was dropped on this `slot` of the drop and has come whole, in that order.

    The page runs anew while files come, about twice a second at most, and when the last one is there. `accept` is a
    list like ".zip,.tar,image/*"; it is a help to the user and no check. Where there is one file at most, the latest
    one counts, and the others are removed. Not for a form: what arrives there would not be heard of.

    Raises:
        StorageError: the disk refuses.
    """
    found = [file for file in incoming.files(store.home(), token) if file.slot == slot]
    if not is_multiple and len(found) > 1:
        incoming.remove(store.home(), token, *(file.id for file in found[:-1]))
        found = found[-1:]
    # Registering is cheap, and a component registered once at import is unknown to a runtime started later.
    component = st.components.v2.component("drop_zone", js=_SCRIPT, css=_STYLE, isolate_styles=False)
    component(
        key=key,
        data={
            "token": token,
            "slot": slot,
            "label": label,
            "hint": hint,
            "accept": accept,
            "is_multiple": is_multiple,
            "is_camera": is_camera,
            "summary": _summary(found),
            "num_files": len(found),
        },
        height="content",
        on_arrived_change=lambda: None,  # what makes it an event that the page runs for
    )
    return found


def _summary(found: list[Incoming]) -> str:
    if not found:
        return ""
    num_bytes = sum(file.num_bytes for file in found)
    return f"{len(found):,} {'file is' if len(found) == 1 else 'files are'} here, {size(num_bytes)}"
