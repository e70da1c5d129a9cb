"""Figures of a linear fit: the points with their lines, and how the parameters came there. Pure."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.points import HIGHEST, LOWEST, NOISE_VALUES, TRUTH, Line, Points
from core.figures.style import LANE_COLORS, MAX_POINTS, MORE_COLORS, Figure, base_layout, decimate, literal, typed

TRAINED_COLOR = LANE_COLORS["frozen"]
_BIAS_COLOR = LANE_COLORS["full"]
_EXACT_COLOR, _FILE_COLOR, _, _LOSS_COLOR, _, _GREY = MORE_COLORS
_LEFT, _RIGHT = LOWEST - 1, HIGHEST


@dataclass(frozen=True, kw_only=True)
class DrawnLine:
    """A line in the chart of the points."""

    label: str  # shown as it is
    line: Line
    color: str
    dash: str = "solid"
    width: float = 2


def truth_line() -> DrawnLine:
    """What the points were made from, without the noise."""
    return DrawnLine(label="Truth, y = 2x + 3", line=TRUTH, color=_GREY, dash="dot")


def exact_line(line: Line) -> DrawnLine:
    """The least-squares line."""
    return DrawnLine(label="Exact, least squares", line=line, color=_EXACT_COLOR, dash="dash", width=2.5)


def trained_line(line: Line) -> DrawnLine:
    """The line of the model that trains or has trained."""
    return DrawnLine(label="Trained", line=line, color=TRAINED_COLOR, width=2.5)


def file_line(name: str, line: Line) -> DrawnLine:
    """The line of a model that came from a user's file."""
    return DrawnLine(label=name, line=line, color=_FILE_COLOR, dash="dashdot")


def fitted_points(points: Points, lines: list[DrawnLine], *, chart_id: str) -> Figure:
    """The points and lines above what is left of them without y = 2x + 3: there a bias shows, however steep the lines.

    `chart_id` decides what a viewer's zoom belongs to.
    """
    data: list[dict[str, Any]] = []
    for axis, subtracted in (("y", Line(0.0, 0.0)), ("y2", TRUTH)):
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": "Points",
                "showlegend": False,
                "x": typed(points.x),
                "y": typed(points.y - subtracted(points.x)),
                "yaxis": axis,
                "marker": {"color": _GREY, "size": 7, "opacity": 0.8},
                "hovertemplate": "x %{x}, y %{y}<extra></extra>",
            }
        )
        data += [_line(drawn, subtracted, axis, index) for index, drawn in enumerate(lines)]
    heights = np.concatenate([points.y, TRUTH(np.array([_LEFT, _RIGHT]))])
    return {
        "data": data,
        "layout": {
            **base_layout(chart_id),
            "hovermode": "closest",
            "xaxis": {
                "title": {"text": "x", "standoff": 6},
                "range": [_LEFT, _RIGHT],
                "anchor": "y2",
                "zeroline": False,
            },
            # Fixed: a line on its way in moves, not the points.
            "yaxis": {
                "title": {"text": "y"},
                "domain": [0.42, 1],
                "range": [float(heights.min()) - 2, float(heights.max()) + 2],
                "zeroline": False,
            },
            "yaxis2": {
                "title": {"text": "y − (2x + 3)"},
                "domain": [0, 0.32],
                "range": [-1.5, NOISE_VALUES + 0.5],
                "dtick": 1,
                "zeroline": False,
            },
        },
    }


def _line(drawn: DrawnLine, subtracted: Line, axis: str, index: int) -> dict[str, Any]:
    ends = np.array([_LEFT, _RIGHT])
    label = literal(drawn.label)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": label,
        "legendgroup": f"line {index}",
        "showlegend": axis == "y",
        "x": typed(ends),
        "y": typed(drawn.line(ends) - subtracted(ends)),
        "yaxis": axis,
        "line": {"color": drawn.color, "width": drawn.width, "dash": drawn.dash},
        "hovertemplate": f"{drawn.line.weight:.4f} x + {drawn.line.bias:.4f}<extra>{label}</extra>",
    }


def fitting_curves(steps: NDArray[np.void], *, epochs: int, exact: Line, smallest_loss: float, chart_id: str) -> Figure:
    """The loss of every epoch above weight and bias, each towards its exact value.

    `chart_id` decides what a viewer's zoom belongs to.
    """
    highest = float(steps["loss"].max(initial=smallest_loss))
    decades = max(1, round(math.log10(highest / smallest_loss) / 5))  # between two ticks of the loss
    return {
        "data": [
            _curve(steps, "loss", "Loss", _LOSS_COLOR, "y"),
            _level(epochs, smallest_loss, "Smallest loss there is", _LOSS_COLOR, "y"),
            _curve(steps, "weight", "Weight", TRAINED_COLOR, "y2"),
            _level(epochs, exact.weight, "Exact weight", TRAINED_COLOR, "y2"),
            _curve(steps, "bias", "Bias", _BIAS_COLOR, "y2"),
            _level(epochs, exact.bias, "Exact bias", _BIAS_COLOR, "y2"),
        ],
        "layout": {
            **base_layout(chart_id),
            "hovermode": "x",
            "hoversubplots": "axis",
            "xaxis": {
                "title": {"text": "Epoch", "standoff": 6},
                "rangemode": "tozero",
                "anchor": "y2",
                "zeroline": False,
                "tickformat": ",d",
            },
            "yaxis": {
                "title": {"text": "Loss"},
                "type": "log",
                "dtick": decades,
                "domain": [0.58, 1],
                "zeroline": False,
            },
            "yaxis2": {"title": {"text": "Weight and bias"}, "domain": [0, 0.48], "zeroline": False},
        },
    }


def _curve(steps: NDArray[np.void], field: str, name: str, color: str, axis: str) -> dict[str, Any]:
    shown = decimate(steps[field], MAX_POINTS // 2)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": typed(steps["step"][shown]),
        "y": typed(steps[field][shown]),
        "yaxis": axis,
        "line": {"color": color, "width": 2},
        "hovertemplate": f"%{{y:.4~g}}<extra>{name}</extra>",
    }


def _level(epochs: int, value: float, name: str, color: str, axis: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": [0, epochs],
        "y": [value, value],
        "yaxis": axis,
        "line": {"color": color, "width": 1.5, "dash": "dash"},
        "hovertemplate": f"%{{y:.4~g}}<extra>{name}</extra>",
    }
