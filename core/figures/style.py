"""What all figures share: colours, the quiet layout, and arrays small enough to send several times a second."""

import base64
import html
from typing import Any

import numpy as np
from numpy.typing import NDArray

Figure = dict[str, Any]

# Okabe and Ito's colours (2008, "Color Universal Design"), which colour-blind people tell apart. A way to fine-tune
# keeps its colour on every page.
LANE_COLORS = {"frozen": "#0072B2", "full": "#D55E00"}
# For further runs beside them.
MORE_COLORS = ("#009E73", "#CC79A7", "#8A6D00", "#5B4BB7", "#00808A", "#7A7A7A")
# Their lighter siblings, for a dark page.
DARK_COLORS = {
    "#0072B2": "#56B4E9",
    "#D55E00": "#E69F00",
    "#009E73": "#3FD0A6",
    "#CC79A7": "#E5A5C8",
    "#8A6D00": "#F0E442",
    "#5B4BB7": "#A99BF5",
    "#00808A": "#4CC9D1",
    "#7A7A7A": "#B5B5B5",
}
QUIET_COLOR = "#7A7A7A"  # of marks that belong to no run alone
MAX_POINTS = 2_000
_FONT = "'Source Sans', 'Source Sans 3', sans-serif"


def base_layout(chart_id: str) -> dict[str, Any]:
    """The layout of every chart, without its axes.

    `chart_id` decides what a viewer's zoom belongs to: as long as it stays, so do zoom and legend choices.
    """
    return {
        "uirevision": chart_id,
        "meta": {"dark_colors": DARK_COLORS},
        "font": {"family": _FONT, "size": 13},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 52, "r": 8, "t": 8, "b": 40},
        "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "yref": "paper"},
    }


def literal(text: str) -> str:
    """Text that Plotly draws as it is: it would take tags, and make links, of what looks like HTML, and fill %{in}."""
    return html.escape(text, quote=False).replace("{", "&#123;")


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


def typed(values: NDArray[Any]) -> dict[str, str]:
    """An array as Plotly's typed array: a fraction of the size of a list of numbers.

    It has 32 bits a number; what is beyond them, as a damaged file may have it, is the greatest that they can hold.
    """
    is_whole = np.issubdtype(values.dtype, np.integer)
    limits = np.iinfo(np.int32) if is_whole else np.finfo(np.float32)
    compact = values.clip(limits.min, limits.max).astype("<i4" if is_whole else "<f4")
    return {"dtype": compact.dtype.str[1:], "bdata": base64.b64encode(compact.tobytes()).decode()}


def one_of(array: dict[str, str], index: int) -> dict[str, str]:
    """One number of a typed array, as another one."""
    return typed(np.frombuffer(base64.b64decode(array["bdata"]), array["dtype"])[[index]])
