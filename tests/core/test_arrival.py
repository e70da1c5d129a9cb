"""What is said of a fit agrees with the fit: its recursion, simulated in float64, and simulated on."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.data import arrival, points
from core.data.points import Line

LATER = 1_500  # epochs to simulate on


def simulate(first: float, slope: float, momentum: float, epochs: int) -> np.ndarray:
    """The distances along one principal direction, from the first parameters on."""
    distances = [first, first]
    for _ in range(epochs):
        distances.append(slope * distances[-1] - momentum * distances[-2])
    return np.array(distances[1:])


class Fit:
    """A fit of these settings, and what would become of it."""

    def __init__(
        self, *, seed: int, learning_rate: float, momentum: float, weight_decay: float, epochs: int, start: Line
    ) -> None:
        self.drawn, self.start = points.draw(seed), start
        self.settings = {"learning_rate": learning_rate, "weight_decay": weight_decay}
        curvatures, self.directions = np.linalg.eigh(points.curvature(self.drawn, weight_decay))
        goal = points.minimum(self.drawn, weight_decay=weight_decay)
        self.goal = np.array([goal.weight, goal.bias])
        self.way = np.array([start.weight, start.bias]) - self.goal
        self.modes = np.stack(
            [
                simulate(first, 1 + momentum - learning_rate * curvature, momentum, epochs + LATER)
                for first, curvature in zip(self.directions.T @ self.way, curvatures, strict=True)
            ]
        )
        self.distances = self.directions @ self.modes  # (parameters, epochs)
        self.distance = self.distances[:, epochs]
        self.later = self.distances[:, epochs:]
        self.later_modes = self.modes[:, epochs:]
        weight, bias = self.goal + self.distance
        self.now = Line(float(weight), float(bias))
        weight, bias = self.goal + self.distances[:, 1]
        self.first_step = Line(float(weight), float(bias))
        self.judged = arrival.judge(
            self.drawn,
            learning_rate=learning_rate,
            momentum=momentum,
            weight_decay=weight_decay,
            epochs=epochs,
            start=start,
            now=self.now,
        )


@st.composite
def fits(draw: st.DrawFn) -> Fit:
    seed = draw(st.integers(0, 40))
    momentum = draw(st.one_of(st.sampled_from([0.0, 0.5, 0.9, 0.99, 0.999]), st.floats(0, 0.999)))
    weight_decay = draw(st.sampled_from([0.0, 0.01, 1.0]))
    limit = points.largest_learning_rate(points.draw(seed), momentum=momentum, weight_decay=weight_decay)
    learning_rate = limit * 10 ** draw(st.floats(-5, -0.01))
    values = st.floats(-3, 3)
    start = Line(draw(values), draw(values))
    epochs = draw(st.one_of(st.integers(1, 30), st.integers(1, 2_000)))
    return Fit(
        seed=seed,
        learning_rate=learning_rate,
        momentum=momentum,
        weight_decay=weight_decay,
        epochs=epochs,
        start=start,
    )


@settings(max_examples=50)
@given(fits())
def test_parameter_that_is_farther_off_is_told_of_with_what_is_left_of_its_way(fit: Fit) -> None:
    judged, off = fit.judged, np.abs(fit.distance)
    index = ("weight", "bias").index(judged.parameter)
    assume(fit.way.all())
    if off.max() >= arrival.NEAR:
        assert off[index] == off.max()
    assert judged.now == pytest.approx((fit.goal + fit.distance)[index])
    assert judged.goal == pytest.approx(fit.goal[index])
    assert judged.left == pytest.approx(off[index] / abs(fit.way[index]), rel=1e-6, abs=1e-9)
    if off[index] > 1e-9:
        assert judged.is_past == (fit.distance[index] * fit.way[index] < 0)


@settings(max_examples=50)
@given(fits())
def test_fit_has_arrived_exactly_when_both_stay_near_their_goals(fit: Fit) -> None:
    judged = fit.judged
    farthest = np.abs(fit.later).max(axis=1)
    index = ("weight", "bias").index(judged.parameter)
    assert judged.reach >= 0.99 * farthest[index]
    assert judged.others_reach >= 0.99 * farthest[1 - index]
    if judged.has_arrived:
        assert farthest.max() < arrival.NEAR * 1.01
    else:
        possible = np.abs(fit.directions) @ np.abs(fit.later_modes).max(axis=1)
        assert possible.max() > arrival.NEAR * 0.98


@settings(max_examples=50)
@given(fits())
def test_swing_goes_to_both_sides_again_and_again(fit: Fit) -> None:
    index = ("weight", "bias").index(fit.judged.parameter)
    parts = np.abs(fit.directions[index]) * np.abs(fit.later_modes).max(axis=1)
    assume(parts.max() > 1e-9 and parts.min() < 0.9 * parts.max())
    mode = fit.later_modes[int(np.argmax(parts))]
    visible = mode[: np.nonzero(np.abs(mode) > 1e-200)[0][-1]]
    crossings = np.count_nonzero(np.diff(np.sign(visible)))
    if not fit.judged.swings:
        assert crossings <= 1
    elif fit.judged.halves_every < LATER / 20:
        assume(len(visible) == LATER)
        assert crossings >= 1


@settings(max_examples=50)
@given(fits())
def test_start_is_found_from_the_first_step(fit: Fit) -> None:
    # Of a direction that the first step all but ends, too little is left to tell where it began.
    assume((np.abs(fit.modes[:, 1]) > 1e-4 * np.abs(fit.modes[:, 0])).all())
    found = arrival.start_of(fit.drawn, fit.first_step, **fit.settings)
    assert (found.weight, found.bias) == pytest.approx((fit.start.weight, fit.start.bias), abs=1e-6)


def test_weight_that_swings_is_told_of_though_the_bias_takes_longer_elsewhere() -> None:
    """Momentum 0.999 and 1,000 epochs: 0.2% of the bias's way is left, and the weight swings."""
    fit = Fit(seed=0, learning_rate=1e-4, momentum=0.999, weight_decay=0.01, epochs=1_000, start=Line(1.54, -0.29))
    judged = fit.judged
    assert (judged.parameter, judged.swings, judged.has_arrived) == ("weight", True, False)


def test_fit_that_grows_runs_away() -> None:
    judged = arrival.judge(
        points.draw(0),
        learning_rate=1.0,
        momentum=0.9,
        weight_decay=0.0,
        epochs=3,
        start=Line(0, 0),
        now=Line(1e9, 1e9),
    )
    assert judged.runs_away
    assert not judged.has_arrived
