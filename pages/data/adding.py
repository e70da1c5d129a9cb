"""The form of a new data set: where its photos are, what they are taken for, and how they are kept."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from core.data.sources.opening import Dropped
from core.data.stored import MAX_NAME
from core.runs.pack_config import PackConfig
from core.runs.settings import Choice, choices_of, numbers_of
from pages.data import dropping, made_here, published, typed
from pages.data.origin import Origin
from pages.ui.fields import choice_field, number_field
from pages.ui.format import plain
from pages.ui.once import note_click

ADD = "add_data_set"
_FROM = Choice(
    label="Where are the photos?",
    help=(
        "A folder or an archive on the computer that runs Unfreeze is read where it is. Dropped files are copied. "
        "CIFAR-10 and CIFAR-100 are downloaded when you click."
    ),
    options={"typed": "This computer", "dropped": "Drop files", "made": "By class", "published": "CIFAR"},
)
_NAME, _WAY_IN = "data_name", "data_from"
_SETTINGS = ("shape", "size", "validation", "test", "seed")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A data set that can be made."""

    name: str
    config: PackConfig
    dropped: Sequence[tuple[Path, Dropped]]


def add_form() -> Wanted | None:
    """Draw the form. Returns what it says, or None where that is not enough yet."""
    st.markdown("##### Add photos")
    ways = {"typed": typed.origin, "dropped": dropping.origin, "made": made_here.origin, "published": published.origin}
    origin: Origin | None = ways[choice_field(_FROM, key=_WAY_IN, default="typed")]()
    if origin is None:
        return None
    name = _choose_name(origin)
    config = _choose_settings(origin)
    st.button(
        "Make the data set",
        type="primary",
        icon=":material/photo_library:",
        width="stretch",
        disabled=config is None or not name,
        on_click=note_click,
        args=(ADD,),
    )
    return Wanted(name=name, config=config, dropped=origin.dropped) if config and name else None


def _choose_name(origin: Origin) -> str:
    """What the set is called: as what it is made of, until somebody says otherwise."""
    key = f"{_NAME}_{hashlib.sha256(f'{origin.source}/{origin.name}'.encode(errors='replace')).hexdigest()[:12]}"
    return str(st.text_input("Name", origin.name[:MAX_NAME], key=key, max_chars=MAX_NAME)).strip()


def _choose_settings(origin: Origin) -> PackConfig | None:
    """How the photos are kept and divided. None where a setting is not possible."""
    defaults = PackConfig().to_dict()
    problems: list[str | None] = []
    with st.expander("Settings", icon=":material/tune:"):
        for name in _SETTINGS:
            if name in choices_of(PackConfig):
                choice_field(choices_of(PackConfig)[name], key=f"data_{name}", default=defaults[name])
        left, right = st.columns(2)
        for index, name in enumerate(name for name in _SETTINGS if name in numbers_of(PackConfig)):
            with left if index % 2 == 0 else right:
                about = numbers_of(PackConfig)[name]
                problems.append(number_field(about, key=f"data_{name}", default=defaults[name]))
    values = {name: st.session_state[f"data_{name}"] for name in _SETTINGS}
    st.caption(_in_words(values, origin))
    if any(problems):
        return None
    try:
        return PackConfig.of(source=origin.source, reading=origin.reading, **values)
    except ValueError as error:
        st.error(plain(f"{str(error)[0].upper()}{str(error)[1:]}."), icon=":material/error:")
        return None


def _in_words(values: dict[str, Any], origin: Origin) -> str:
    """The settings in one line of Markdown, as far as they have an effect."""
    shape = choices_of(PackConfig)["shape"].in_words(values["shape"]).lower()
    _, has_validation, has_test = origin.given or (0, 0, 0)
    parts = [f"Kept at {values['size']} pixels, {shape}"]
    parts.append("validation as given" if has_validation else f"{values['validation']:g}% for validation")
    # Where some photos are given for training and none for test, none are wanted.
    parts.append("test as given" if has_test or any(origin.given) else f"{values['test']:g}% for test")
    return " · ".join(parts)
