"""The form of a fine-tuning, or of a race: every choice is explained, every number is checked where it is typed."""

from typing import Any

import streamlit as st

from core.data import library
from core.errors import UnfreezeError
from core.models.catalog import ARCHITECTURES, Architecture
from core.runs import estimate, jobs, store
from core.runs.augmentation_settings import AugmentationSettings
from core.runs.config import FineTuneConfig, check_race
from core.runs.presets import PRESETS
from core.runs.quantities import MOST_EPOCHS
from core.runs.settings import settings_of
from pages.fine_tune import lane_form, lanes
from pages.fine_tune.plan import choose_photos, show_photos, show_plan
from pages.fine_tune.settings import choose_depth, choose_settings, settled, without_effect
from pages.fine_tune.values import (
    MODE,
    PRESET,
    apply_preset,
    follow_preset,
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
from pages.ui.fields import choice_field, select_field
from pages.ui.format import plain, roughly
from pages.ui.glossary import glossary
from pages.ui.once import note_click
from pages.ui.problems import problems_shown

_MODE_HELP = {
    "frozen": "Only the new last layer is trained. All other layers keep their weights. Fast.",
    "last_stage": "The new last layer and the last stage are trained: the blocks that work at the lowest resolution. "
    "What is before them is computed only once.",
    "blocks": "The new last layer is trained, and as many blocks before it as you say.",
    "full": "Every layer is trained, starting from its present weights. Slower, and it needs more photos.",
    "race": "Trains several ways side by side: with the same new layer, on the same batches, in one chart.",
}
FORM = "fine_tune"


def fine_tune_form() -> list[FineTuneConfig]:
    """Draw the form beside the photos. Returns a configuration for each lane, none where it cannot be started."""
    problems = open_form()
    st.title("Fine-tune", anchor=False)
    st.markdown(
        "Take a network that was trained on a million photos, teach it new classes, and watch every step. It learns "
        "from the bundled sample, or from photos of your own."
    )
    for problem in problems:
        st.warning(plain(problem), icon=":material/link_off:")
    form, photos = st.columns([5, 6], gap="large")
    with form:
        configs, obstacle = _form()
    write_address()
    with photos:
        show_photos(value_of("data"))
        if configs:
            with problems_shown():
                show_plan(configs)
        glossary()
    return [] if obstacle else configs


def _form() -> tuple[list[FineTuneConfig], str | None]:
    """The choices. Returns a configuration a lane, none where something is wrong, and what forbids to start them."""
    choose_photos()
    network = _choose_network()
    weights_problem = choose_weights(network, key=key_of("weights"), file_key=key_of("weights_file"))
    is_race = _choose_what_learns(network) == "race"
    problems = [*_choose_settings(ARCHITECTURES[network]), *_photos_problem()]
    chosen, race_problems = _choose_runs(network) if is_race else ([settled(_values())], [])
    problems += race_problems
    configs = [] if weights_problem or problems else [_config(values) for values in chosen]
    race_problem = _race_problem(configs) if is_race and configs else None
    disk_problem = _disk_problem(configs)
    for problem in [*problems, race_problem, disk_problem]:
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
    if not all(config.minutes for config in configs) and (seconds := estimate.seconds_of(configs, store.home())):
        st.caption(f":material/schedule: About {roughly(seconds)}, judging by an earlier run on this computer.")
    return configs, race_problem or disk_problem


def _config(values: dict[str, Any]) -> FineTuneConfig:
    """That of a run. Where it is given minutes, epochs are the most that there may be."""
    return FineTuneConfig.of(**values | ({"epochs": MOST_EPOCHS} if values["minutes"] else {}))


def _photos_problem() -> list[str]:
    """What is wrong with the photos, which may be gone since they were chosen."""
    if settings_of(FineTuneConfig)["data"].problem_with("data", value_of("data")):
        return ["The photos that were chosen are not there any more. Choose others."]
    try:
        has_some = len(library.load(value_of("data")).manifest.recorded("train")) > 0
    except UnfreezeError as error:
        return [str(error)]
    if has_some:
        return []
    return ["This data set has no training photos. Put some back on the page Data, or choose another."]


def _choose_network() -> str:
    network: str = select_field(
        "Network",
        ARCHITECTURES,
        format_func=lambda name: ARCHITECTURES[name].label,
        key=key_of("architecture"),
        on_change=start_from_the_best_weights,
    )
    st.caption(ARCHITECTURES[network].description)
    return network


def _choose_what_learns(network: str) -> str:
    mode = choice_field(MODE, key=key_of("mode"), on_change=follow_preset)
    st.caption(_MODE_HELP[mode])
    if mode == "blocks":
        choose_depth(network, key=key_of("depth"))
    return mode


def _choose_runs(network: str) -> tuple[list[dict[str, Any]], list[str]]:
    """The runs of a race: the settings of each, and what is wrong with them."""
    chosen, problems = lane_form.choose(settled(_values()))
    if any(lane["mode"] == "blocks" and "depth" not in lane for lane in lanes.all_of()):
        choose_depth(network, key=key_of("depth"))
    return chosen, problems


def _choose_settings(known: Architecture) -> list[str]:
    """A preset, and what can be set otherwise. Returns what is wrong with the settings."""
    preset = choice_field(PRESET, key="preset", on_change=apply_preset)
    st.caption(PRESETS[preset].description)
    # A label that stays: with another one it would be another expander, closed again after every change.
    with st.expander("Settings", icon=":material/tune:"):
        problems = choose_settings(known)
    changed = "" if is_preset(preset) else " · changed from the preset"
    named = ("epochs", "minutes", "learning_rate", "batch_size", "augmentation", *settings_of(AugmentationSettings))
    idle = without_effect({name: value_of(name) for name in settings_of(FineTuneConfig)})
    shown = {name: value_of(name) for name in named if name not in idle}
    st.caption(in_words({**shown, "image_size": known.image_size or value_of("image_size")}) + changed)
    return problems


def _values() -> dict[str, Any]:
    """What the form says; of a race, what its runs share."""
    return {name: value_of(name) for name in settings_of(FineTuneConfig)} | {"weights_file": weights_path()}


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
