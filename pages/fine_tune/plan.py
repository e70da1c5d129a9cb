"""Beside the form: the photos that the network learns from, and what Start will do, in numbers."""

from typing import Any

import numpy as np
import streamlit as st

from core.data import preview
from core.data.batches import num_batches
from core.data.sources import SOURCES
from core.models.catalog import ARCHITECTURES
from core.runs.config import FineTuneConfig


@st.cache_data
def _grid(data: str) -> Any:
    data_set = SOURCES[data].load()
    train = data_set.manifest.recorded("train")
    shown = train[preview.pick_per_class(data_set.manifest.labels[train], 32)]
    return preview.make_grid(np.stack([data_set.pixels[row] for row in shown]))


def show_photos(data: str) -> None:
    """The photos that the network will learn from, as they are."""
    source = SOURCES[data]
    manifest = source.load().manifest
    st.markdown(f"##### {source.label}")
    st.markdown(source.description)
    st.image(_grid(data), width="stretch", alt=f"32 training photos of {source.label}")
    st.caption(f"Classes: {', '.join(manifest.classes)}.")
    st.caption(
        "A tenth of the training photos is set aside for validation: it measures the accuracy after every epoch. The "
        f"{len(manifest.rows('test'))} test photos are used once, at the end. Source: {source.citation}."
    )


def show_plan(configs: list[FineTuneConfig]) -> None:
    """What Start will do, in numbers: every choice shows its effect at once."""
    config = configs[0]
    known, manifest = ARCHITECTURES[config.architecture], SOURCES[config.data].load().manifest
    num_classes = len(manifest.classes)
    head, parameters = known.head_parameters(num_classes), known.parameters_with(num_classes)
    train = len(manifest.rows("train", seed=config.seed))
    steps = num_batches(train, config.batch_size)
    st.markdown("##### What will happen")
    st.markdown(
        f"1. The last layer, `{known.head}`, is replaced: {known.head_features:,} features now lead to "
        f"{num_classes} classes.\n"
        f"2. {_who_learns(configs, head, parameters)}\n"
        f"3. {train:,} photos in batches of {config.batch_size} make {steps:,} steps an epoch, "
        f"**{steps * config.epochs:,} steps** in all{' for each run' if len(configs) > 1 else ''}. The chart "
        "shows each step as soon as it is done."
    )


def _who_learns(configs: list[FineTuneConfig], head: int, parameters: int) -> str:
    """How many parameters are trained, in a sentence; for a race, one count a way to fine-tune."""
    learning = {config.mode: head if config.mode == "frozen" else parameters for config in configs}
    if len(configs) == 1:
        (number,) = learning.values()
        return f"**{number:,} of {parameters:,} parameters** are trained ({number / parameters:.2%})."
    counts = " and ".join(f"**{number:,}** in a {mode} run" for mode, number in learning.items())
    return f"{len(configs)} runs start with the same new layer. Of {parameters:,} parameters, {counts} are trained."
