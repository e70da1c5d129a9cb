"""Which runs are selected: those that the address names, in its order. It may name anything."""

from collections.abc import Sequence

import streamlit as st

from pages.ui import kept_address


def selected_ids() -> list[str]:
    """What the address selects, each once, as it stands there: it may name anything."""
    return list(dict.fromkeys(filter(None, st.query_params.get("compare", "").split(","))))


def show_selected(run_ids: Sequence[str]) -> None:
    """Put these ids into the address, in this order."""
    kept_address.move("compare", ",".join(run_ids))
