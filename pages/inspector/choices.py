"""What is inspected: a network, its new head, and what learns. Kept in the session and in the address."""

from dataclasses import replace
from typing import Any

import streamlit as st

from core.models.catalog import ARCHITECTURES
from core.models.description import LESSON_NETWORKS
from core.runs.config import FineTuneConfig, Mode
from core.runs.settings import Range, choices_of, numbers_of
from pages.places import INSPECTOR
from pages.ui import kept_address
from pages.ui.address import read_settings, write_settings
from pages.ui.fields import choice_field, select_field
from pages.ui.format import plain

_MODES = choices_of(FineTuneConfig)["mode"]
_MODE = replace(_MODES, options={name: label for name, label in _MODES.options.items() if name != "blocks"})
_CLASSES = Range(1, 100_000)
DEFAULTS = {"network": FineTuneConfig().architecture, "classes": 10, "mode": "frozen", "image_size": 224}
_CHOICES = {"network": (*ARCHITECTURES, *LESSON_NETWORKS), "mode": tuple(_MODE.options)}
LABELS = {name: known.label for name, known in (ARCHITECTURES | LESSON_NETWORKS).items()}


def choose() -> tuple[str, int, Mode, int] | None:
    """Draw the choices. Returns network, classes, mode and image size, or None where a number cannot be."""
    left, right = st.columns([2, 3], gap="medium")
    with left:
        select_field("Network", LABELS, format_func=lambda name: LABELS[name], key=key_of("network"))
    network: str = value_of("network")
    if network in LESSON_NETWORKS:
        st.caption(LESSON_NETWORKS[network].description)
        return network, 0, "full", 0
    known = ARCHITECTURES[network]
    sizes = Range(known.min_image_size, numbers_of(FineTuneConfig)["image_size"].allowed.maximum)
    with right:
        mode_column, classes_column, size_column = st.columns(3)
    with mode_column:
        choice_field(_MODE, key=key_of("mode"))
    with classes_column:
        num_classes = st.number_input(
            "Classes",
            value=value_of("classes"),
            key=key_of("classes"),
            step=1,
            help=f"How many classes the new head tells apart. Allowed: {_CLASSES}.",
        )
    with size_column:
        if known.image_size:
            image_size = known.image_size
            st.number_input("Image size", value=image_size, disabled=True, help=f"{known.label} reads no other size.")
        else:
            image_size = st.number_input(
                "Image size",
                value=value_of("image_size"),
                key=key_of("image_size"),
                step=1,
                help=f"Pixels, each way. Allowed: {sizes}.",
            )
    st.caption(known.description)
    problems = [
        f"{label} must be {allowed}, but it is {'nothing' if value is None else f'{value:,}'}."
        for label, value, allowed in (("Classes", num_classes, _CLASSES), ("Image size", image_size, sizes))
        if value not in allowed and not (label == "Image size" and known.image_size)
    ]
    for problem in problems:
        st.error(plain(problem), icon=":material/error:")
    return None if problems else (network, num_classes, value_of("mode"), image_size)


def open_choices() -> list[str]:
    """Fill the choices in when the page is opened: from the address, or as they were left. Returns what was wrong."""
    if not kept_address.is_opened(INSPECTOR.address, DEFAULTS):
        # What the last network had no field for was not drawn: kept, or it would be forgotten.
        for name in DEFAULTS:
            st.session_state[key_of(name)] = st.session_state.get(key_of(name), DEFAULTS[name])
        return []
    settings, problems = read_settings(st.query_params, DEFAULTS, _CHOICES)
    for name, value in settings.items():
        st.session_state[key_of(name)] = value
    known = ARCHITECTURES.get(settings["network"])
    if known and known.image_size and st.query_params.get("image_size", str(known.image_size)) != str(known.image_size):
        problems.append(f"{known.label} reads images of {known.image_size} pixels only; the address asks for others.")
    return problems


def write_address() -> None:
    """Keep in the address what differs from the defaults."""
    settings = {name: value_of(name) for name in DEFAULTS}
    if settings["network"] in LESSON_NETWORKS:
        settings = {"network": settings["network"]}
    elif ARCHITECTURES[settings["network"]].image_size:
        del settings["image_size"]
    kept_address.write(INSPECTOR.address, write_settings(settings, DEFAULTS))


def value_of(name: str) -> Any:
    """What is chosen."""
    return st.session_state[key_of(name)]


def key_of(name: str) -> str:
    """The key of that choice's field in the session."""
    return f"inspector_{name}"
