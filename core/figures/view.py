"""How a viewer wants the chart of trainings: what it is drawn across, and on which scale. Pure."""

import math
from dataclasses import dataclass
from typing import Any, Literal

from core.runs.positions import Unit

Scale = Literal["linear", "log_loss", "log_both"]
UNITS: dict[Unit, str] = {"step": "Step", "epoch": "Epoch", "images": "Images", "seconds": "Seconds"}
SCALES: dict[Scale, str] = {"linear": "Linear", "log_loss": "Log loss", "log_both": "Log loss, log x"}

_FEW_STEPS = 8
# Small losses and rates read as numbers, and neither as 0.000 nor with a prefix of the SI.
SIGNIFICANT = ".8~g"
# Parts of a decade at which Plotly labels 1, 2 and 5. With less it labels every digit, one upon the other.
_TICK_DECADES, _MOST_TICKS = 0.65, 6
_TITLES = {"step": "Step", "epoch": "Epoch", "images": "Images seen", "seconds": "Seconds of a run's own work"}
_TICKS = {"step": ",d", "epoch": ",~f", "images": ",d", "seconds": ",~f"}
_HOVER = {"step": ",d", "epoch": ".2f", "images": ",d", "seconds": ",.1f"}


@dataclass(frozen=True, kw_only=True)
class View:
    """The choices of one viewer."""

    x: Unit = "step"
    scale: Scale = "linear"

    @property
    def is_x_log(self) -> bool:
        """Whether the axis of x is logarithmic."""
        return self.scale == "log_both"

    @property
    def is_loss_log(self) -> bool:
        """Whether the axis of the loss is logarithmic."""
        return self.scale != "linear"


def x_axis(view: View, chart_id: str, last_step: int, ends: tuple[float, float]) -> dict[str, Any]:
    """The axis that all parts of the chart share. A zoom into it ends where it becomes another one.

    `ends` are its least and its greatest value above 0.
    """
    is_stepwise = view.x == "step" and last_step < _FEW_STEPS and not view.is_x_log  # or it would say 0 0 1 1
    return {
        "title": {"text": _TITLES[view.x], "standoff": 6},
        **(_log(ends) if view.is_x_log else {}),
        "rangemode": "tozero",
        "zeroline": False,
        "tickformat": _TICKS[view.x],
        "hoverformat": _HOVER[view.x],
        "uirevision": f"{chart_id} {view.x} {view.is_x_log}",
        **({"dtick": 1} if is_stepwise else {}),
    }


def loss_axis(view: View, chart_id: str, ends: tuple[float, float]) -> dict[str, Any]:
    """The axis of the loss. `ends` are its least and its greatest value above 0."""
    return {
        "title": {"text": "Loss"},
        **(_log(ends) if view.is_loss_log else {}),
        "rangemode": "tozero",
        "zeroline": False,
        "tickformat": SIGNIFICANT,
        "uirevision": f"{chart_id} {view.is_loss_log}",
    }


def _log(ends: tuple[float, float]) -> dict[str, Any]:
    """A logarithmic axis of so many decades."""
    decades = math.log10(ends[1]) - math.log10(ends[0])
    return {"type": "log", "nticks": min(max(math.ceil(decades / _TICK_DECADES), 2), _MOST_TICKS)}
