"""The settings of the form that are numbers and details, each checked where it is typed."""

import streamlit as st

from core.models.catalog import Architecture
from core.runs import known_devices, store
from core.runs.config import FineTuneConfig
from core.runs.settings import choices_of, numbers_of
from pages.fine_tune.values import key_of, value_of
from pages.ui.fields import choice_field, number_field

# Choices that the form asks for first, each with more to say of it.
_ELSEWHERE = ("architecture", "weights", "data", "mode", "depth")
# What says nothing of a run in which these learn.
_IDLE = {"frozen": ("backbone_rate", "layer_decay", "batch_norm"), "full": ("freezing",)}


def choose_settings(known: Architecture) -> list[str]:
    """Every number and option. Returns what is wrong with them."""
    problems: list[str | None] = []
    left, right = st.columns(2)
    hidden = (*_ELSEWHERE, *_IDLE.get(value_of("mode"), ()))
    numbers = {name: about for name, about in numbers_of(FineTuneConfig).items() if name not in hidden}
    for index, (name, about) in enumerate(numbers.items()):
        with left if index % 2 == 0 else right:
            if name == "image_size" and known.image_size:
                st.number_input(
                    about.label, value=known.image_size, disabled=True, help=f"{known.label} reads no other size."
                )
                continue
            allowed = about.allowed
            if name == "image_size":
                allowed = allowed._replace(minimum=known.min_image_size)
            problems.append(number_field(about, key=key_of(name), allowed=allowed))
    for name, choice in choices_of(FineTuneConfig).items():
        if name not in hidden:
            choice_field(choice, key=key_of(name))
    found = known_devices.remembered(store.home())
    if len(found) > 1:
        labels = {"auto": "Automatic"} | {info.name: info.label for info in found}
        st.selectbox("Device", labels, format_func=lambda name: labels[name], key=key_of("device"))
    return [problem for problem in problems if problem]
