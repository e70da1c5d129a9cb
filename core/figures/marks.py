"""Quiet marks on the chart of a training: its best epochs, and vertical lines where something happened. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.figures.style import one_of

_RING = 14  # pixels
_APART = 0.14  # of the axis: words closer than that would lie upon one another on a phone
_NO_ROOM = "\u00a0\u00a0"  # stands for a label: what it says is still there to be hovered over


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A vertical line."""

    x: float
    label: str  # a word
    detail: str  # a sentence, to hover over
    color: str


def ring(line: dict[str, Any], best: int, count: int, word: str, *, at_an_end: str) -> dict[str, Any]:
    """A ring around the best of a line's `count` points, and a word beside it.

    The word stands above, but `at_an_end` where nothing comes before or after.
    """
    return {
        "type": "scatter",
        "mode": "markers+text" if word else "markers",
        "x": one_of(line["x"], best),
        "y": one_of(line["y"], best),
        "yaxis": line.get("yaxis", "y"),
        "text": [word],
        "textposition": at_an_end if best in (0, count - 1) else "top center",
        "textfont": {"size": 12},
        "marker": {"size": _RING, "symbol": "circle-open", "color": line["line"]["color"]},
        "cliponaxis": False,
        "hoverinfo": "skip",
        "showlegend": False,
        "name": line["name"],
        "legendgroup": line["legendgroup"],
    }


def lines_at(
    marks: Sequence[Mark], *, end: float, is_log: bool, y: float
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """A thin line through the chart for each mark. Returns shapes and annotations of a layout.

    `end` is how far the axis goes, `y` where on the paper there is room for labels. Where these would not fit beside
    one another, some are left out. On a logarithmic axis, so is what stands at 0.
    """
    shown = [mark for mark in marks if mark.x > 0 or not is_log]
    places = [float(np.log10(mark.x)) if is_log else mark.x for mark in shown]
    length = float(np.log10(max(end, 10.0))) if is_log else end
    named = _with_room([mark.label for mark in shown], places, apart=_APART * length)
    labels = [
        _label(place, y, mark.label if index in named else _NO_ROOM, mark.detail)
        for index, (mark, place) in enumerate(zip(shown, places, strict=True))
    ]
    return [_line(mark) for mark in shown], labels


def _with_room(labels: Sequence[str], places: Sequence[float], *, apart: float) -> set[int]:
    """Which labels fit beside one another: the first of each word goes before its repetitions."""
    order = sorted(range(len(labels)), key=lambda index: (labels.index(labels[index]) != index, places[index]))
    named: set[int] = set()
    for index in order:
        if all(abs(places[index] - places[other]) >= apart for other in named):
            named.add(index)
    return named


def _line(mark: Mark) -> dict[str, Any]:
    return {
        "type": "line",
        "layer": "below",
        "xref": "x",
        "x0": mark.x,
        "x1": mark.x,
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "opacity": 0.7,
        "line": {"color": mark.color, "width": 1, "dash": "dot"},
    }


def _label(x: float, y: float, text: str, detail: str) -> dict[str, Any]:
    return {
        "text": text,
        "hovertext": detail,
        "showarrow": False,
        "font": {"size": 11},
        "xref": "x",
        "x": x,
        "yref": "paper",
        "y": y,
        "yanchor": "middle",
    }
