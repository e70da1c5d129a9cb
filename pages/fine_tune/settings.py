"""The settings of the form that are numbers and details, each checked where it is typed."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, get_args

import streamlit as st

from core.models.blocks import blocks_of
from core.models.catalog import ARCHITECTURES, Architecture
from core.runs import known_devices, store
from core.runs.augmentation_settings import CHANGES, AugmentationSettings
from core.runs.config import FineTuneConfig
from core.runs.goal_settings import GoalSettings
from core.runs.learning_settings import LearningSettings
from core.runs.optimizer_settings import OptimizerSettings, Schedule
from core.runs.settings import choices_of, numbers_of, settings_of
from pages.fine_tune.values import key_of, value_of
from pages.ui.fields import choice_field, number_field, select_field
from pages.ui.format import counted

_DEFAULTS = FineTuneConfig().to_dict()
# Choices that the form asks for first, each with more to say of it.
_ELSEWHERE = ("architecture", "weights", "data", "mode", "depth")
# Settings that have no effect, by the value of another one that makes them idle.
_IDLE: dict[str, dict[str, tuple[str, ...]]] = {
    "mode": {
        "frozen": ("depth", "thaw_every", "backbone_rate", "layer_decay"),
        "last_stage": ("depth",),
        "full": ("depth",),
    },
    "augmentation": {"none": ("crop_scale",)},
    "algorithm": {"adamw": ("momentum",), "adam": ("momentum",)},
    "schedule": {name: ("plateau_epochs",) for name in get_args(Schedule) if name != "plateau"}
    | {"one_cycle": ("plateau_epochs", "warm_up")},
}
_COMPUTING = "Computing"
_SECTIONS = {
    "Augmentation": ("augmentation", *settings_of(AugmentationSettings)),
    "Optimizer": tuple(settings_of(OptimizerSettings)),
    "Trainable layers": tuple(settings_of(LearningSettings)),
    "Best epoch": tuple(settings_of(GoalSettings)),
    _COMPUTING: ("precision",),
}
_ABOUT_SECTION = {
    "Augmentation": "Changes training photos at random, so that the network does not learn them by heart. With any of "
    "it, frozen layers compute them anew in every epoch, which is slower, unless you then keep some views. Validation, "
    "test and Predict see photos as they are."
}


def without_effect(values: Mapping[str, Any]) -> list[str]:
    """The names of those settings that have none beside these values of others. Pure."""
    idle = [name for by, cases in _IDLE.items() for name in cases.get(values[by], ())]
    if values["minutes"] and values["mode"] != "race":  # some of whose runs may go by epochs
        idle.append("epochs")
    if values["mode"] == "full" and not values["thaw_every"]:
        idle.append("freezing")  # nothing ever is
    is_augmented = values["augmentation"] != "none" or any(values[name] for name in CHANGES)
    if not is_augmented or values["freezing"] == "gradients" or "freezing" in idle:
        idle.append("views")  # nothing is computed that could be kept, or all of it is
    if values["mode"] == "frozen" and values["freezing"] == "layers":
        idle.append("batch_norm")  # what learns has none
    return idle


def settled(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of one training as it is asked for: what has no effect has its default, but for epochs. Pure.

    What has no effect is not drawn, so whatever an address or an old run says there is nothing that one could mend.
    """
    found, known = dict(values), ARCHITECTURES[values["architecture"]]
    found["image_size"] = known.image_size or found["image_size"]
    found["weights_file"] = found["weights_file"] if found["weights"] == "file" else None
    # Where minutes are given epochs have none, but runs of a race that have no minutes go by them.
    return found | {name: _DEFAULTS[name] for name in without_effect(found) if name != "epochs"}


def choose_settings(known: Architecture) -> list[str]:
    """Every number and option, by what they are about. Returns what is wrong with them."""
    own = [name for name in settings_of(FineTuneConfig) if not any(name in names for names in _SECTIONS.values())]
    problems = _draw(own, known)
    for title, names in _SECTIONS.items():
        st.markdown(f"**{title}**")
        if title in _ABOUT_SECTION:
            st.caption(_ABOUT_SECTION[title])
        if title == _COMPUTING:
            _choose_device()
        problems += _draw(names, known)
    return problems


def _choose_device() -> None:
    """The field for the device, where there are several."""
    found = known_devices.remembered(store.home())
    if len(found) > 1:
        labels = {"auto": "Automatic"} | {info.name: info.label for info in found}
        select_field("Device", labels, format_func=lambda name: labels[name], key=key_of("device"))


def _draw(names: Collection[str], known: Architecture) -> list[str]:
    """Fields for those of these settings that have an effect: options first, and numbers side by side below."""
    idle = without_effect({name: value_of(name) for name in settings_of(FineTuneConfig)})
    shown = [name for name in names if name not in _ELSEWHERE and name not in idle]
    for name in shown:
        if name in (choices := choices_of(FineTuneConfig)):
            choice_field(choices[name], key=key_of(name))
    problems: list[str | None] = []
    left, right = st.columns(2)
    numbers = numbers_of(FineTuneConfig)
    for index, name in enumerate(name for name in shown if name in numbers):
        with left if index % 2 == 0 else right:
            problems.append(setting_number(name, known, key=key_of(name)))
    return [problem for problem in problems if problem]


def setting_number(name: str, known: Architecture, *, key: str, of: str = "") -> str | None:
    """A field for a number of a training of that network. Returns what is wrong with it. `of` begins its label."""
    about = numbers_of(FineTuneConfig)[name]
    about = replace(about, label=of + about.label)
    if name == "image_size" and known.image_size:
        st.number_input(about.label, value=known.image_size, disabled=True, help=f"{known.label} reads no other size.")
        return None
    allowed = about.allowed._replace(minimum=known.min_image_size) if name == "image_size" else about.allowed
    return number_field(about, key=key, allowed=allowed)


def choose_depth(network: str, *, key: str, of: str = "") -> None:
    """From which block on a network learns, the last ones first. `of` begins the label."""
    before_head = blocks_of(network)[-2::-1]
    names = {depth: block.name for depth, block in enumerate(before_head, start=1)}
    if st.session_state[key] not in names:  # of a deeper network
        st.session_state[key] = len(names)
    about = numbers_of(FineTuneConfig)["depth"]
    select_field(
        of + about.label,
        names,
        format_func=lambda depth: f"{names[depth]} on: {counted(depth, 'block')} and the new last layer",
        key=key,
        help=about.help,
    )
