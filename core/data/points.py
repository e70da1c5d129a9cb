"""The lesson's points, and what can be said of fitting a line to them without training. Knows nothing of torch.

The points are y = 2x + 3 plus noise, which is 0, 1 or 2 and so adds 1 on average. Training minimises
mean((weight * x + bias - y)^2), and weight decay adds half its strength times weight^2 + bias^2.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NUM_POINTS = 30
LOWEST, HIGHEST = -10, 10  # of x; the high end is excluded
NOISE_VALUES = 3  # 0, 1 and 2


@dataclass(frozen=True)
class Line:
    """y = weight * x + bias."""

    weight: float
    bias: float

    def __call__(self, x: NDArray[np.generic]) -> NDArray[np.float64]:
        return self.weight * np.asarray(x, np.float64) + self.bias


@dataclass(frozen=True)
class Points:
    """What a line is fitted to: two arrays of `NUM_POINTS` integers."""

    x: NDArray[np.int64]
    y: NDArray[np.int64]


TRUTH = Line(2.0, 3.0)  # without the noise
EXPECTED = Line(2.0, 3.0 + (NOISE_VALUES - 1) / 2)  # with the mean of the noise


def draw(seed: int) -> Points:
    """The points of that seed."""
    generator = np.random.default_rng(seed)
    x = generator.integers(LOWEST, HIGHEST, NUM_POINTS)
    noise = generator.integers(0, NOISE_VALUES, NUM_POINTS)
    return Points(x=x, y=2 * x + 3 + noise)


def mean_squared_error(points: Points, line: Line) -> float:
    """The loss that training minimises, without weight decay."""
    return float(np.mean((line(points.x) - points.y) ** 2))


def minimum(points: Points, *, weight_decay: float = 0.0) -> Line:
    """Where training would end if it went on for ever. Without weight decay: the least-squares line.

    There the gradient vanishes: (2/n) A'(Ap - y) + weight_decay p = 0, for rows (x, 1) of A and p = (weight, bias).
    """
    towards = 2 / NUM_POINTS * _rows(points).T @ points.y
    weight, bias = np.linalg.solve(curvature(points, weight_decay), towards)
    return Line(float(weight), float(bias))


def largest_learning_rate(points: Points, *, momentum: float, weight_decay: float) -> float:
    """Above it every step overshoots and the loss grows: 2 (1 + momentum) / the largest curvature.

    Source: Goh, "Why Momentum Really Works", Distill, 2017, doi:10.23915/distill.00006.
    """
    return float(2 * (1 + momentum) / np.linalg.eigvalsh(curvature(points, weight_decay)).max())


def time_constant(points: Points, *, learning_rate: float, momentum: float, weight_decay: float) -> float:
    """Steps after which the slowest part of the distance to the minimum has shrunk to 1/e; infinite where it grows.

    A step with momentum multiplies each part of the distance by the roots of
    z^2 - (1 + momentum - learning_rate * curvature) z + momentum (the same source).
    """
    factor = max(
        float(np.abs(np.roots([1, -(1 + momentum - learning_rate * curvature), momentum])).max())
        for curvature in np.linalg.eigvalsh(curvature(points, weight_decay))
    )
    if factor >= 1:
        return math.inf
    return -1 / math.log(factor) if factor > 0 else 0.0


def _rows(points: Points) -> NDArray[np.float64]:
    return np.stack([points.x, np.ones(NUM_POINTS)], axis=1)  # (points, 2)


def curvature(points: Points, weight_decay: float) -> NDArray[np.float64]:
    """The loss's second derivative by weight and bias: (2, 2)."""
    rows = _rows(points)
    return 2 / NUM_POINTS * rows.T @ rows + weight_decay * np.eye(2)
