"""The weights that the network starts from; a file of them is checked as soon as it is named."""

import streamlit as st

from core import ask
from core.models.catalog import Architecture
from core.runs.config import FineTuneConfig
from core.runs.settings import choices_of, settings_of
from pages.fine_tune.values import key_of, value_of, weights_path
from pages.ui import file_check
from pages.ui.fields import choice_field
from pages.ui.format import plain
from pages.ui.weights_download import show_weights


def choose_weights(architecture: str, known: Architecture) -> str | None:
    """The choice of weights. Returns what is wrong with it, or None."""
    about = choices_of(FineTuneConfig)["weights"]
    choices = [name for name in about.options if name != "pretrained" or known.has_pretrained]
    if value_of("weights") not in choices:
        st.session_state[key_of("weights")] = choices[-1]
    weights = choice_field(about, key=key_of("weights"), options=choices)
    if weights == "random":
        st.caption("The network starts with random weights. With few photos, expect a low accuracy.")
    if weights == "pretrained" and show_weights(architecture, is_needed=False) == "damaged":
        return "damaged weights"
    if weights != "file":
        return None
    ask.prepare_reading()
    path = st.text_input(
        "File",
        key=key_of("weights_file"),
        placeholder="/path/to/weights.pth",
        help=settings_of(FineTuneConfig)["weights_file"].help,
    )
    if known.weights_url:
        st.caption(f"ImageNet weights, to download by hand: {plain(known.weights_url)}")
    if not path:
        st.caption("Type the path of the file to start from.")
        return "no file"
    problem = _file_problem(architecture, str(weights_path()))
    if problem is None:
        st.success(f"The file fits {known.label}.", icon=":material/check:")
    return problem


def _file_problem(architecture: str, path: str) -> str | None:
    """What is wrong with a file, asked again only when it has changed."""
    return file_check.problem(ask.weights_problem, path, architecture, path)
