"""Figures are valid Plotly, keep every extreme, and do not shuffle what is drawn already."""

import base64
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from core.figures import style
from core.figures import training as figures
from core.figures.view import View
from core.runs.kinds import KINDS
from tests.core.test_progress import validated

SERIES = hnp.arrays(np.float64, st.integers(1, 30_000), elements=st.floats(-1e3, 1e3, width=32))


def steps(losses: np.ndarray) -> np.ndarray:
    made = np.zeros(len(losses), KINDS["fine_tune"].steps.dtype)
    made["step"], made["loss"] = np.arange(1, len(losses) + 1), losses
    return made


def training(losses: np.ndarray, **changes: Any) -> figures.Training:
    settings: dict[str, Any] = {
        "color": style.LANE_COLORS["frozen"],
        "steps": steps(losses),
        "smoothed": figures.smooth(losses, 20),
        "validations": [validated(1)],
        "steps_per_epoch": 10,
    }
    return figures.Training(**settings | changes)


def draw(losses: np.ndarray, *, chart_id: str = "run", view: View | None = None, **changes: Any) -> style.Figure:
    return figures.live_training(training(losses, **changes), chart_id=chart_id, view=view)


def sent(values: dict[str, str]) -> list[float]:
    """The numbers of a typed array."""
    found: list[float] = np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"]).tolist()
    return found


@pytest.mark.parametrize("count", [0, 1, 7, 5_000])
def test_figure_is_valid_plotly(count: int) -> None:
    figure = go.Figure(draw(np.linspace(2, 1, count)))
    names = ["Loss of every step", "Loss, smoothed", "Validation loss", "Validation accuracy"]
    assert [trace.name for trace in figure.data] == names


def test_points_are_typed_arrays_of_the_losses() -> None:
    assert sent(draw(np.array([2.5, 1.5]))["data"][0]["y"]) == [2.5, 1.5]


def test_view_belongs_to_the_run() -> None:
    assert draw(np.ones(3))["layout"]["uirevision"] == draw(np.ones(9))["layout"]["uirevision"]
    assert draw(np.ones(3))["layout"]["uirevision"] != draw(np.ones(3), chart_id="other")["layout"]["uirevision"]


def test_ways_to_fine_tune_have_their_own_colours() -> None:
    colors = {mode: figures.lane_colors([mode])[0] for mode in ("frozen", "full")}
    assert colors == style.LANE_COLORS
    assert set(style.DARK_COLORS) == {*colors.values(), *style.MORE_COLORS}


@given(st.lists(st.sampled_from(["frozen", "full", "another"]), max_size=8))
def test_eight_compared_runs_have_eight_colours_and_each_way_its_own(modes: list[str]) -> None:
    colors = figures.lane_colors(modes)
    assert len(set(colors)) == len(modes)
    for mode in style.LANE_COLORS.keys() & set(modes):
        assert colors[modes.index(mode)] == style.LANE_COLORS[mode]
    assert len(figures.lane_colors([*modes, *["frozen"] * 20])) == len(modes) + 20, "more than there are colours"


@pytest.mark.parametrize(("count", "is_stepwise"), [(0, True), (3, True), (7, True), (8, False), (5_000, False)])
def test_axis_of_few_steps_names_each_once(count: int, is_stepwise: bool) -> None:
    assert ("dtick" in draw(np.ones(count))["layout"]["xaxis"]) == is_stepwise


@given(values=SERIES)
def test_decimation_is_short_ordered_and_keeps_extremes(values: np.ndarray) -> None:
    shown = style.decimate(values, 1_000)
    assert len(shown) <= style.MAX_POINTS + 2
    assert (np.diff(shown) > 0).all()
    assert {values[shown].min(), values[shown].max()} == {values.min(), values.max()}
    assert shown[0] == 0
    assert shown[-1] == len(values) - 1


@given(values=SERIES, more=st.integers(0, 500))
def test_what_is_drawn_stays_as_values_come(values: np.ndarray, more: int) -> None:
    longer = np.concatenate([values, np.zeros(more)])
    before, after = style.decimate(values, 1_000), style.decimate(longer, 1_000)
    width = style.bucket_width(len(values), 1_000)
    if style.bucket_width(len(longer), 1_000) == width:
        whole = len(values) // width * width
        tip = len(values) - 1  # drawn for as long as it is the last
        assert set(before[before < whole]) - {tip} == set(after[after < whole]) - {tip}


def test_smoothing_is_the_unbiased_moving_average() -> None:
    losses = np.random.default_rng(0).normal(size=50)
    decay = 1 - 2 / (5 + 1)
    expected = [np.average(losses[: n + 1], weights=decay ** np.arange(n, -1, -1)) for n in range(50)]
    assert figures.smooth(losses, 10) == pytest.approx(expected)


@pytest.mark.parametrize(("accuracies", "low"), [([], 0.0), ([0.05], -0.02), ([0.81, 0.9], 0.68)])
def test_accuracy_axis_shows_every_value(accuracies: list[float], low: float) -> None:
    assert figures.accuracy_range(accuracies) == pytest.approx([low, 1.03])


@pytest.mark.parametrize(
    ("values", "numbers"),
    [
        (np.array([1, 2**32 - 1], np.uint32), [1, 2**31 - 1]),
        (np.array([-(2**40)], np.int64), [-(2**31)]),
        (np.array([1.5, 1e308, -1e308]), [1.5, float(np.finfo(np.float32).max), float(np.finfo(np.float32).min)]),
    ],
)
def test_numbers_beyond_32_bits_are_the_greatest_that_there_are(values: np.ndarray, numbers: list[float]) -> None:
    assert sent(style.typed(values)) == numbers
