"""Features of frozen layers that are kept on the disk: what they take, and a way to be rid of them."""

import streamlit as st

from core.durable import said_plainly
from core.feature_files import BUDGET_SETTING, FeatureFiles, budget_bytes
from core.runs import store
from core.words import size
from pages.ui.problems import problems_in_a_toast


def show_kept_features() -> None:
    """Draw them, if there are any."""
    there = FeatureFiles(store.home()).on_disk
    if not there.num_keys:
        return
    label = f"Kept features: {size(there.num_bytes)} of {size(budget_bytes())}"
    with st.expander(label, icon=":material/bolt:", key="runs_features"):
        st.caption(
            "What frozen layers have computed of photos is kept here: the next run on the same photos begins to train "
            "at once. What was not used for longest makes room for new ones. "
            f"{BUDGET_SETTING} sets how many gigabytes they may take. What is cleared is computed again when it is "
            "needed."
        )
        st.button("Clear", icon=":material/mop:", on_click=_clear, key="runs_features_clear")


@problems_in_a_toast()
def _clear() -> None:
    files = FeatureFiles(store.home())
    freed = files.on_disk.num_bytes
    with said_plainly("The kept features cannot be cleared", store.home()):
        files.clear()
    st.toast(f"{size(freed)} of the disk are free again.", icon=":material/mop:")
