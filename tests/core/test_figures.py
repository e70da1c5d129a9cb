"""Figures are valid Plotly, keep every extreme, and do not shuffle what is drawn already."""

import base64
import dataclasses
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from core.figures import style
from core.figures import training as figures
from core.figures.marks import Mark, lines_at
from core.figures.view import Scale, View
from core.runs.kinds import KINDS
from core.runs.milestones import Milestone
from core.runs.positions import Unit
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


@pytest.mark.parametrize("scale", ["linear", "log_loss", "log_both"])
@pytest.mark.parametrize(("unit", "last"), [("step", 20), ("epoch", 2), ("images", 600), ("seconds", 10)])
def test_chart_is_drawn_across_what_was_chosen(unit: Unit, last: float, scale: Scale) -> None:
    losses = np.ones(20)
    made = steps(losses)
    made["images"], made["seconds"] = 30, made["step"] / 2
    marks = [Milestone(step=10, label="thaws", detail="One more.")]
    view = View(x=unit, scale=scale)
    figure = draw(losses, view=view, steps=made, milestones=marks, validations=[validated(1, seconds=5.5)])
    go.Figure(figure)
    raw, smoothed, loss, accuracy = figure["data"]
    assert sent(raw["x"])[-1] == sent(smoothed["x"])[-1] == pytest.approx(last)
    # The validation is known when it is done.
    assert sent(loss["x"]) == sent(accuracy["x"]) == [pytest.approx(5.5 if unit == "seconds" else last / 2)]
    layout = figure["layout"]
    assert layout["shapes"][0]["x0"] == pytest.approx(last / 2)
    assert layout["annotations"][0]["x"] == pytest.approx(np.log10(last / 2) if view.is_x_log else last / 2)
    assert layout["xaxis"].get("type") == ("log" if scale == "log_both" else None)
    assert layout["yaxis"].get("type") == (None if scale == "linear" else "log")


def test_zoom_into_an_axis_ends_where_it_becomes_another_one() -> None:
    step, seconds, log = (
        draw(np.ones(3), view=view)["layout"]
        for view in (View(), View(x="seconds"), View(x="seconds", scale="log_loss"))
    )
    assert step["xaxis"]["uirevision"] != seconds["xaxis"]["uirevision"] == log["xaxis"]["uirevision"]
    assert step["yaxis"]["uirevision"] == seconds["yaxis"]["uirevision"] != log["yaxis"]["uirevision"]


def test_best_epochs_have_a_ring_as_soon_as_there_are_two() -> None:
    better = dataclasses.replace(validated(2), loss=2.0, accuracy=0.9)
    figure = draw(np.ones(20), validations=[validated(1), better])
    go.Figure(figure)
    lowest, best = figure["data"][4:]
    assert (lowest["text"], sent(lowest["x"]), sent(lowest["y"])) == (["lowest"], [10], [1.0])
    assert (best["text"], sent(best["x"])) == (["best"], [20])
    assert sent(best["y"]) == pytest.approx([0.9])
    assert best["legendgroup"] == figure["data"][3]["legendgroup"], "hidden together"
    assert len(draw(np.ones(20))["data"]) == 4


def test_learning_rate_has_a_line_of_its_own_where_it_has_a_schedule() -> None:
    made = steps(np.ones(20))
    made["learning_rate"] = np.linspace(1, 0, 20)
    figure = draw(np.ones(20), steps=made, has_schedule=True)
    go.Figure(figure)
    assert sent(figure["data"][-1]["y"]) == pytest.approx(np.linspace(1, 0, 20))
    assert figure["data"][-1]["yaxis"] == figure["layout"]["xaxis"]["anchor"] == "y3"
    assert "yaxis3" not in draw(np.ones(20), steps=made)["layout"]


def test_labels_that_would_not_fit_are_left_out_but_for_the_first_of_each_kind() -> None:
    marks = [Mark(x=x, label="thaws", detail="More.", color="#000000") for x in range(1, 6)]
    marks.append(Mark(x=51, label="resumed", detail="Again.", color="#000000"))
    marks.append(Mark(x=50, label="thaws", detail="More.", color="#000000"))
    shapes, labels = lines_at(marks, end=100, is_log=False, y=0.5)
    assert len(shapes) == len(labels) == 7
    assert {label["x"]: label["text"] for label in labels if label["text"].strip()} == {1: "thaws", 51: "resumed"}
    assert {label["hovertext"] for label in labels} == {"More.", "Again."}


def test_milestone_that_is_still_to_come_is_not_drawn() -> None:
    ahead = [Milestone(step=21, label="thaws", detail="One more.")]
    assert draw(np.ones(20), milestones=ahead)["layout"]["shapes"] == []


def test_long_runs_are_sent_as_few_points_whatever_they_are_drawn_across() -> None:
    lanes = [training(np.ones(100_000), label=name, has_schedule=True) for name in "ab"]
    figure = figures.compare_training(lanes, chart_id="race", view=View(x="images"))
    go.Figure(figure)
    assert all(len(sent(trace["x"])) <= style.MAX_POINTS for trace in figure["data"])


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


@pytest.mark.parametrize(
    ("losses", "ticks"), [([1.0, 0.2], 2), ([2.0, 0.01], 4), ([1.0, 1e-9], 6), ([0.0, 0.0], 2), ([1e308, 1e-308], 6)]
)
def test_logarithmic_axis_has_as_few_ticks_as_have_room(losses: list[float], ticks: int) -> None:
    figure = draw(np.array(losses), view=View(scale="log_loss"))
    go.Figure(figure)
    assert figure["layout"]["yaxis"]["nticks"] == ticks
