"""How far a training was at each of its steps: counted in epochs, in images, in seconds. Pure."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Unit = Literal["step", "epoch", "images", "seconds"]


def images_seen(steps: NDArray[np.void]) -> NDArray[np.float64]:
    """(steps,) the images of each step and of all before it.

    Batches count as large as they were. Steps that a damaged file has lost count as the one after them.
    """
    number = steps["step"].astype(np.float64)
    seen: NDArray[np.float64] = np.cumsum(steps["images"] * np.diff(number, prepend=0.0))
    return seen


def along(steps: NDArray[np.void], unit: Unit, steps_per_epoch: int) -> NDArray[np.generic]:
    """(steps,) where each step stands. Seconds are the run's own clock."""
    if unit == "images":
        return images_seen(steps)
    if unit == "epoch":
        return steps["step"] / steps_per_epoch
    return steps[unit]


def place(numbers: ArrayLike, steps: NDArray[np.void], unit: Unit, steps_per_epoch: int) -> NDArray[np.float64]:
    """Where the steps of these numbers stand; the first one begins at 0."""
    asked = np.asarray(numbers, np.float64)
    if unit == "step":
        return asked
    if unit == "epoch":
        return asked / steps_per_epoch
    known = np.concatenate([[0], steps["step"]]), np.concatenate([[0], along(steps, unit, steps_per_epoch)])
    return np.asarray(np.interp(asked, *known), np.float64)
