"""How a learning rate goes on: its share of the full one, as a function of the step. Pure."""

import math
from collections.abc import Callable, Sequence

from core.runs.optimizer_settings import OptimizerSettings

_TENTH = 0.1
_TENTHS = 3  # of a run, between which “step” falls to a tenth
# Those of `torch.optim.lr_scheduler.OneCycleLR`, after Smith and Topin, Super-Convergence, 2017. The momentum stays.
_RISES_FOR, _RISES_FROM, _FALLS_TO = 0.3, 1 / 25, 1 / 25e4


def share_of_rate(
    settings: OptimizerSettings, step: int, total_steps: int, scores: Sequence[float | None] = ()
) -> float:
    """What a step learns with, as a share of the learning rate. Steps count from 0.

    `scores` are those of the epochs so far, the higher, the better: “plateau” alone looks at them.
    """
    if settings.schedule == "one_cycle":
        return _one_cycle(step, total_steps)
    rising = round(settings.warm_up * total_steps)
    if step < rising:
        return (step + 1) / rising
    if settings.schedule == "plateau":
        return _TENTH ** _falls(scores, settings.plateau_epochs)
    return _SHAPES[settings.schedule]((step - rising) / max(total_steps - rising, 1))


def _one_cycle(step: int, total_steps: int) -> float:
    top = _RISES_FOR * total_steps - 1
    if step <= top and top > 0:
        return _between(_RISES_FROM, 1.0, step / top)
    return _between(1.0, _FALLS_TO, (step - top) / (total_steps - 1 - top))


def _falls(scores: Sequence[float | None], patience: int) -> int:
    """How often that many epochs, and one more, were no better than the best one before; counted anew after each."""
    falls, bad, best = 0, 0, -math.inf
    for score in scores:
        if score is None or score > best:
            best, bad = best if score is None else score, 0
        elif bad == patience:
            falls, bad = falls + 1, 0
        else:
            bad += 1
    return falls


def _between(start: float, end: float, part: float) -> float:
    """From start to end in half a wave of a cosine, `part` of the way."""
    return end + (start - end) / 2 * (1 + math.cos(math.pi * part))


# By the part of the steps behind the warm-up that is over, from 0 to below 1.
_SHAPES: dict[str, Callable[[float], float]] = {
    "constant": lambda part: 1.0,
    "cosine": lambda part: _between(1.0, 0.0, part),
    "linear": lambda part: 1 - part,
    "step": lambda part: _TENTH ** int(_TENTHS * part),
}
