"""How far a linear fit has come, and how it moves on: what a fit of other settings would teach. Knows nothing of torch.

Along each principal direction of the curvature, the distance d to the minimum goes its own way: with curvature h, a
step leads to d' = (1 + momentum - learning_rate * h) d - momentum * (the d before), and the first step to
(1 - learning_rate * h) d. Source: Goh, "Why Momentum Really Works", Distill, 2017, doi:10.23915/distill.00006.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.data import points
from core.data.points import Line, Points

NEAR = 0.005  # a distance that two digits do not show
_NAMES = ("weight", "bias")
_MAX_SAMPLES = 4_096


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """Where weight and bias stand on their way from the start to the minimum. One of them is told of."""

    runs_away: bool  # the distance grows without end, and the rest says nothing
    has_arrived: bool  # both stay nearer than `NEAR` to their goals from now on
    parameter: str = "weight"  # the one that is farther off
    now: float = 0.0
    goal: float = 0.0  # where it would end if training went on for ever
    left: float = 0.0  # share of its way from the start to the goal: more than 1 where it is farther off than then
    is_past: bool = False  # on the other side of its goal than at the start
    swings: bool = False  # will go from one side of its goal to the other and back
    reach: float = 0.0  # how far from its goal it still gets from now on, at most
    others_reach: float = 0.0  # the same of the other parameter
    halves_every: float = 0.0  # epochs in which its distance, or its swing, shrinks to half


@dataclass(frozen=True)
class _Mode:
    """One principal direction after so many epochs."""

    reach: float  # the largest distance from now on
    swings: bool
    factor: float  # by which the distance, or the swing, shrinks an epoch, in the long run


def judge(
    drawn: Points, *, learning_rate: float, momentum: float, weight_decay: float, epochs: int, start: Line, now: Line
) -> Arrival:
    """What there is to say of a fit that has come from `start` to `now` in that many epochs."""
    constant = points.time_constant(drawn, learning_rate=learning_rate, momentum=momentum, weight_decay=weight_decay)
    if math.isinf(constant):
        return Arrival(runs_away=True, has_arrived=False)
    curvatures, directions = np.linalg.eigh(points.curvature(drawn, weight_decay))
    goal = _vector(points.minimum(drawn, weight_decay=weight_decay))
    way, distance = _vector(start) - goal, _vector(now) - goal
    modes = [
        _mode(float(first), 1 + momentum - learning_rate * float(curvature), momentum, epochs)
        for first, curvature in zip(directions.T @ way, curvatures, strict=True)
    ]
    parts = np.abs(directions) * [mode.reach for mode in modes]  # (parameters, modes)
    reach = parts.sum(axis=1)
    told = int(np.argmax(np.abs(distance) if np.abs(distance).max() >= NEAR else reach))
    mode = modes[int(np.argmax(parts[told]))]
    return Arrival(
        runs_away=False,
        has_arrived=bool(max(np.abs(distance).max(), reach.max()) < NEAR),
        parameter=_NAMES[told],
        now=float(_vector(now)[told]),
        goal=float(goal[told]),
        left=float(abs(distance[told] / way[told])) if way[told] else math.inf,
        is_past=bool(distance[told] * way[told] < 0),
        swings=mode.swings,
        reach=float(reach[told]),
        others_reach=float(reach[1 - told]),
        halves_every=math.log(0.5) / math.log(mode.factor) if mode.factor > 0 else 0.0,
    )


def start_of(drawn: Points, first: Line, *, learning_rate: float, weight_decay: float) -> Line:
    """The parameters before the first step, from those that it left behind.

    The step was first = start - learning_rate * gradient(start), and the gradient vanishes at the minimum.
    """
    goal = _vector(points.minimum(drawn, weight_decay=weight_decay))
    step = np.eye(2) - learning_rate * points.curvature(drawn, weight_decay)
    weight, bias = goal + np.linalg.lstsq(step, _vector(first) - goal, rcond=None)[0]
    return Line(float(weight), float(bias))


def _mode(first: float, slope: float, momentum: float, epochs: int) -> _Mode:
    """A direction in which the fit began at the distance `first`; an epoch leads to slope * d - momentum * before."""
    step = np.array([[slope, -momentum], [1.0, 0.0]])
    distance, before = np.linalg.matrix_power(step, epochs) @ [first, first]
    root = np.sqrt(complex(slope**2 - 4 * momentum))
    roots = np.array(sorted([(slope + root) / 2, (slope - root) / 2], key=abs, reverse=True), np.complex128)
    swings = bool(slope**2 < 4 * momentum or slope < 0)  # complex roots, or negative ones: to and fro at every epoch
    return _Mode(reach=_reach(distance, before, roots), swings=swings, factor=float(np.abs(roots[0])))


def _reach(distance: float, before: float, roots: NDArray[np.complex128]) -> float:
    """The largest distance from now on, which after n epochs is a sum of n-th powers of the two roots."""
    first, second = roots
    if not first:
        return abs(distance)
    if abs(first - second) < 1e-6 * abs(first):
        second = first * (1 - 1e-6)  # two equal roots have another form, which this comes near enough to
    share = (distance - second * before) * first / (first - second)
    epochs = _epochs_to_look_at(first)
    return float(np.abs((share * first**epochs + (distance - share) * second**epochs).real).max())


def _epochs_to_look_at(root: np.complex128) -> NDArray[np.float64]:
    """Where the largest distance is not missed."""
    if root.imag:
        swing = abs(2 * math.pi / np.angle(root))
        # Fast swings hit their largest distance only after some: one epoch may come between its two sides.
        return np.linspace(0, swing, _MAX_SAMPLES) if swing > _MAX_SAMPLES else np.arange(float(_MAX_SAMPLES))
    far = np.floor(np.geomspace(1, max(-60 / math.log(abs(root)), 2), 300))  # it turns back once at most
    return np.unique(np.concatenate([[0.0], far, far + 1]))


def _vector(line: Line) -> NDArray[np.float64]:
    return np.array([line.weight, line.bias])
