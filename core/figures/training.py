"""Figures of trainings: one run live, or several in one chart. Pure: events and steps to plain dictionaries."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.figures.style import (
    LANE_COLORS,
    MAX_POINTS,
    MORE_COLORS,
    Figure,
    base_layout,
    decimate,
    literal,
    typed,
)
from core.runs.events import Evaluated

_SMOOTHING_SPAN = 0.02  # of all steps
_FEW_STEPS = 8


@dataclass(frozen=True, kw_only=True)
class ComparedRun:
    """One run in a chart of several."""

    label: str  # shown as it is
    color: str
    steps: NDArray[np.void]
    smoothed: NDArray[np.float64]
    validations: Sequence[Evaluated]
    steps_per_epoch: int


def live_training(
    steps: NDArray[np.void],
    smoothed: NDArray[np.float64],
    validations: Sequence[Evaluated],
    *,
    mode: str,
    steps_per_epoch: int,
    chart_id: str,
) -> Figure:
    """Loss of every step, raw and `smoothed`, above the validation accuracy: both over the steps.

    `chart_id` decides what a viewer's zoom belongs to: as long as it stays, so do zoom and legend choices.
    """
    color = lane_colors([mode])[0]
    return {
        "data": [
            {**_raw(steps, MAX_POINTS // 2, color), "name": "Loss of every step", "opacity": 0.45},
            {**_smooth_line(steps, smoothed, MAX_POINTS // 2, color), "name": "Loss, smoothed"},
            {**_validation(validations, steps_per_epoch, color), "name": "Validation accuracy"},
        ],
        "layout": _layout([evaluated.accuracy for evaluated in validations], chart_id, _last_step(steps)),
    }


def compare_training(lanes: Sequence[ComparedRun], *, chart_id: str) -> Figure:
    """Several runs over their steps: smoothed losses before faint raw ones, above the validation accuracies.

    A legend entry is a run: hiding it hides all that is drawn of it.
    """
    buckets = max(MAX_POINTS // (2 * max(len(lanes), 1)), 100)
    data: list[dict[str, Any]] = []
    for index, lane in enumerate(lanes):
        group = {"legendgroup": str(index)}
        hover = f"<extra>{literal(lane.label)}</extra>"
        smooth_hover = {"hovertemplate": "%{y:.4~g}" + hover}
        validation_hover = {"hovertemplate": "%{y:.1%} after epoch %{customdata}" + hover}
        data += [
            {
                **_raw(lane.steps, buckets, lane.color),
                **group,
                "name": literal(lane.label),
                "showlegend": False,
                "opacity": 0.25,
                "hoverinfo": "skip",
                "hovertemplate": None,
            },
            {**_smooth_line(lane.steps, lane.smoothed, buckets, lane.color), **group, **smooth_hover}
            | {"name": literal(lane.label)},
            {**_validation(lane.validations, lane.steps_per_epoch, lane.color), **group, **validation_hover}
            | {"name": literal(lane.label), "showlegend": False},
        ]
    accuracies = [evaluated.accuracy for lane in lanes for evaluated in lane.validations]
    last_step = max((_last_step(lane.steps) for lane in lanes), default=0)
    return {"data": data, "layout": _layout(accuracies, chart_id, last_step)}


def lane_colors(modes: Sequence[str]) -> list[str]:
    """A colour for each run: the first of each way to fine-tune has that way's own, the others one of their own."""
    others = cycle([*MORE_COLORS, *(color for mode, color in LANE_COLORS.items() if mode not in modes)])
    return [
        LANE_COLORS[mode] if mode in LANE_COLORS and mode not in modes[:index] else next(others)
        for index, mode in enumerate(modes)
    ]


def _raw(steps: NDArray[np.void], max_buckets: int, color: str) -> dict[str, Any]:
    shown = decimate(steps["loss"], max_buckets)
    return {
        "type": "scatter",
        "mode": "lines+markers" if len(shown) < 120 else "lines",
        "x": typed(steps["step"][shown]),
        "y": typed(steps["loss"][shown]),
        "line": {"color": color, "width": 1},
        "marker": {"color": color, "size": 4},
        "hovertemplate": "%{y:.4~g}<extra>loss</extra>",
    }


def _smooth_line(
    steps: NDArray[np.void], smoothed: NDArray[np.float64], max_buckets: int, color: str
) -> dict[str, Any]:
    num_steps = len(steps)
    shown = np.arange(0, num_steps, max(1, num_steps // max_buckets))
    if num_steps:
        shown = np.union1d(shown, [num_steps - 1])
    return {
        "type": "scatter",
        "mode": "lines",
        "x": typed(steps["step"][shown]),
        "y": typed(smoothed[shown]),
        "line": {"color": color, "width": 2.5},
        "hovertemplate": "%{y:.4~g}<extra>smoothed</extra>",
    }


def _validation(validations: Sequence[Evaluated], steps_per_epoch: int, color: str) -> dict[str, Any]:
    epochs = [evaluated.epoch for evaluated in validations]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": [epoch * steps_per_epoch for epoch in epochs],
        "y": [evaluated.accuracy for evaluated in validations],
        "customdata": epochs,
        "yaxis": "y2",
        "line": {"color": color, "width": 2, "dash": "dot"},
        "marker": {"color": color, "size": 7, "symbol": "diamond"},
        "hovertemplate": "%{y:.1%} after epoch %{customdata}<extra>validation</extra>",
    }


def _last_step(steps: NDArray[np.void]) -> int:
    return int(steps["step"][-1]) if len(steps) else 0


def _layout(accuracies: Sequence[float], chart_id: str, last_step: int) -> dict[str, Any]:
    return {
        **base_layout(chart_id),
        "hovermode": "x",
        "hoversubplots": "axis",
        "xaxis": {
            "title": {"text": "Step", "standoff": 6},
            "rangemode": "tozero",
            "anchor": "y2",
            "zeroline": False,
            "tickformat": ",d",
            **({"dtick": 1} if last_step < _FEW_STEPS else {}),  # or the axis would say 0 0 1 1
        },
        "yaxis": {"title": {"text": "Loss"}, "domain": [0.4, 1], "rangemode": "tozero", "zeroline": False},
        "yaxis2": {
            "title": {"text": "Accuracy"},
            "domain": [0, 0.3],
            "tickformat": ".0%",
            "range": accuracy_range(accuracies),
            "zeroline": False,
        },
    }


def accuracy_range(accuracies: Sequence[float]) -> list[float]:
    """An axis in tens of percent that shows every accuracy, with room for its marker."""
    if not accuracies:
        return [0.0, 1.03]
    low = np.floor((min(accuracies) - 0.03) * 10) / 10
    return [max(float(low), 0.0) - 0.02, 1.03]


def smooth(losses: NDArray[Any], total_steps: int) -> NDArray[np.float64]:
    """The exponential moving average, weighted so that it is unbiased from the first value on."""
    span = max(5.0, _SMOOTHING_SPAN * total_steps)
    averaged: NDArray[np.float64] = pd.Series(losses).ewm(span=span, adjust=True).mean().to_numpy()
    return averaged
