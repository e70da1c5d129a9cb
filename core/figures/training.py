"""Figures of trainings: one run live, or several in one chart. Pure: events and steps to plain dictionaries."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.figures.marks import Mark, lines_at, ring
from core.figures.style import (
    LANE_COLORS,
    MAX_POINTS,
    MORE_COLORS,
    QUIET_COLOR,
    Figure,
    base_layout,
    decimate,
    literal,
    typed,
)
from core.figures.view import SIGNIFICANT, View, loss_axis, x_axis
from core.runs import history
from core.runs.events import Evaluated
from core.runs.milestones import Milestone
from core.runs.positions import along, place

_SMOOTHING_SPAN = 0.02  # of all steps


@dataclass(frozen=True, kw_only=True)
class Training:
    """One run in a chart."""

    label: str = ""  # shown as it is
    color: str
    steps: NDArray[np.void]
    smoothed: NDArray[np.float64]
    validations: Sequence[Evaluated]
    steps_per_epoch: int
    has_schedule: bool = False  # its learning rate changes
    milestones: Sequence[Milestone] = ()

    @property
    def last_step(self) -> int:
        """0 before the first one."""
        return int(self.steps["step"][-1]) if len(self.steps) else 0


def live_training(run: Training, *, chart_id: str, view: View | None = None) -> Figure:
    """Losses of every step, raw and smoothed, and of the validations, above the validation accuracy.

    Where the learning rate changes it has a line of its own below. `chart_id` decides what a viewer's zoom belongs to:
    as long as it stays, so do zoom and legend choices.
    """
    view = view or View()
    data = [
        {**_raw(run, view, MAX_POINTS // 2), "name": "Loss of every step", "opacity": 0.45},
        {**_smooth_line(run, view, MAX_POINTS // 2), "name": "Loss, smoothed"},
        {**_validation_loss(run, view), "name": "Validation loss", "legendgroup": "loss"},
        {**_accuracy(run, view), "name": "Validation accuracy", "legendgroup": "accuracy"},
    ]
    rings = _rings(run, data[2], data[3], ("lowest", "best"))
    return {"data": [*data, *rings, *_rates([run], view)], "layout": _layout([run], view, chart_id, [QUIET_COLOR])}


def compare_training(lanes: Sequence[Training], *, chart_id: str, view: View | None = None) -> Figure:
    """Several runs: smoothed losses before faint raw ones and those of validations, above the accuracies.

    A legend entry is a run: hiding it hides all that is drawn of it.
    """
    view = view or View()
    buckets = max(MAX_POINTS // (2 * max(len(lanes), 1)), 100)
    data: list[dict[str, Any]] = []
    rings: list[dict[str, Any]] = []
    for index, lane in enumerate(lanes):
        raw = {"opacity": 0.25, "hoverinfo": "skip", "hovertemplate": None}
        parts = [
            {**_raw(lane, view, buckets), **raw},
            _smooth_line(lane, view, buckets),
            _validation_loss(lane, view),
            _accuracy(lane, view),
        ]
        drawn = [{**part, **_of_lane(lane, index), "showlegend": number == 1} for number, part in enumerate(parts)]
        data += drawn
        rings += _rings(lane, drawn[2], drawn[3], ("", ""))
    return {
        "data": [*data, *rings, *_rates(lanes, view)],
        "layout": _layout(lanes, view, chart_id, [lane.color for lane in lanes]),
    }


def _of_lane(lane: Training, index: int) -> dict[str, Any]:
    return {"legendgroup": str(index), "name": literal(lane.label)}


def lane_colors(modes: Sequence[str]) -> list[str]:
    """A colour for each run: the first of each way to fine-tune has that way's own, the others one of their own."""
    others = cycle([*MORE_COLORS, *(color for mode, color in LANE_COLORS.items() if mode not in modes)])
    return [
        LANE_COLORS[mode] if mode in LANE_COLORS and mode not in modes[:index] else next(others)
        for index, mode in enumerate(modes)
    ]


def _raw(run: Training, view: View, max_buckets: int) -> dict[str, Any]:
    shown = decimate(run.steps["loss"], max_buckets)
    return {
        "type": "scatter",
        "mode": "lines+markers" if len(shown) < 120 else "lines",
        "x": _across(run, view, shown),
        "y": typed(run.steps["loss"][shown]),
        "line": {"color": run.color, "width": 1},
        "marker": {"color": run.color, "size": 4},
        "hovertemplate": f"%{{y:.4~g}}{_whose(run, 'loss')}",
    }


def _smooth_line(run: Training, view: View, max_buckets: int) -> dict[str, Any]:
    num_steps = len(run.steps)
    shown = np.arange(0, num_steps, max(1, num_steps // max_buckets))
    if num_steps:
        shown = np.union1d(shown, [num_steps - 1])
    return {
        "type": "scatter",
        "mode": "lines",
        "x": _across(run, view, shown),
        "y": typed(run.smoothed[shown]),
        "line": {"color": run.color, "width": 2.5},
        "hovertemplate": f"%{{y:.4~g}}{_whose(run, 'smoothed')}",
    }


def _validation_loss(run: Training, view: View) -> dict[str, Any]:
    return {
        **_scored(run, view, [evaluated.loss for evaluated in run.validations]),
        "hovertemplate": f"%{{y:.4~g}} after epoch %{{customdata}}{_whose(run, 'validation loss')}",
    }


def _accuracy(run: Training, view: View) -> dict[str, Any]:
    return {
        **_scored(run, view, [evaluated.accuracy for evaluated in run.validations]),
        "yaxis": "y2",
        "hovertemplate": f"%{{y:.1%}} after epoch %{{customdata}}{_whose(run, 'validation')}",
    }


def _scored(run: Training, view: View, values: Sequence[float]) -> dict[str, Any]:
    """A value for each epoch."""
    epochs = np.array([evaluated.epoch for evaluated in run.validations], np.int64)
    x = place(epochs * run.steps_per_epoch, run.steps, view.x, run.steps_per_epoch)
    if view.x == "seconds":
        x = np.array([evaluated.seconds for evaluated in run.validations])  # when it was known
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": typed(x),
        "y": typed(np.array(values, np.float64)),
        "customdata": typed(epochs),
        "line": {"color": run.color, "width": 2, "dash": "dot"},
        "marker": {"color": run.color, "size": 7, "symbol": "diamond"},
    }


def _rings(
    run: Training, loss: dict[str, Any], accuracy: dict[str, Any], words: tuple[str, str]
) -> list[dict[str, Any]]:
    """Around the lowest loss and the best accuracy of the validations. A single epoch is the best of nothing."""
    count = len(run.validations)
    lowest, best = history.lowest(run.validations), history.chosen(run.validations)
    if lowest is None or best is None or count < 2:
        return []
    return [
        # At an end, the line comes down to its lowest point.
        ring(loss, run.validations.index(lowest), count, words[0], at_an_end="bottom center"),
        ring(accuracy, run.validations.index(best), count, words[1], at_an_end="top center"),
    ]


def _rates(runs: Sequence[Training], view: View) -> list[dict[str, Any]]:
    """The learning rates that the steps were taken with, if any of the runs has a schedule."""
    if not any(run.has_schedule for run in runs):
        return []
    rates: list[dict[str, Any]] = []
    for index, run in enumerate(runs):
        shown = decimate(run.steps["learning_rate"], max(MAX_POINTS // (8 * len(runs)), 50))
        rates.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": _across(run, view, shown),
                "y": typed(run.steps["learning_rate"][shown]),
                "yaxis": "y3",
                "line": {"color": run.color, "width": 1.2},
                "hovertemplate": f"%{{y:.3~g}}{_whose(run, 'learning rate')}",
                "showlegend": False,
                **(_of_lane(run, index) if run.label else {"name": "Learning rate"}),
            }
        )
    return rates


def _across(run: Training, view: View, shown: NDArray[np.intp]) -> dict[str, str]:
    return typed(along(run.steps, view.x, run.steps_per_epoch)[shown])


def _whose(run: Training, what: str) -> str:
    """What stands beside a number that is hovered over: the run, or what of the only one."""
    return f"<extra>{literal(run.label) or what}</extra>"


def _layout(runs: Sequence[Training], view: View, chart_id: str, mark_colors: Sequence[str]) -> dict[str, Any]:
    has_rates = any(run.has_schedule for run in runs)
    loss, accuracy = ([0.5, 1], [0.22, 0.42]) if has_rates else ([0.4, 1], [0, 0.3])
    accuracies = [evaluated.accuracy for run in runs for evaluated in run.validations]
    last_step = max((run.last_step for run in runs), default=0)
    between = (loss[0] + accuracy[1]) / 2
    end, marks = _marks(runs, view, mark_colors)
    across = _ends([along(run.steps[[0, -1]], view.x, run.steps_per_epoch) for run in runs if len(run.steps)])
    shapes, labels = lines_at(marks, end=end, is_log=view.is_x_log, y=between)
    layout = {
        **base_layout(chart_id),
        "hovermode": "x",
        "hoversubplots": "axis",
        "shapes": shapes,
        "annotations": labels,
        "xaxis": {**x_axis(view, chart_id, last_step, across), "anchor": "y3" if has_rates else "y2"},
        "yaxis": {**loss_axis(view, chart_id, _ends([run.steps["loss"] for run in runs])), "domain": loss},
        "yaxis2": {
            "title": {"text": "Accuracy"},
            "domain": accuracy,
            "tickformat": ".0%",
            "range": accuracy_range(accuracies),
            "zeroline": False,
        },
    }
    if has_rates:
        layout["yaxis3"] = {
            "title": {"text": "Rate"},
            "domain": [0, 0.14],
            "nticks": 3,
            "tickformat": SIGNIFICANT,
            "rangemode": "tozero",
            "zeroline": False,
        }
    return layout


def _marks(runs: Sequence[Training], view: View, colors: Sequence[str]) -> tuple[float, list[Mark]]:
    """How far the runs have come, and what has happened on their way."""
    marks: list[Mark] = []
    ends = [0.0]
    for run, color in zip(runs, colors, strict=True):
        passed = [milestone for milestone in run.milestones if milestone.step <= run.last_step]
        found = place([*(each.step for each in passed), run.last_step], run.steps, view.x, run.steps_per_epoch)
        ends.append(float(found[-1]))
        whose = f"{literal(run.label)}: " if run.label else ""
        for x, each in zip(found[:-1].tolist(), passed, strict=True):
            marks.append(Mark(x=x, label=each.label, detail=whose + each.detail, color=color))
    return max(ends), marks


def _ends(values: Sequence[NDArray[Any]]) -> tuple[float, float]:
    """The least and the greatest number above 0, as a logarithmic axis shows them."""
    positive = [float(end(part[part > 0])) for part in values if (part > 0).any() for end in (np.min, np.max)]
    return min(positive, default=1.0), max(positive, default=1.0)


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
