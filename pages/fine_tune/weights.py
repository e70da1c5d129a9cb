"""The weights that the network starts from; a file of them is checked as soon as it is named."""

from dataclasses import replace

import streamlit as st

from core import ask
from core.models.catalog import ARCHITECTURES, Architecture
from core.runs.config import FineTuneConfig
from core.runs.settings import choices_of, settings_of
from pages.ui import file_check
from pages.ui.address import absolute_path
from pages.ui.fields import choice_field, held
from pages.ui.format import plain
from pages.ui.weights_download import show_weights


def choose_weights(architecture: str, *, key: str, file_key: str, of: str = "") -> str | None:
    """The choice of weights. Returns what is wrong with it, in a sentence, or None. `of` begins labels and sentence."""
    known, about = ARCHITECTURES[architecture], choices_of(FineTuneConfig)["weights"]
    choices = [name for name in about.options if name != "pretrained" or known.has_pretrained]
    if st.session_state[key] not in choices:
        st.session_state[key] = choices[-1]
    weights = choice_field(replace(about, label=of + about.label), key=key, options=choices)
    if weights == "random":
        st.caption("The network starts with random weights. With few photos, expect a low accuracy.")
    if weights == "pretrained":
        return weights_problem(architecture, key=key, of=of)
    return _choose_file(architecture, known, key=file_key, of=of) if weights == "file" else None


def weights_problem(architecture: str, *, key: str, of: str = "") -> str | None:
    """What is wrong with a network's ImageNet weights, in a sentence; what can be done about it is drawn."""
    if show_weights(architecture, is_needed=False, key=key) != "damaged":
        return None
    return f"{of}The ImageNet weights of {ARCHITECTURES[architecture].label} are damaged. Download them again."


def _choose_file(architecture: str, known: Architecture, *, key: str, of: str) -> str | None:
    ask.prepare_reading()
    about = settings_of(FineTuneConfig)["weights_file"]
    path = st.text_input(of + about.label, held(key, ""), key=key, placeholder="/path/to/weights.pth", help=about.help)
    if known.weights_url:
        st.caption(f"ImageNet weights, to download by hand: {plain(known.weights_url)}")
    if not (path or "").strip():
        st.caption("Type the path of the file to start from.")
        return f"{of}File is empty: type the path of the file to start from."
    path = absolute_path(path.strip())
    problem = file_check.problem(ask.weights_problem, path, architecture, path)
    if problem is None:
        st.success(f"The file fits {known.label}.", icon=":material/check:")
    return problem and f"{of}{problem}"
