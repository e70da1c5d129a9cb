"""A page of nothing but drop zones: the dashboard's main script in `test_drop_zone.py`."""

import streamlit as st

from core import incoming
from core.runs import store
from pages.ui.drop_zone import drop_zone

if "token" not in st.session_state:
    st.session_state["token"] = incoming.new_drop(store.home())
token = st.session_state["token"]
st.set_page_config(layout="wide")
st.session_state["drawn"] = st.session_state.get("drawn", 0) + 1
if st.toggle("Something above"):
    st.text("Something")
if not st.toggle("Without zones"):
    photos = drop_zone(
        key="photos",
        token=token,
        slot="photos",
        label="Photos",
        hint="or drop photos and folders of photos here, up to 64 MB each",
        is_camera=True,
    )
    archive = drop_zone(
        key="archive", token=token, slot="archive", label="Archive", hint="or drop it here", accept=".zip,.tar",
        is_multiple=False,
    )  # fmt: skip
    for file in (*photos, *archive)[:200]:
        st.text(f"{file.slot}: {file.name}, {file.num_bytes} bytes")
st.text(f"Drawn {st.session_state['drawn']} times")
st.text(f"Token {token}")
