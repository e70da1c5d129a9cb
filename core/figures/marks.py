"""Quiet marks on the chart of a training: its best epochs, and vertical lines where something happened. Pure."""

from collections.abc import Sequence
from typing import Any

import numpy as np

_POINT, _RING = 7, 13  # pixels
_APART = 0.045  # of the axis: labels closer than that would lie upon one another on a phone


def best_marked(count: int, best: int | None, word: str) -> dict[str, Any]:
    """What makes of the points of `count` epochs a line with a ring at the best one, and the word above it.

    A single epoch is the best of nothing.
    """
    if best is None or count < 2:
        return {"mode": "lines+markers", "marker": {"size": _POINT, "symbol": "diamond"}}
    is_best = np.arange(count) == best
    return {
        "mode": "lines+markers+text" if word else "lines+markers",
        "marker": {
            "size": np.where(is_best, _RING, _POINT).tolist(),
            "symbol": np.where(is_best, "circle-open-dot", "diamond").tolist(),
        },
        "text": np.where(is_best, word, "").tolist(),
        "textposition": "top left" if best == count - 1 else "top right" if best == 0 else "top center",
        "textfont": {"size": 12},
        "cliponaxis": False,
    }


def lines_at(
    marks: Sequence[tuple[float, str, str, str]], *, end: float, is_log: bool
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """A thin line through the chart at each x, with its label and a detail to hover over, in a colour.

    `end` is how far the axis goes. Returns shapes and annotations of a layout. Where labels would not fit beside one
    another, some are left out; and on a logarithmic axis what stands at 0.
    """
    shapes: list[dict[str, Any]] = []
    labels: list[dict[str, Any]] = []
    free_from = -np.inf
    for x, label, detail, color in sorted(marks):
        if is_log and x <= 0:
            continue
        shapes.append(
            {
                "type": "line",
                "layer": "below",
                "xref": "x",
                "yref": "paper",
                "x0": x,
                "x1": x,
                "y0": 0,
                "y1": 1,
                "line": {"color": color, "width": 1, "dash": "dot"},
            }
        )
        place = float(np.log10(x)) if is_log else x
        width = _APART * (float(np.log10(max(end, 10.0))) if is_log else end)
        if place >= free_from:
            labels.append(_label(place, label, detail))
            free_from = place + width
    return shapes, labels


def _label(x: float, label: str, detail: str) -> dict[str, Any]:
    """Along its line, at the top."""
    return {
        "text": label,
        "hovertext": detail,
        "textangle": -90,
        "showarrow": False,
        "font": {"size": 11},
        "xref": "x",
        "x": x,
        "xanchor": "right",
        "yref": "paper",
        "y": 1,
        "yanchor": "top",
    }
