"""Which network predicts: ImageNet's, a run's, or one from a file. The choice stands in the address."""

from itertools import islice

import streamlit as st

from core import ask
from core.errors import RunNotFoundError
from core.models.catalog import ARCHITECTURES
from core.predict.answers import NetworkRef
from core.runs import overview, store
from core.runs.config import FineTuneConfig
from core.runs.folder import RunFolder
from core.words import shown
from pages.places import FINE_TUNE, PREDICT
from pages.ui import file_check, kept_address
from pages.ui.address import absolute_path, read_settings
from pages.ui.fields import held, select_field
from pages.ui.format import plain, plain_name
from pages.ui.weights_download import show_weights

_SOURCES = {"pretrained": "ImageNet", "run": "A run", "file": "A file"}
_MAX_RUNS = 100
_SOURCE, _NETWORK, _RUN, _FILE = "predict_source", "predict_network", "predict_run", "predict_file"


def pick_network() -> NetworkRef | None:
    """Draw the choice. Returns the network, or None where it is not complete."""
    _open()
    runs = _runs_with_a_checkpoint()
    source = st.segmented_control(
        "Network",
        _SOURCES,
        format_func=lambda name: _SOURCES[name],
        key=_SOURCE,
        default=held(_SOURCE, None),
        required=True,
        width="stretch",
    )
    if source != "pretrained":
        ask.prepare_reading()
    if source == "run":
        ref = _pick_run(runs)
    elif source == "file":
        ref = _pick_file()
    else:
        name = _pick_architecture(
            "Trained on ImageNet", [name for name, known in ARCHITECTURES.items() if known.has_pretrained]
        )
        st.caption(ARCHITECTURES[name].description)
        is_here = show_weights(name, is_needed=True) == "here"
        ref = NetworkRef(source="pretrained", architecture=name) if is_here else None
    _write_address()
    return ref if ref is not None and _is_sound(ref) else None


def _is_sound(ref: NetworkRef) -> bool:
    """Whether the network can be had, as far as its file tells; what is wrong with it is said."""
    if ref.source == "pretrained":
        return True
    return file_check.problem(ask.network_problem, ref.path, ref) is None


def _open() -> None:
    """Fill the choice in when the page is opened: from the address, or as it was left."""
    if not kept_address.is_opened(PREDICT.address, ("run", "file", "network")):
        for name in (_NETWORK, _RUN, _FILE):  # a widget that is not drawn would forget what was chosen in it
            if name in st.session_state:
                st.session_state[name] = st.session_state[name]
        return
    address = st.query_params
    settings, problems = read_settings(address, {"network": "efficientnet_lite0"}, {"network": tuple(ARCHITECTURES)})
    for problem in problems:
        st.warning(plain(problem), icon=":material/link_off:")
    st.session_state[_SOURCE] = "run" if "run" in address else "file" if "file" in address else "pretrained"
    st.session_state[_NETWORK] = settings["network"]
    st.session_state[_RUN] = address.get("run")
    if (run_id := address.get("run")) and run_id not in _runs_with_a_checkpoint():
        st.warning(
            f"There is no network of a run {plain_name(run_id, most=40)} here, so that another one is chosen.",
            icon=":material/link_off:",
        )
    st.session_state[_FILE] = address.get("file", "")


def _write_address() -> None:
    source = st.session_state[_SOURCE]
    address: dict[str, str] = {}
    if source == "run":
        address = {"run": st.session_state.get(_RUN) or ""}
    if source == "file":
        address["file"] = st.session_state.get(_FILE) or ""
    if source != "run" and st.session_state.get(_NETWORK, "efficientnet_lite0") != "efficientnet_lite0":
        address["network"] = st.session_state[_NETWORK]
    address = {name: value for name, value in address.items() if value}
    kept_address.write(PREDICT.address, address)


def _runs_with_a_checkpoint() -> dict[str, RunFolder]:
    """The newest fine-tunings that have a network to predict with."""
    with_one = (folder for folder in store.newest(store.home()) if folder.has_model)
    return {folder.id: folder for folder in islice(with_one, _MAX_RUNS)}


def _pick_run(runs: dict[str, RunFolder]) -> NetworkRef | None:
    wanted = st.session_state.get(_RUN)
    if wanted and wanted not in runs:
        try:
            folder = store.find(store.home(), wanted)
            if folder.has_model:
                runs[wanted] = folder
            else:
                st.warning("This run has not finished an epoch yet, so it has no network. Choose another run.")
        except RunNotFoundError as error:
            st.warning(plain(str(error)))
    if not runs:
        st.session_state[_RUN] = None
        st.caption("No run has a network yet.")
        st.page_link(FINE_TUNE.script, label="Fine-tune one", icon=":material/model_training:")
        return None
    if wanted not in runs:
        st.session_state[_RUN] = next(iter(runs))
    run_id = select_field("Run", runs, format_func=lambda run_id: _label(runs[run_id]), key=_RUN)
    checkpoint = runs[run_id].best_checkpoint
    st.caption(_describe(runs[run_id]))
    return NetworkRef(source="checkpoint", path=str(checkpoint), version=_version(str(checkpoint)))


def _label(folder: RunFolder) -> str:
    try:
        name = str(folder.description()["name"])
    except RunNotFoundError:
        name = "Damaged run"
    when = overview.created(folder.id)
    return f"{shown(name)} · {f'{when.day} {when:%b, %H:%M}' if when else folder.id}"


def _describe(folder: RunFolder) -> str:
    try:
        config = folder.config_of(FineTuneConfig)
    except RunNotFoundError as error:
        return plain(str(error))
    return (
        f"{plain(config.in_words('architecture'))} at {config.image_size:,} pixels, with the weights of its best epoch."
    )


def _pick_file() -> NetworkRef | None:
    typed = st.text_input(
        "File",
        held(_FILE, ""),
        key=_FILE,
        placeholder="/path/to/model.pt",
        help="On the computer that runs Unfreeze: a model downloaded from a run, or a state dict "
        "(.pth, .pt or .safetensors).",
    ).strip()
    name = _pick_architecture("Network that these weights belong to", list(ARCHITECTURES))
    st.caption("A model that was downloaded from a run names its own network.")
    if not typed:
        return None
    path = absolute_path(typed)
    return NetworkRef(source="file", architecture=name, path=path, version=_version(path))


def _pick_architecture(label: str, choices: list[str]) -> str:
    if st.session_state.get(_NETWORK) not in choices:
        st.session_state[_NETWORK] = choices[0]
    return select_field(label, choices, key=_NETWORK, format_func=lambda name: ARCHITECTURES[name].label)


def _version(path: str) -> int:
    """A number that changes with the file."""
    return hash(file_check.version(path))
