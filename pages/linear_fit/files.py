"""Saving a fitted line in both ways, and loading it back: each step is done with real files, in the helper process."""

import numpy as np
import streamlit as st

from core import ask
from core.errors import UnfreezeError
from core.models.saved import LoadedModel, NamedTensor, SavedModel
from core.runs.events import Fitted
from pages.ui.format import plain

_UPLOAD = "linear_fit_upload"


def save(fitted: Fitted) -> None:
    """Both ways to save, each with the proof that what is loaded is what was saved."""
    st.subheader("Save it and load it back", anchor=False)
    try:
        saved = _saved(fitted.weight, fitted.bias)
    except UnfreezeError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    st.markdown("What `model.named_parameters()` says of the fitted model:")
    rows = [
        f"| `{entry.name}` | {_value(entry)} | {entry.shape} | {entry.requires_grad} |" for entry in saved[0].parameters
    ]
    st.markdown("\n".join(["| Name | Value | Shape | requires_grad |", "| :-- | --: | :-- | :-- |", *rows]))
    for column, model in zip(st.columns(2, gap="medium"), saved, strict=True):
        with column:
            _way(model)


@st.cache_data(max_entries=32, show_spinner=False)
def _saved(weight: float, bias: float) -> tuple[SavedModel, ...]:
    return ask.save_line(weight, bias)


_WAYS = {
    "state_dict": (
        "Way 1: the state dict",
        "Only the named tensors, in an ordered dict: to load them, build the network first. `eval()` matters "
        "where there is Dropout or BatchNorm, which behave differently in training.",
        """\
torch.save(model.state_dict(), "linear_model.pth")

tensors = torch.load(
    "linear_model.pth",
    weights_only=True,
)
model = LinearModel()
model.load_state_dict(tensors)
model.eval()""",
    ),
    "module": (
        "Way 2: the whole module",
        "The tensors and the network, which is saved by the name of its class. Loading a class can run code, so "
        "PyTorch refuses it by default. Here a list names the classes that are allowed, and the check is never "
        "turned off.",
        """\
from torch.serialization import safe_globals

torch.save(model, "linear_model_with_arc.pth")
with safe_globals([LinearModel]):
    model = torch.load(
        "linear_model_with_arc.pth",
        weights_only=True,
    )
model.eval()""",
    ),
}


def _way(model: SavedModel) -> None:
    title, explanation, code = _WAYS[model.way]
    st.markdown(f"**{title}**  \n{explanation}")
    st.code(code, language=None, wrap_lines=True)
    rows = [
        f"| `{before.name}` | {_value(before)} | {_value(after)} | {'equal' if before == after else '**different**'} |"
        for before, after in zip(model.parameters, model.loaded, strict=True)
    ]
    st.markdown("\n".join(["| Name | Saved | Loaded back | |", "| :-- | --: | --: | :-- |", *rows]))
    st.download_button(
        f"Download {model.file_name}",
        data=model.contents,
        file_name=model.file_name,
        mime="application/octet-stream",
        icon=":material/download:",
        on_click="ignore",
        key=f"linear_fit_download_{model.way}",
    )


def loaded_file() -> tuple[LoadedModel | None, str | None]:
    """The line in the user's file, and what is wrong with the file. The uploader itself stands further down."""
    file = st.session_state.get(_UPLOAD)
    if file is None:
        return None, None
    try:
        return _loaded(file.name, file.getvalue()), None
    except UnfreezeError as error:
        return None, str(error)


@st.cache_data(max_entries=8, show_spinner=False)
def _loaded(name: str, contents: bytes) -> LoadedModel:
    return ask.load_line(ask.File(name, len(contents)), name, contents)


def load_back(loaded: LoadedModel | None, problem: str | None) -> None:
    """Take a user's file, and say what came out of it."""
    st.subheader("Load a file back", anchor=False)
    st.file_uploader(
        "A LinearModel saved in either way", type=["pth"], key=_UPLOAD, max_upload_size=1, help="At most 1 MB."
    )
    if problem:
        st.error(plain(problem), icon=":material/error:")
    if loaded is not None:
        way = "a state dict" if loaded.way == "state_dict" else "a whole module"
        values = ", ".join(f"`{entry.name}` {entry.value:.6g}" for entry in loaded.parameters)
        st.success(f"The file holds {way}: {values}. Its line is drawn beside the others.", icon=":material/check:")


def _value(entry: NamedTensor) -> str:
    """The shortest number that names this float32, and no other."""
    return str(np.float32(entry.value))
