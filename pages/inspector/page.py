"""Architecture Inspector: what a network is made of, what a new head changes, and what freezing leaves to learn."""

from typing import Any

import streamlit as st

from core import helper
from core.errors import UnfreezeError
from core.models.catalog import ARCHITECTURES
from core.models.description import LESSON_NETWORKS, Description, Head, Layer, Shape
from core.runs.config import FineTuneConfig
from core.runs.settings import Range, numbers_of
from pages.places import FINE_TUNE, PREDICT
from pages.ui.address import read_settings, write_settings
from pages.ui.format import count, plain

_MODES = {"frozen": "Frozen", "full": "Full"}
_CLASSES = Range(1, 100_000)
_DEFAULTS = {"network": FineTuneConfig().architecture, "classes": 10, "mode": "frozen", "image_size": 224}
_CHOICES = {"network": (*ARCHITECTURES, *LESSON_NETWORKS), "mode": tuple(_MODES)}
_LABELS = {name: known.label for name, known in (ARCHITECTURES | LESSON_NETWORKS).items()}
_MAX_TABLE_HEIGHT = 560
_ROW_HEIGHT = 35


def main() -> None:
    """Draw the page."""
    helper.prepare("core.models.architecture")
    problems = _open()
    st.title("Architecture Inspector", anchor=False)
    st.markdown("See what a network is made of, what a new head changes, and what freezing leaves to learn.")
    for problem in problems:
        st.warning(plain(problem), icon=":material/link_off:")
    settings = _choose()
    _write_address()
    if settings is None:
        return
    network = _value("network")
    try:
        with st.spinner(f"Opening {_LABELS[network]} …"):
            described = _describe_lesson(network) if network in LESSON_NETWORKS else _describe(*settings)
    except UnfreezeError as error:
        st.error(plain(str(error)))
        st.button("Try again")
        return
    _show_numbers(described)
    if network in LESSON_NETWORKS:
        st.info(LESSON_NETWORKS[network].why_no_head, icon=":material/info:")
        _show_named_parameters(described)
    else:
        _show_head(described, frozen=_value("mode") == "frozen")
        _show_way_on(network, settings)
    _show_blocks(described)
    _show_layers(described)
    _show_printed(described)


@st.cache_data(max_entries=256, show_spinner=False)
def _describe(network: str, num_classes: int, mode: str, image_size: int) -> Description:
    described: Description = helper.call("core.models.architecture:describe", network, num_classes, mode, image_size)
    return described


@st.cache_data(show_spinner=False)
def _describe_lesson(network: str) -> Description:
    described: Description = helper.call("core.models.architecture:describe_lesson", network)
    return described


def _choose() -> tuple[str, int, str, int] | None:
    """Draw the choices. Returns network, classes, mode and image size, or None where a number cannot be."""
    left, right = st.columns([2, 3], gap="medium")
    with left:
        st.selectbox("Network", _LABELS, format_func=lambda name: _LABELS[name], key=_key("network"))
    network: str = _value("network")
    if network in LESSON_NETWORKS:
        st.caption(LESSON_NETWORKS[network].description)
        return network, 0, "full", 0
    known = ARCHITECTURES[network]
    sizes = Range(known.min_image_size, numbers_of(FineTuneConfig)["image_size"].allowed.maximum)
    with right:
        mode_column, classes_column, size_column = st.columns(3)
    with mode_column:
        st.segmented_control(
            "What learns",
            _MODES,
            format_func=lambda name: _MODES[name],
            key=_key("mode"),
            required=True,
            width="stretch",
            help="Frozen: only the new last layer learns. Full: every layer does.",
        )
    with classes_column:
        num_classes = st.number_input(
            "Classes", key=_key("classes"), step=1, help=f"What the new head tells apart. Allowed: {_CLASSES}."
        )
    with size_column:
        if known.image_size:
            image_size = known.image_size
            st.number_input("Image size", value=image_size, disabled=True, help=f"{known.label} reads no other size.")
        else:
            image_size = st.number_input(
                "Image size", key=_key("image_size"), step=1, help=f"Pixels, each way. Allowed: {sizes}."
            )
    st.caption(known.description)
    problems = [
        f"{label} must be {allowed}, but it is {'nothing' if value is None else f'{value:,}'}."
        for label, value, allowed in (("Classes", num_classes, _CLASSES), ("Image size", image_size, sizes))
        if value not in allowed and not (label == "Image size" and known.image_size)
    ]
    for problem in problems:
        st.error(plain(problem), icon=":material/error:")
    return None if problems else (network, num_classes, _value("mode"), image_size)


def _show_numbers(described: Description) -> None:
    with_parameters = sum(layer.parameters > 0 for layer in described.layers)
    numbers = {
        "Parameters": (f"{described.parameters:,}", "All numbers that training can set."),
        "That learn": (f"{described.learning:,}", "The parameters whose requires_grad is True."),
        "Multiply-adds": (
            count(described.multiply_adds)
            if described.multiply_adds < 1e9
            else f"{described.multiply_adds / 1e9:.2f} G",
            f"For one input, in convolutions and matrix products: {described.multiply_adds:,}.",
        ),
        "Weights": (_megabytes(described.parameters), "As float32, four bytes a parameter."),
        "Layers": (
            f"{len(described.layers):,}",
            f"Modules that compute something themselves; {with_parameters:,} of them hold parameters.",
        ),
    }
    with st.container(horizontal=True, gap="medium"):
        for label, (value, explanation) in numbers.items():
            st.metric(label, value, help=explanation, width="content")


def _show_head(described: Description, *, frozen: bool) -> None:
    """The head before and after, and what is left to learn."""
    assert described.head is not None
    assert described.original is not None
    st.subheader("The head", anchor=False)
    before, after = st.columns(2, gap="medium")
    with before:
        _head_card("As it comes", described.original.head, described.original.parameters)
    with after:
        _head_card("For your classes", described.head, described.parameters)
    st.subheader("What learns", anchor=False)
    share = described.learning / described.parameters
    said = f"**{described.learning:,} of {described.parameters:,} parameters** learn ({_percent(share)})."
    why = "Freezing leaves the new head alone to learn." if frozen else "Every layer learns on from where it starts."
    st.progress(share, text=f"{said} {why}")


def _head_card(title: str, head: Head, total: int) -> None:
    with st.container(border=True):
        st.markdown(f"**{title}**")
        st.code(f"{head.name}: {head.text}", language="python", wrap_lines=True)
        st.caption(f"{head.parameters:,} parameters in the head, {total:,} in all.")


def _show_way_on(network: str, settings: tuple[str, int, str, int]) -> None:
    """One click carries the choice on."""
    _, _, mode, image_size = settings
    query = {"architecture": network, "mode": mode}
    if image_size != FineTuneConfig().image_size:
        query["image_size"] = str(image_size)
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Fine-tune this network", type="primary", icon=":material/model_training:"):
            st.switch_page(FINE_TUNE.script, query_params=query)
        if ARCHITECTURES[network].has_pretrained:
            st.page_link(
                PREDICT.script,
                label="Predict with it",
                icon=":material/image_search:",
                query_params={"network": network},
            )
    st.caption("On the Fine-tune page, the photos that you choose decide how many classes the new head has.")


def _show_named_parameters(described: Description) -> None:
    st.subheader("named_parameters()", anchor=False)
    rows = [
        {
            "Name": parameter.name,
            "Shape": _shape(parameter.shape),
            "Values": ", ".join(f"{value:.4f}" for value in parameter.values) + _rest(parameter.shape),
            "requires_grad": str(parameter.learns),
        }
        for parameter in described.named_parameters
    ]
    st.dataframe(rows, hide_index=True, key="inspector_parameters", alt="The network's parameters by name")
    st.caption("The values are what the network starts from with seed 0.")


def _show_blocks(described: Description) -> None:
    if not described.blocks:
        return
    with st.expander("Blocks", icon=":material/view_agenda:", expanded=True):
        rows = [
            {
                "Block": block.name,
                "Type": block.kind,
                "Layers": block.layers,
                "Output": _shape(block.output_shape),
                "Parameters": block.parameters,
                "Share": block.parameters / described.parameters,
                "Learn": block.learning,
                "Multiply-adds": block.multiply_adds,
            }
            for block in described.blocks
        ]
        columns = {
            "Block": st.column_config.TextColumn(pinned=True),
            "Share": st.column_config.ProgressColumn("Share of parameters", format="percent"),
            **_COUNTS,
        }
        st.dataframe(
            rows, hide_index=True, column_config=columns, key="inspector_blocks", alt="The network's top-level blocks"
        )
        outside = described.parameters - sum(block.parameters for block in described.blocks)
        if outside:
            st.caption(f"{_number(outside, 'parameter')} more belong to the network itself, outside its blocks.")


def _show_layers(described: Description) -> None:
    st.subheader("Layers", anchor=False)
    st.caption(
        f"In the order in which they first run; outputs are for one input of {_shape(described.input_shape)}. "
        f"**In all: {_number(len(described.layers), 'layer')}, {_number(described.parameters, 'parameter')}, "
        f"{described.learning:,} of them learning.**"
    )
    rows = [_layer_row(layer) for layer in described.layers]
    columns = {
        "Layer": st.column_config.TextColumn(pinned=True),
        "Calls": st.column_config.NumberColumn(help="How often the layer runs for one input."),
        "Output": st.column_config.TextColumn(help="The shape of its last call's output, batch first."),
        "Learns": st.column_config.TextColumn(width="small", help="Whether its parameters have requires_grad."),
        **_COUNTS,
    }
    st.dataframe(
        rows,
        hide_index=True,
        height=min(_MAX_TABLE_HEIGHT, _ROW_HEIGHT * (len(rows) + 1) + 3),
        column_config=columns,
        key="inspector_layers",
        alt="Every layer with its type, output shape and parameters",
    )
    for note in _notes(described.layers):
        st.caption(note)


def _layer_row(layer: Layer) -> dict[str, Any]:
    return {
        "Layer": layer.name or "(the network itself)",
        "Type": layer.kind,
        "Output": _shape(layer.output_shape),
        "Calls": layer.calls,
        "Parameters": layer.parameters,
        "Learns": "✓" if layer.learning else "",
        "Multiply-adds": layer.multiply_adds,
        "Settings": layer.settings,
    }


def _notes(layers: tuple[Layer, ...]) -> list[str]:
    """What is odd about the table, said below it."""
    notes = []
    if any(layer.calls > 1 for layer in layers):
        notes.append("Layers with several calls are used more than once; their parameters count once.")
    if any(not layer.calls and layer.parameters for layer in layers):
        notes.append(
            "Layers with parameters and 0 calls are not called themselves: the attention around them uses their "
            "weights, and their multiply-adds stand there."
        )
    if any(not layer.calls and not layer.parameters for layer in layers):
        notes.append("Layers without parameters and with 0 calls are passed over in a prediction.")
    return notes


def _show_printed(described: Description) -> None:
    with st.expander("print(model)", icon=":material/data_object:"):
        if described.original is None:
            st.code(described.printed, language="python", height=480)
            return
        after, before = st.tabs(["With the new head", "As it comes"])
        with after:
            st.code(described.printed, language="python", height=480)
        with before:
            st.code(described.original.printed, language="python", height=480)


_COUNTS = {name: st.column_config.NumberColumn(format="localized") for name in ("Parameters", "Learn", "Multiply-adds")}


def _shape(shape: Shape | None) -> str:
    return "" if shape is None else str(shape)


def _rest(shape: Shape) -> str:
    """Says that there are more values than are shown."""
    return ", …" if len(shape) > 1 else ""


def _number(number: int, noun: str) -> str:
    """ "1 layer", "52 layers"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _percent(share: float) -> str:
    """ "0.0020%", "0.05%", "12.3%", "100%": little is never nothing, and nearly all is never all."""
    if share < 0.1:
        return f"{share:.2%}" if share >= 1e-4 else f"{share:.4%}"
    return f"{min(share, 0.999):.1%}" if share < 1 else "100%"


def _megabytes(parameters: int) -> str:
    return f"{parameters * 4 / 1e6:,.1f} MB" if parameters >= 1e5 else f"{parameters * 4:,} bytes"


def _open() -> list[str]:
    """Fill the choices in when the page is opened: from the address, or as they were left. Returns what was wrong."""
    if _key("network") in st.session_state:
        # What the last network had no field for was not drawn: kept, or it would be forgotten.
        for name in _DEFAULTS:
            st.session_state[_key(name)] = st.session_state.get(_key(name), _DEFAULTS[name])
        return []
    if not st.query_params and "inspector_address" in st.session_state:
        st.query_params.from_dict(st.session_state["inspector_address"])
    settings, problems = read_settings(st.query_params, _DEFAULTS, _CHOICES)
    for name, value in settings.items():
        st.session_state[_key(name)] = value
    known = ARCHITECTURES.get(settings["network"])
    if known and known.image_size and st.query_params.get("image_size", str(known.image_size)) != str(known.image_size):
        problems.append(f"{known.label} reads images of {known.image_size} pixels only; the address asks for others.")
    return problems


def _write_address() -> None:
    settings = {name: _value(name) for name in _DEFAULTS}
    if settings["network"] in LESSON_NETWORKS:
        settings = {"network": settings["network"]}
    elif ARCHITECTURES[settings["network"]].image_size:
        del settings["image_size"]
    address = write_settings(settings, _DEFAULTS)
    if st.query_params.to_dict() != address:
        st.query_params.from_dict(address)
    st.session_state["inspector_address"] = address


def _value(name: str) -> Any:
    return st.session_state[_key(name)]


def _key(name: str) -> str:
    return f"inspector_{name}"


main()
