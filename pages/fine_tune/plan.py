"""Beside the form: the photos that the network learns from, and what Start will do, in numbers."""

from typing import Any

import numpy as np
import streamlit as st

from core.data import library, preview
from core.data.batches import num_batches
from core.data.dataset import Manifest
from core.data.stored import parse_key
from core.models.blocks import blocks_of
from core.models.catalog import ARCHITECTURES
from core.runs.config import FineTuneConfig
from core.runs.settings import choices_of
from pages.fine_tune.values import key_of, value_of
from pages.fine_tune.words import in_minutes
from pages.places import DATA, DATA_SET
from pages.ui.fields import select_field
from pages.ui.format import counted, listed, plain, plain_name
from pages.ui.problems import problems_shown

_NUM_SHOWN, _MOST_PIXELS = 32, 64
_NUM_NAMED = 30


@st.cache_data(max_entries=50)
def _grid(data: str, digest: str) -> Any:
    """The picture of some training photos. `digest` tells a set from what it was before a photo was left out."""
    data_set = library.load(data)
    train = data_set.manifest.recorded("train")
    shown = [data_set.pixels[row] for row in train[preview.pick_per_class(data_set.manifest.labels[train], _NUM_SHOWN)]]
    side = min(max(max(photo.shape[:2]) for photo in shown), _MOST_PIXELS)
    return preview.make_grid(np.stack([preview.fitted(photo, side) for photo in shown]))


def choose_photos() -> None:
    """The field for the data set, and the way to add another one."""
    about = choices_of(FineTuneConfig)["data"]
    chosen = value_of("data")
    listed = list(about.options)
    if chosen not in listed:  # an earlier version, which a run was made with
        listed.append(chosen)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        select_field(about.label, listed, format_func=about.in_words, key=key_of("data"), help=about.help)
        st.page_link(DATA.script, label="Add your own", icon=":material/add_photo_alternate:", width="content")


@problems_shown()
def show_photos(data: str) -> None:
    """The photos that the network will learn from, as they are."""
    about, manifest = library.about(data), library.load(data).manifest
    st.markdown(f"##### {plain(about.label)}")
    st.markdown(plain(about.description))
    if len(manifest.rows("train")):
        label = library.Labels()[data]
        st.image(_grid(data, manifest.digest), width="stretch", alt=f"{_NUM_SHOWN} training photos of {label}")
    named = ", ".join(plain_name(name, most=40) for name in manifest.classes[:_NUM_NAMED])
    more = f", and {len(manifest.classes) - _NUM_NAMED:,} more" if len(manifest.classes) > _NUM_NAMED else ""
    st.caption(f"Classes: {named}{more}.")
    st.caption(f"{_set_aside(manifest)} Source: {plain(about.citation)}.")
    if parse_key(data):
        st.page_link(DATA_SET.script, label="See all photos", query_params={"set": data.partition("@")[0]})


def _set_aside(manifest: Manifest) -> str:
    """What validation and test are for, and how many photos they have."""
    if manifest.draws_validation:
        validation = (
            "A tenth of the training photos is set aside for validation: it measures the accuracy after every epoch."
        )
    elif count := len(manifest.rows("validation")):
        measure = "measures" if count == 1 else "measure"
        validation = f"{counted(count, 'photo')} {measure} the accuracy after every epoch."
    else:
        validation = "No photos are set aside for validation: the last epoch counts."
    if count := len(manifest.rows("test")):
        return f"{validation} The {counted(count, 'test photo')} are used once, at the end."
    return f"{validation} There are no test photos, so no final accuracy is known."


def show_plan(configs: list[FineTuneConfig]) -> None:
    """What Start will do, in numbers: every choice shows its effect at once."""
    config = configs[0]
    manifest = library.load(config.data).manifest
    num_classes = len(manifest.classes)
    train = len(manifest.rows("train", seed=config.seed))
    steps = num_batches(train, config.batch_size)
    st.markdown("##### What will happen")
    st.markdown(
        f"1. {_new_layers(configs, num_classes)}\n"
        f"2. {_who_learns(configs, num_classes)}\n"
        f"3. {train:,} photos in batches of {config.batch_size} make {steps:,} steps an epoch, "
        f"{_all_steps(configs, steps)}. The chart shows each step as soon as it is done."
    )
    kept, size = manifest.pack, max(config.image_size for config in configs)
    if kept is not None and size > kept.size:
        st.caption(
            f":material/info: These photos are kept at {kept.size} pixels, and the network reads {size}: it sees them "
            "enlarged. To keep more of them, pack them anew at another size on the page Data."
        )
    if not len(manifest.rows("validation", seed=config.seed)) and (idle := _idle_without_validation(configs)):
        st.caption(
            f":material/info: Nothing tells a better epoch from a worse one without validation photos: {listed(idle)} "
            f"{'has' if len(idle) == 1 else 'have'} no effect."
        )


def _idle_without_validation(configs: list[FineTuneConfig]) -> list[str]:
    """What these runs ask for that scores of validation photos decide on."""
    asked = {
        "early stopping": any(config.goal.patience for config in configs),
        "the schedule “plateau”": any(config.optimizer.schedule == "plateau" for config in configs),
    }
    return [name for name, is_asked in asked.items() if is_asked]


def _new_layers(configs: list[FineTuneConfig], num_classes: int) -> str:
    """What becomes of the last layer of each network."""
    classes = counted(num_classes, "class")
    known, *others = dict.fromkeys(ARCHITECTURES[config.architecture] for config in configs)
    if not others:
        return f"The last layer, `{known.head}`, is replaced: {known.head_features:,} features now lead to {classes}."
    replaced = [f"`{each.head}` of {plain(each.label)} ({each.head_features:,} features)" for each in (known, *others)]
    return f"The last layers are replaced: {listed(replaced)} now lead to {classes}."


def _all_steps(configs: list[FineTuneConfig], steps: int) -> str:
    """How many steps there are in all, where an epoch has so many."""
    if any(config.minutes for config in configs):
        if len({config.minutes for config in configs}) > 1:
            own = [in_minutes(run.minutes) if run.minutes else counted(run.epochs, "epoch") for run in configs]
            return f"and the runs train for {listed(own)}"
        each = " for each run" if len(configs) > 1 else ""
        return f"and as many epochs are trained as fit into **{in_minutes(configs[0].minutes)}**{each}"
    least, most = (steps * ends(config.epochs for config in configs) for ends in (min, max))
    count = f"**{least:,} steps** in all" if least == most else f"**{least:,} to {most:,} steps** in all"
    return f"{count} for each run" if len(configs) > 1 else count


def _who_learns(configs: list[FineTuneConfig], num_classes: int) -> str:
    """How many parameters are trained, in a sentence; for a race, one count a way to fine-tune, or a network."""
    totals = {config.architecture: _total(config, num_classes) for config in configs}
    learning = dict.fromkeys(
        (config.architecture, config.what_learns, config.parameters_that_learn(num_classes)) for config in configs
    )
    total = totals[configs[0].architecture]
    if len(configs) == 1:
        ((_, _, number),) = learning
        return f"**{number:,} of {total:,} parameters** are trained ({number / total:.2%}){_from_where(configs[0])}."
    if len(totals) == 1:
        counts = listed([f"**{number:,}** ({what})" for _, what, number in learning])
        return f"{len(configs)} runs start with the same new layer. Of {total:,} parameters, {counts} are trained."
    shares = [
        f"**{number:,}** of {totals[name]:,} parameters ({plain(ARCHITECTURES[name].label)}, {what})"
        for name, what, number in learning
    ]
    return f"{len(configs)} runs see the same photos in the same order. Trained are {listed(shares)}."


def _total(config: FineTuneConfig, num_classes: int) -> int:
    return ARCHITECTURES[config.architecture].parameters_with(num_classes)


def _from_where(config: FineTuneConfig) -> str:
    """Which layers these are, where they are neither one nor all."""
    found = blocks_of(config.architecture)
    return f": from `{found[config.first_block].name}` on" if 0 < config.first_block < len(found) - 1 else ""
