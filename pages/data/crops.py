"""What a training will see: the very crops of its first steps, computed by a helper as the training computes them."""

from concurrent.futures import Future
from typing import Any

import numpy as np
import streamlit as st

from core import ask
from core.data import library, preview
from core.errors import UnfreezeError
from core.models.catalog import ARCHITECTURES
from core.runs.config import FineTuneConfig
from core.runs.presets import PRESETS
from pages.ui.format import plain
from pages.ui.problems import problems_shown

_ASKED = "data_crops_asked"
_SHOWN_AT = 112  # pixels
_COLUMNS = 8
_MAX_STEP = 1_000_000
_POLL_S = 0.3
_CHOICES = {True: "Random crops", False: "Whole photos"}


def crops_tab(key: str) -> None:
    """Draw the photos of a step."""
    st.fragment(_crops)(key)


@problems_shown()
def _crops(key: str) -> None:
    defaults = FineTuneConfig.of(**PRESETS["quick"].settings("frozen"))
    if not len(library.load(key).manifest.rows("train")):
        st.caption("There are no training photos.")
        return
    st.markdown(
        f"The photos of one step, as {ARCHITECTURES[defaults.architecture].label} reads them at {defaults.image_size} "
        "pixels, in a training with seed 0 and batches of 32. Each step draws other photos and other crops."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        step = st.number_input("Step", 1, _MAX_STEP, key="data_crops_step", step=1, width=160)
        is_random = st.segmented_control(
            "Augmentation", list(_CHOICES), format_func=_CHOICES.__getitem__, default=True, key="data_crops_random"
        )
    _show(_ask(key, int(step), bool(is_random)))


def _ask(key: str, step: int, is_random: bool) -> "Future[Any]":
    """Ask for a step once, whatever is drawn meanwhile."""
    about = key, library.load(key).manifest.digest, step, is_random
    known: tuple[object, Future[Any]] | None = st.session_state.get(_ASKED)
    if known is None or known[0] != about:
        defaults = FineTuneConfig.of(**PRESETS["quick"].settings("frozen"))
        asked = ask.crops.later(key, defaults.architecture, defaults.image_size, 0, step, is_random)
        known = about, asked
        st.session_state[_ASKED] = known
    return known[1]


def _show(asked: "Future[Any]") -> None:
    if not asked.done():
        st.fragment(_wait, run_every=_POLL_S)(asked)
        return
    error = asked.exception()
    if error is not None:
        st.error(plain(str(error) if isinstance(error, UnfreezeError) else "The crops could not be computed."))
        return
    crops = np.stack([preview.fitted(crop, _SHOWN_AT) for crop in asked.result()])
    st.image(preview.make_grid(crops, num_columns=_COLUMNS), alt=f"{len(crops)} crops")


def _wait(asked: "Future[Any]") -> None:
    st.caption("Cutting the crops out …")
    if asked.done():
        st.rerun(scope="app")
