"""Plain data to Plotly figures. Pure: no files, no browser, no theme: a page adds its colours.

Figures are plain dictionaries: building `plotly.graph_objects` several times a second would cost more than all else.
"""

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.runs.events import Evaluated

Figure = dict[str, Any]

# Okabe and Ito's colours (2008, "Color Universal Design"), which colour-blind people tell apart. A way to fine-tune
# keeps its colour on every page.
LANE_COLORS = {"frozen": "#0072B2", "full": "#D55E00"}
# Their lighter siblings of the same palette, for a dark page.
DARK_COLORS = {"#0072B2": "#56B4E9", "#D55E00": "#E69F00"}
MAX_POINTS = 2_000
_SMOOTHING_SPAN = 0.02  # of all steps
_FONT = "'Source Sans', 'Source Sans 3', sans-serif"


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
    color = LANE_COLORS[mode]
    x, losses = steps["step"], steps["loss"]
    shown = decimate(losses, MAX_POINTS // 2)
    thinned = np.arange(0, len(losses), max(1, 2 * len(losses) // MAX_POINTS))
    smooth_shown = shown if len(losses) <= MAX_POINTS // 2 else np.union1d(thinned, [len(losses) - 1])
    epochs = [evaluated.epoch for evaluated in validations]
    return {
        "data": [
            {
                "name": "Loss of every step",
                "type": "scatter",
                "mode": "lines+markers" if len(shown) < 120 else "lines",
                "x": typed(x[shown]),
                "y": typed(losses[shown]),
                "line": {"color": color, "width": 1},
                "marker": {"color": color, "size": 4},
                "opacity": 0.45,
                "hovertemplate": "%{y:.4f}<extra>loss</extra>",
            },
            {
                "name": "Loss, smoothed",
                "type": "scatter",
                "mode": "lines",
                "x": typed(x[smooth_shown]),
                "y": typed(smoothed[smooth_shown]),
                "line": {"color": color, "width": 2.5},
                "hovertemplate": "%{y:.4f}<extra>smoothed</extra>",
            },
            {
                "name": "Validation accuracy",
                "type": "scatter",
                "mode": "lines+markers",
                "x": [epoch * steps_per_epoch for epoch in epochs],
                "y": [evaluated.accuracy for evaluated in validations],
                "customdata": epochs,
                "yaxis": "y2",
                "line": {"color": color, "width": 2, "dash": "dot"},
                "marker": {"color": color, "size": 7, "symbol": "diamond"},
                "hovertemplate": "%{y:.1%} after epoch %{customdata}<extra>validation</extra>",
            },
        ],
        "layout": {
            "uirevision": chart_id,
            "meta": {"dark_colors": DARK_COLORS},
            "font": {"family": _FONT, "size": 13},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "margin": {"l": 52, "r": 8, "t": 8, "b": 40},
            "hovermode": "x",
            "hoversubplots": "axis",
            "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "yref": "paper"},
            "xaxis": {
                "title": {"text": "Step", "standoff": 6},
                "rangemode": "tozero",
                "anchor": "y2",
                "zeroline": False,
                "tickformat": ",d",
            },
            "yaxis": {"title": {"text": "Loss"}, "domain": [0.4, 1], "rangemode": "tozero", "zeroline": False},
            "yaxis2": {
                "title": {"text": "Accuracy"},
                "domain": [0, 0.3],
                "tickformat": ".0%",
                "range": accuracy_range([evaluated.accuracy for evaluated in validations]),
                "zeroline": False,
            },
        },
    }


def accuracy_range(accuracies: Sequence[float]) -> list[float]:
    """An axis in tens of percent that shows every accuracy, with room for its marker."""
    if not accuracies:
        return [0.0, 1.03]
    low = np.floor((min(accuracies) - 0.03) * 10) / 10
    return [max(float(low), 0.0) - 0.02, 1.03]


def decimate(values: NDArray[Any], max_buckets: int) -> NDArray[np.intp]:
    """Indices of the values to draw: at most about two a bucket, its lowest and its highest, so no spike is lost.

    Buckets are a power of two wide and start at the first value: what is drawn once stays as more values come.
    """
    count = len(values)
    width = bucket_width(count, max_buckets)
    if width <= 2:
        return np.arange(count)
    whole = count // width * width
    buckets = values[:whole].reshape(-1, width)
    starts = np.arange(0, whole, width)
    extremes = np.concatenate(
        [starts + buckets.argmin(axis=1), starts + buckets.argmax(axis=1), np.arange(whole, count)]
    )
    return np.unique(np.concatenate([[0], extremes, [count - 1]]))


def bucket_width(count: int, max_buckets: int) -> int:
    """The smallest power of two at which `count` values fill no more than `max_buckets` buckets."""
    width = 1
    while count > max_buckets * width:
        width *= 2
    return width


def smooth(losses: NDArray[Any], total_steps: int) -> NDArray[np.float64]:
    """The exponential moving average, weighted so that it is unbiased from the first value on."""
    span = max(5.0, _SMOOTHING_SPAN * total_steps)
    averaged: NDArray[np.float64] = pd.Series(losses).ewm(span=span, adjust=True).mean().to_numpy()
    return averaged


def typed(values: NDArray[Any]) -> dict[str, str]:
    """An array as Plotly's typed array: a fraction of the size of a list of numbers."""
    compact = values.astype("<i4" if np.issubdtype(values.dtype, np.integer) else "<f4")
    return {"dtype": compact.dtype.str[1:], "bdata": base64.b64encode(compact.tobytes()).decode()}
