"""A network in tables: its parameters by name, its blocks, and every layer."""

from typing import Any

import streamlit as st

from core.models.description import Description, Layer, Shape
from pages.ui.format import counted

_MAX_TABLE_HEIGHT = 560
_ROW_HEIGHT = 35
_COUNTS = {
    name: st.column_config.NumberColumn(format="localized") for name in ("Parameters", "Trainable", "Multiply-adds")
}


def show_named_parameters(described: Description) -> None:
    """The parameters of a small network, with their values."""
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


def show_blocks(described: Description) -> None:
    """The top-level blocks, and the share of the parameters that each holds."""
    if not described.blocks:
        return
    with st.expander("Blocks", icon=":material/view_agenda:", expanded=True):
        rows = [
            {
                "Block": block.name,
                "Type": block.type_name,
                "Layers": block.layers,
                "Output": _shape(block.output_shape),
                "Parameters": block.parameters,
                "Share": block.parameters / described.parameters,
                "Trainable": block.learning,
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
            st.caption(f"{counted(outside, 'parameter')} more belong to the network itself, outside its blocks.")


def show_layers(described: Description) -> None:
    """Every layer, in the order in which they first run."""
    st.subheader("Layers", anchor=False)
    st.caption(
        f"In the order in which they first run; outputs are for one input of {_shape(described.input_shape)}. "
        f"**In all: {counted(len(described.layers), 'layer')}, {counted(described.parameters, 'parameter')}, "
        f"{described.learning:,} of them trainable.**"
    )
    rows = [_layer_row(layer) for layer in described.layers]
    columns = {
        "Layer": st.column_config.TextColumn(pinned=True),
        "Calls": st.column_config.NumberColumn(help="How often the layer runs for one input."),
        "Output": st.column_config.TextColumn(help="The shape of its last call's output, batch first."),
        "Trainable": st.column_config.TextColumn(width="small", help="Whether its parameters have requires_grad."),
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
        "Type": layer.type_name,
        "Output": _shape(layer.output_shape),
        "Calls": layer.calls,
        "Parameters": layer.parameters,
        "Trainable": "✓" if layer.learning else "",
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


def _shape(shape: Shape | None) -> str:
    return "" if shape is None else str(shape)


def _rest(shape: Shape) -> str:
    """Says that there are more values than are shown."""
    return ", …" if len(shape) > 1 else ""
