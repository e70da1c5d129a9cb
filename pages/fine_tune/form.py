"""The form of a fine-tuning, or of a race: every choice is explained, every number is checked where it is typed."""

import streamlit as st

from core.errors import UnfreezeError
from core.models.catalog import ARCHITECTURES
from core.runs import jobs, store
from core.runs.config import FineTuneConfig, check_race
from core.runs.presets import PRESETS
from core.runs.settings import settings_of
from pages.fine_tune import lanes
from pages.fine_tune.plan import show_photos, show_plan
from pages.fine_tune.settings import choose_settings
from pages.fine_tune.values import (
    MODES,
    apply_preset,
    is_preset,
    key_of,
    open_form,
    start_from_the_best_weights,
    value_of,
    weights_path,
    write_address,
)
from pages.fine_tune.weights import choose_weights
from pages.fine_tune.words import in_words
from pages.ui.format import plain
from pages.ui.once import note_click

_MODE_HELP = {
    "frozen": "Only the new last layer learns; everything before it keeps what it learned from ImageNet. Fast.",
    "full": "Every layer learns on, from where its weights start. Slower, and it wants more photos to pay off.",
    "race": "Both ways train turn about, from the same new layer and on the same batches, into one chart.",
}
FORM = "fine_tune"


def fine_tune_form() -> list[FineTuneConfig]:
    """Draw the form beside the photos. Returns a configuration for each lane, none where it cannot be started."""
    problems = open_form()
    st.title("Fine-tune", anchor=False)
    st.markdown(
        "Take a network that was trained on a million photos, teach it new classes, and watch every step. It learns "
        "from the sample on this page; training on your own photos is not possible yet."
    )
    for problem in problems:
        st.warning(plain(problem), icon=":material/link_off:")
    form, photos = st.columns([5, 6], gap="large")
    with form:
        configs, obstacle = _form()
    with photos:
        show_photos(value_of("data"))
        if configs:
            show_plan(configs)
    write_address()
    return [] if obstacle else configs


def _form() -> tuple[list[FineTuneConfig], str | None]:
    """The choices. Returns a configuration a lane, none where something is wrong, and what forbids to start them."""
    architecture = st.selectbox(
        "Network",
        ARCHITECTURES,
        format_func=lambda name: ARCHITECTURES[name].label,
        key=key_of("architecture"),
        on_change=start_from_the_best_weights,
    )
    known = ARCHITECTURES[architecture]
    st.caption(known.description)
    weights_problem = choose_weights(architecture, known)

    st.segmented_control(
        "What learns",
        MODES,
        format_func=lambda name: MODES[name],
        key=key_of("mode"),
        required=True,
        on_change=apply_preset,
        width="stretch",
    )
    st.caption(_MODE_HELP[value_of("mode")])
    is_race = value_of("mode") == "race"
    preset = st.segmented_control(
        "Preset",
        PRESETS,
        format_func=lambda name: PRESETS[name].label,
        key="preset",
        default="quick",
        required=True,
        on_change=apply_preset,
        width="stretch",
    )
    st.caption(PRESETS[preset].description)
    # A label that stays: with another one it would be another expander, closed again after every change.
    with st.expander("Settings", icon=":material/tune:"):
        problems = choose_settings(known)
    changed = "" if is_preset(preset) else " · changed from the preset"
    image_size = known.image_size or value_of("image_size")
    shown = {name: value_of(name) for name in ("epochs", "learning_rate", "batch_size", "augmentation")}
    st.caption(in_words({**shown, "image_size": image_size}) + changed)
    chosen, lanes_problem = lanes.choose(value_of("learning_rate")) if is_race else ([], None)

    values = {name: value_of(name) for name in settings_of(FineTuneConfig)}
    values["weights_file"] = weights_path() if values["weights"] == "file" else None
    values["image_size"] = image_size
    configs: list[FineTuneConfig] = []
    if not (weights_problem or problems or lanes_problem):
        configs = [FineTuneConfig(**{**values, **lane}) for lane in chosen or [{}]]
    race_problem = _race_problem(configs) if is_race and configs else None
    disk_problem = _disk_problem(configs)
    for problem in [*problems, lanes_problem, race_problem, disk_problem]:
        if problem:
            st.error(plain(problem), icon=":material/error:")
    st.button(
        "Start the race" if is_race else "Start fine-tuning",
        type="primary",
        icon=":material/play_arrow:",
        width="stretch",
        disabled=not configs or bool(race_problem or disk_problem),
        on_click=note_click,
        args=(FORM,),
    )
    return configs, race_problem or disk_problem


def _race_problem(configs: list[FineTuneConfig]) -> str | None:
    try:
        check_race(configs)
    except ValueError as error:
        return f"{str(error)[0].upper()}{str(error)[1:]}."
    return None


def _disk_problem(configs: list[FineTuneConfig]) -> str | None:
    try:
        if configs:
            jobs.check_disk(store.home(), *configs)
    except UnfreezeError as error:
        return str(error)
    return None
