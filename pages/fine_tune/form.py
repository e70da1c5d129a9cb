"""The form of a fine-tuning, or of a race: every choice is explained, every number is checked where it is typed.

Its settings stand in the address as far as they differ from the quick preset's, so that a link opens them.
"""

from typing import Any, Literal

import streamlit as st

from core import reader
from core.data import preview, splits
from core.data.sources import SOURCES
from core.errors import UnfreezeError
from core.models.catalog import ARCHITECTURES, Architecture
from core.runs import devices, jobs, store
from core.runs.config import INTEGERS, PRESETS, RANGES, FineTuneConfig, check_race
from pages.fine_tune import lanes
from pages.ui import file_check
from pages.ui.address import absolute_path, read_settings, write_settings
from pages.ui.format import plain
from pages.ui.once import note_click

FormMode = Literal["frozen", "full", "race"]
_MODES = {"frozen": "Frozen", "full": "Full", "race": "Race both"}
_MODE_HELP = {
    "frozen": "Only the new last layer learns; everything before it keeps what it learned from ImageNet. Fast.",
    "full": "Every layer learns on, from where its weights start. Slower, and it wants more photos to pay off.",
    "race": "Both ways train turn about, from the same new layer and on the same batches, into one chart.",
}
WEIGHTS = {"pretrained": "ImageNet", "file": "From a file", "random": "Random"}
_AUGMENTATIONS = {"none": "None", "random_resized_crop": "Random crops"}
_PRECISIONS = {"auto": "Automatic", "float32": "float32", "bfloat16": "bfloat16"}
_LABELS = {
    "epochs": "Epochs",
    "learning_rate": "Learning rate",
    "batch_size": "Batch size",
    "image_size": "Image size",
    "momentum": "Momentum",
    "weight_decay": "Weight decay",
    "seed": "Seed",
}
_HELP = {
    "epochs": "How often every training photo is seen.",
    "learning_rate": "How far each step moves the weights.",
    "batch_size": "Photos a step.",
    "image_size": "Pixels to which photos are resized, each way. The networks were trained at 224.",
    "momentum": "How much of the last step's direction is kept.",
    "weight_decay": "How strongly weights are pulled towards zero.",
    "seed": "The same seed gives the same new layer, order and crops.",
}

FORM = "fine_tune"


def fine_tune_form() -> list[FineTuneConfig]:
    """Draw the form beside the photos. Returns a configuration for each lane, none where it cannot be started."""
    problems = _open()
    st.title("Fine-tune", anchor=False)
    st.markdown("Teach a network that has seen a million photos to tell yours apart, and watch every step of it.")
    for problem in problems:
        st.warning(plain(problem), icon=":material/link_off:")
    form, photos = st.columns([5, 6], gap="large")
    with form:
        configs, obstacle = _form()
    with photos:
        _show_photos(_value("data"))
        if configs:
            _show_plan(configs)
    _write_address()
    return [] if obstacle else configs


def reuse(config: FineTuneConfig, **changes: Any) -> None:
    """Go back to the form with a run's settings filled in. For a button's `on_click`."""
    _fill_in(config.to_dict() | changes)
    lanes.reset()
    st.session_state["preset"] = next(filter(_is_preset, PRESETS), "quick")
    st.query_params.clear()


def _form() -> tuple[list[FineTuneConfig], str | None]:
    """The choices. Returns a configuration a lane, none where something is wrong, and what forbids to start them."""
    architecture = st.selectbox(
        "Network",
        ARCHITECTURES,
        format_func=lambda name: ARCHITECTURES[name].label,
        key=_key("architecture"),
        on_change=_start_from_the_best_weights,
    )
    known = ARCHITECTURES[architecture]
    st.caption(known.description)
    weights_problem = _weights(architecture, known)

    st.segmented_control(
        "What learns",
        _MODES,
        format_func=lambda name: _MODES[name],
        key=_key("mode"),
        required=True,
        on_change=_apply_preset,
        width="stretch",
    )
    st.caption(_MODE_HELP[_value("mode")])
    is_race = _value("mode") == "race"
    preset = st.segmented_control(
        "Preset",
        PRESETS,
        format_func=lambda name: PRESETS[name].label,
        key="preset",
        default="quick",
        required=True,
        on_change=_apply_preset,
        width="stretch",
    )
    st.caption(PRESETS[preset].description)
    # A label that stays: with another one it would be another expander, closed again after every change.
    with st.expander("Settings", icon=":material/tune:"):
        problems = _settings(known)
    changed = "" if _is_preset(preset) else " · changed from the preset"
    st.caption(_settings_line() + changed)
    chosen, lanes_problem = lanes.choose(_value("learning_rate")) if is_race else ([], None)

    values = {name: _value(name) for name in FineTuneConfig.__dataclass_fields__}
    values["weights_file"] = _path() if values["weights"] == "file" else None
    values["image_size"] = known.image_size or values["image_size"]
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


def _weights(architecture: str, known: Architecture) -> str | None:
    """The choice of weights. Returns what is wrong with it, or None."""
    choices = [name for name in WEIGHTS if name != "pretrained" or known.has_pretrained]
    if _value("weights") not in choices:
        st.session_state[_key("weights")] = choices[-1]
    weights = st.segmented_control(
        "Weights to start from",
        choices,
        format_func=lambda name: WEIGHTS[name],
        key=_key("weights"),
        required=True,
        width="stretch",
    )
    if weights == "random":
        st.caption("The network starts from nothing: expect low accuracy on few photos.")
    if weights != "file":
        return None
    reader.prepare()
    path = st.text_input(
        "File",
        key=_key("weights_file"),
        placeholder="/path/to/weights.pth",
        help="A state dict (.pth, .pt or .safetensors) on the computer that runs Unfreeze.",
    )
    if known.weights_url:
        st.caption(f"ImageNet weights to fetch by hand: {plain(known.weights_url)}")
    if not path:
        st.caption("Name a file to start from.")
        return "no file"
    problem = _file_problem(architecture, str(_path()))
    if problem is None:
        st.success(f"The file fits {known.label}.", icon=":material/check:")
    return problem


def _path() -> str | None:
    """The file as typed, made absolute: a worker runs elsewhere."""
    typed = (_value("weights_file") or "").strip()
    return absolute_path(typed) if typed else None


def _file_problem(architecture: str, path: str) -> str | None:
    """What is wrong with a file, asked again only when it has changed."""
    return file_check.problem("core.models.build:check_file", architecture, path, path=path)


def _settings(known: Architecture) -> list[str]:
    """Every number and option. Returns what is wrong with them."""
    problems: list[str] = []
    left, right = st.columns(2)
    for index, (name, label) in enumerate(_LABELS.items()):
        with left if index % 2 == 0 else right:
            if name == "image_size" and known.image_size:
                st.number_input(
                    label, value=known.image_size, disabled=True, help=f"{known.label} reads no other size."
                )
                continue
            value = st.number_input(
                label,
                key=_key(name),
                step=1 if name in INTEGERS else None,
                format="%d" if name in INTEGERS else "%g",
                help=f"{_HELP[name]} Allowed: {RANGES[name]}.",
            )
            allowed = RANGES[name]
            if name == "image_size":
                allowed = allowed._replace(minimum=known.min_image_size)
            if value is None or value not in allowed:
                typed = "nothing" if value is None else f"{value:,g}"
                problem = f"{label} must be {allowed}, but it is {typed}."
                st.markdown(f":red[:material/error: {plain(problem)}]")
                problems.append(problem)
    with right:
        st.selectbox("Precision", _PRECISIONS, format_func=lambda name: _PRECISIONS[name], key=_key("precision"))
    st.segmented_control(
        "Augmentation",
        _AUGMENTATIONS,
        format_func=lambda name: _AUGMENTATIONS[name],
        key=_key("augmentation"),
        required=True,
        help="Random crops show a different part of every photo each time. They make a frozen network compute it anew.",
    )
    known_devices = devices.remembered(store.home())
    if len(known_devices) > 1:
        labels = {"auto": "Automatic"} | {info.name: info.label for info in known_devices}
        st.selectbox("Device", labels, format_func=lambda name: labels[name], key=_key("device"))
    return problems


def _settings_line() -> str:
    """The settings in one line, for the closed expander."""
    crops = " · random crops" if _value("augmentation") != "none" else ""
    numbers = {
        name: "?" if _value(name) is None else f"{_value(name):,g}"
        for name in ("epochs", "learning_rate", "batch_size")
    }
    return (
        f"{numbers['epochs']} epochs · learning rate {numbers['learning_rate']} · batch {numbers['batch_size']}{crops}"
    )


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


@st.cache_data
def _grid(data: str) -> Any:
    train = SOURCES[data].load().train
    return preview.make_grid(train.images[preview.pick_per_class(train.labels, 32)])


def _show_photos(data: str) -> None:
    """The photos that the network will learn from, as they are."""
    source = SOURCES[data]
    data_set = source.load()
    st.markdown(f"##### {source.label}")
    st.markdown(source.description)
    st.image(_grid(data), width="stretch", alt=f"32 training photos of {source.label}")
    st.caption(f"Classes: {', '.join(data_set.classes)}.")
    st.caption(
        f"A tenth of the training photos is held back to validate every epoch; the {len(data_set.test)} test photos "
        f"are scored once, at the end. Source: {source.citation}."
    )


def _show_plan(configs: list[FineTuneConfig]) -> None:
    """What Start will do, in numbers: every choice shows its effect at once."""
    config = configs[0]
    known, data_set = ARCHITECTURES[config.architecture], SOURCES[config.data].load()
    num_classes = len(data_set.classes)
    head, parameters = known.head_parameters(num_classes), known.parameters_with(num_classes)
    train, _ = splits.split_validation(data_set.train.labels, seed=config.seed)
    steps = splits.num_batches(len(train), config.batch_size)
    st.markdown("##### What will happen")
    st.markdown(
        f"1. The last layer, `{known.head}`, is replaced: {known.head_features:,} features now lead to "
        f"{num_classes} classes.\n"
        f"2. {_who_learns(configs, head, parameters)}\n"
        f"3. {len(train):,} photos in batches of {config.batch_size} make {steps:,} steps an epoch, "
        f"**{steps * config.epochs:,} steps** in all{' for each lane' if len(configs) > 1 else ''}, drawn as they come."
    )


def _who_learns(configs: list[FineTuneConfig], head: int, parameters: int) -> str:
    """How many parameters learn, in a sentence; for a race, one count a way to fine-tune."""
    learning = {config.mode: head if config.mode == "frozen" else parameters for config in configs}
    if len(configs) == 1:
        (number,) = learning.values()
        return f"**{number:,} of {parameters:,} parameters** learn ({number / parameters:.1%})."
    counts = " and ".join(f"**{number:,}** in a {mode} lane" for mode, number in learning.items())
    return f"{len(configs)} lanes start from the same new layer. Of {parameters:,} parameters, {counts} learn."


def _start_from_the_best_weights() -> None:
    """What another network starts from: ImageNet where it has such weights, or else random ones."""
    has_pretrained = ARCHITECTURES[_value("architecture")].has_pretrained
    st.session_state[_key("weights")] = "pretrained" if has_pretrained else "random"


def _is_preset(preset: str) -> bool:
    """Whether the settings are still what the preset fills in."""
    return all(_value(name) == value for name, value in PRESETS[preset].settings(_value("mode")).items())


def _apply_preset() -> None:
    """Fill in the settings of the preset for the chosen mode."""
    for name, value in PRESETS[st.session_state["preset"]].settings(st.session_state[_key("mode")]).items():
        st.session_state[_key(name)] = value


def _open() -> list[str]:
    """Fill the form in when it is opened: from the address, or as it was left. Returns what was wrong in the address.

    The widgets' values are gone once another page was shown, so the address is kept for the way back.
    """
    if _key("architecture") in st.session_state:
        # A setting that the last network does not have was not drawn, and is forgotten.
        missing = [name for name in FineTuneConfig.__dataclass_fields__ if _key(name) not in st.session_state]
        _fill_in({name: _defaults(_value("mode"))[name] for name in missing})
        return []
    if not st.query_params and "fine_tune_address" in st.session_state:
        st.query_params.from_dict(st.session_state["fine_tune_address"])
    choices = _choices()
    mode, problems = read_settings(st.query_params, {"mode": "frozen"}, choices)
    defaults = {name: value for name, value in _defaults(mode["mode"]).items() if name != "mode"}
    settings, more_problems = read_settings(st.query_params, defaults, choices)
    _fill_in(mode | settings)
    lane_problem = lanes.read(st.query_params.get("lanes"))
    return [*problems, *more_problems, *([lane_problem] if lane_problem else [])]


def _choices() -> dict[str, tuple[str, ...]]:
    """What the address may name."""
    return {
        "architecture": tuple(ARCHITECTURES),
        "weights": tuple(WEIGHTS),
        "data": tuple(SOURCES),
        "mode": tuple(_MODES),
        "augmentation": tuple(_AUGMENTATIONS),
        "precision": tuple(_PRECISIONS),
        "device": ("auto", *(info.name for info in devices.remembered(store.home()))),
    }


def _write_address() -> None:
    settings = {name: _value(name) for name in FineTuneConfig.__dataclass_fields__}
    address = write_settings(settings, _defaults(settings["mode"]))
    if settings["mode"] != "frozen":
        address["mode"] = settings["mode"]
        if settings["mode"] == "race" and (raced := lanes.write()):
            address["lanes"] = raced
    if st.query_params.to_dict() != address:
        st.query_params.from_dict(address)
    st.session_state["fine_tune_address"] = address


def _defaults(mode: FormMode) -> dict[str, Any]:
    """What an address need not say: the product's own settings for that way to fine-tune."""
    return FineTuneConfig().to_dict() | PRESETS["quick"].settings(mode) | {"mode": mode}


def _fill_in(settings: dict[str, Any]) -> None:
    for name, value in settings.items():
        st.session_state[_key(name)] = value


def _value(name: str) -> Any:
    return st.session_state[_key(name)]


def _key(name: str) -> str:
    return f"fine_tune_{name}"
