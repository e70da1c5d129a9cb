"""Linear fits: the course's numbers, the exact answers beside them, and fits as runs."""

import base64
import errno
import math
import os
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core import helper
from core.data import points
from core.data.points import Line
from core.driver import work_alone
from core.errors import TrainingDivergedError
from core.figures import linear_fit as figures
from core.figures import style
from core.runs import control, jobs, locks, store
from core.runs.config import LinearFitConfig
from core.runs.events import Failed, Fitted, Fitting, LinearStep, Stopped
from core.runs.folder import RunFolder
from core.runs.kinds import KINDS
from core.runs.linear_script import script
from core.runs.status import Status, derive_status, is_resumable
from core.runs.writer import RunWriter
from core.training.linear_fit import LinearFitState, fit
from tests.conftest import follow, wait_until

SEEDS = st.integers(0, 2**31 - 1)
DEFAULT = LinearFitConfig()
SHORT = LinearFitConfig(epochs=20)


def end_of(config: LinearFitConfig) -> Fitted:
    *_, last = fit(LinearFitState.new(config))
    assert isinstance(last, Fitted)
    return last


def make_run(home: Path, config: LinearFitConfig = SHORT) -> RunFolder:
    folder = store.new_folder(home)
    folder.write_description(config, name="mine", created=0.0, queue="helper")
    return folder


@given(seed=SEEDS)
def test_points_are_the_lessons(seed: int) -> None:
    drawn = points.draw(seed)
    assert len(drawn.x) == len(drawn.y) == 30
    assert set(drawn.x.tolist()) <= set(range(-10, 10))
    assert set((drawn.y - 2 * drawn.x - 3).tolist()) <= {0, 1, 2}


@given(seed=SEEDS)
def test_minimum_is_the_least_squares_line(seed: int) -> None:
    drawn = points.draw(seed)
    expected, *_ = np.linalg.lstsq(np.stack([drawn.x, np.ones(30)], axis=1), drawn.y, rcond=None)
    exact = points.minimum(drawn)
    assert [exact.weight, exact.bias] == pytest.approx(expected)


@given(seed=SEEDS, weight_decay=st.floats(0, 1))
def test_gradient_vanishes_at_the_minimum_with_weight_decay(seed: int, weight_decay: float) -> None:
    drawn = points.draw(seed)
    exact = points.minimum(drawn, weight_decay=weight_decay)
    weight, bias = (
        torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (exact.weight, exact.bias)
    )
    x, y = torch.tensor(drawn.x), torch.tensor(drawn.y)
    (((weight * x + bias - y) ** 2).mean() + weight_decay / 2 * (weight**2 + bias**2)).backward()
    assert weight.grad is not None
    assert bias.grad is not None
    assert [weight.grad.item(), bias.grad.item()] == pytest.approx([0, 0], abs=1e-9)


def test_noise_lifts_the_exact_bias_to_four_and_weight_decay_holds_it_back() -> None:
    biases = {
        decay: np.mean([points.minimum(points.draw(seed), weight_decay=decay).bias for seed in range(2_000)])
        for decay in (0.0, 0.01)
    }
    assert biases == {0.0: pytest.approx(4.00, abs=0.01), 0.01: pytest.approx(3.98, abs=0.01)}


@pytest.mark.long
def test_thousand_epochs_leave_the_bias_on_its_way_as_in_the_lesson() -> None:
    biases = [end_of(LinearFitConfig(seed=seed)).bias for seed in range(40)]
    assert np.mean(biases) == pytest.approx(3.40, abs=0.1)
    assert np.std(biases) == pytest.approx(0.21, abs=0.08)
    assert min(biases) < 3.169 < max(biases), "the lesson's own result is an ordinary one"


def test_fit_arrives_at_the_minimum_with_weight_decay_in_time() -> None:
    config = LinearFitConfig(learning_rate=0.01, epochs=2_000, weight_decay=0.1)
    fitted, goal = end_of(config), points.minimum(points.draw(config.seed), weight_decay=0.1)
    assert [fitted.weight, fitted.bias] == pytest.approx([goal.weight, goal.bias], abs=1e-4)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_time_constant_is_the_pace_of_the_fit(momentum: float) -> None:
    config = LinearFitConfig(momentum=momentum, learning_rate=1e-3 * (1 - momentum), epochs=2_000)
    drawn = points.draw(config.seed)
    constant = points.time_constant(
        drawn, learning_rate=config.learning_rate, momentum=momentum, weight_decay=config.weight_decay
    )
    assert constant == pytest.approx(500, rel=0.1), "as the lesson says"
    steps = [step for step in fit(LinearFitState.new(config)) if isinstance(step, LinearStep)]
    goal = points.minimum(drawn, weight_decay=config.weight_decay)
    left = [abs(steps[epoch].bias - goal.bias) for epoch in (800, 800 + round(constant))]
    assert left[1] / left[0] == pytest.approx(1 / math.e, rel=0.02)


@given(seed=SEEDS, momentum=st.floats(0, 0.99), weight_decay=st.floats(0, 1))
def test_fit_shrinks_below_the_largest_learning_rate_and_grows_above(
    seed: int, momentum: float, weight_decay: float
) -> None:
    drawn = points.draw(seed)
    limit = points.largest_learning_rate(drawn, momentum=momentum, weight_decay=weight_decay)
    constants = [
        points.time_constant(drawn, learning_rate=factor * limit, momentum=momentum, weight_decay=weight_decay)
        for factor in (0.99, 1.01)
    ]
    assert constants[0] < math.inf
    assert constants[1] == math.inf


def test_generator_yields_every_epoch_between_its_two_rare_events() -> None:
    first, *between, last = fit(LinearFitState.new(SHORT))
    steps = [event for event in between if isinstance(event, LinearStep)]
    assert first == Fitting(epochs=20)
    assert isinstance(last, Fitted)
    assert len(steps) == len(between)
    assert [step.step for step in steps] == list(range(1, 21))
    assert (last.weight, last.bias) == (steps[-1].weight, steps[-1].bias)
    drawn = points.draw(SHORT.seed)
    assert last.loss == pytest.approx(points.mean_squared_error(drawn, Line(last.weight, last.bias)), rel=1e-5)
    assert steps[1].loss == pytest.approx(
        points.mean_squared_error(drawn, Line(steps[0].weight, steps[0].bias)), rel=1e-5
    )


def test_seed_decides_everything() -> None:
    ends = [end_of(LinearFitConfig(epochs=5, seed=seed)) for seed in (1, 1, 2)]
    assert (ends[0].weight, ends[0].bias) == (ends[1].weight, ends[1].bias)
    assert ends[0].bias != ends[2].bias


@pytest.mark.parametrize(
    "config", [DEFAULT, LinearFitConfig(epochs=50, learning_rate=3e-3, momentum=0, weight_decay=0, seed=7)]
)
def test_script_ends_at_the_same_numbers_to_the_last_digit(
    config: LinearFitConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    exec(script(config), {"__name__": "script"})
    fitted = end_of(config)
    assert capsys.readouterr().out.splitlines() == [f"weight {fitted.weight} True", f"bias {fitted.bias} True"]


def test_script_without_the_first_line_of_its_constructor_raises_what_the_page_says() -> None:
    program = script(DEFAULT).replace("super().__init__()", "pass")
    with pytest.raises(AttributeError, match=r"^cannot assign parameters before Module\.__init__\(\) call$"):
        exec(program, {"__name__": "script"})


def test_diverging_fit_fails_with_the_learning_rate_that_would_do(home: Path) -> None:
    config = LinearFitConfig(learning_rate=0.06)
    with pytest.raises(TrainingDivergedError):
        list(fit(LinearFitState.new(config)))
    folder = make_run(home, config)
    work_alone(str(folder.path))
    run = follow(folder)
    assert isinstance(run.last_event, Failed)
    assert "the learning rate 0.06 is too large; with momentum 0.9, these points need one below 0.053" in str(
        run.last_event.message
    )
    assert 0 < len(run.steps) < 1_000
    assert all(np.isfinite(run.steps[name]).all() for name in ("loss", "weight", "bias"))
    assert not is_resumable(Status.FAILED, run.last_event)
    assert end_of(LinearFitConfig(learning_rate=0.053)).loss < 1, "just below, it ends well"


def test_record_writes_every_epoch_and_the_end(home: Path) -> None:
    folder = make_run(home)
    work_alone(str(folder.path))
    run = follow(folder)
    assert [type(event) for event in run.events] == [Fitting, Fitted]
    expected = [step for step in fit(LinearFitState.new(SHORT)) if isinstance(step, LinearStep)]
    assert run.steps["bias"].tolist() == [step.bias for step in expected]
    assert run.status is Status.FINISHED


def test_status_of_a_fit_follows_its_events() -> None:
    fitting, fitted = Fitting(epochs=2), Fitted(weight=2.0, bias=3.0, loss=1.0, seconds=0.1)
    assert derive_status(True, []) is Status.STARTING
    assert derive_status(True, [fitting]) is Status.RUNNING
    assert derive_status(False, [fitting]) is Status.INTERRUPTED
    assert derive_status(True, [fitting, fitted]) is Status.FINISHED


def test_fit_stops_between_epochs_when_asked(home: Path) -> None:
    folder = make_run(home, LinearFitConfig(epochs=20_000))
    jobs.stop(folder)
    assert control.read(folder.control) == control.STOP
    work_alone(str(folder.path))
    run = follow(folder)
    assert run.last_event == Stopped(step=len(run.steps))
    assert 0 < len(run.steps) < 20_000


def test_unexpected_fault_is_said_in_a_sentence(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(config: LinearFitConfig) -> None:
        raise RuntimeError("no such kernel")

    monkeypatch.setattr(LinearFitState, "new", broken)
    folder = make_run(home)
    work_alone(str(folder.path))
    failure = follow(folder).last_event
    assert failure == Failed(message="It broke off with RuntimeError: no such kernel.", step=0)


@pytest.mark.parametrize(
    ("method", "says"),
    [
        ("__init__", "The run cannot begin: the disk of "),
        ("flush", "The disk is full: the run could not write its results"),
    ],
)
def test_disk_that_refuses_ends_the_fit_with_a_sentence(
    home: Path, method: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    folder = make_run(home)
    monkeypatch.setattr(RunWriter, method, refuse)
    work_alone(str(folder.path))
    failure = follow(folder).last_event
    assert isinstance(failure, Failed)
    assert failure.message.startswith(says)
    assert not failure.can_resume


@pytest.mark.worker
def test_fault_of_the_helper_itself_is_in_the_log(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    submit = helper.submit
    monkeypatch.setattr(helper, "submit", lambda target, path, **_: submit("core.driver:no_such", path))
    folder = jobs.start(home, LinearFitConfig(epochs=3))
    wait_until(lambda: not locks.is_held(folder.lock))
    assert folder.id in caplog.text
    assert "no_such" in caplog.text


@pytest.mark.worker
def test_started_fit_is_alive_until_the_helper_is_done(home: Path) -> None:
    folder = jobs.start(home, LinearFitConfig(epochs=300, seed=3))
    assert follow(folder).status is not Status.INTERRUPTED
    wait_until(lambda: not locks.is_held(folder.lock))
    run = follow(folder)
    assert run.status is Status.FINISHED
    assert len(run.steps) == 300
    assert folder.description()["name"] == "Linear fit, seed 3"


@pytest.mark.worker
def test_fit_whose_helper_dies_reads_as_interrupted(home: Path) -> None:
    pid = helper.call("os:getpid")
    folder = jobs.start(home, LinearFitConfig(epochs=20_000))
    wait_until(lambda: follow(folder).status is Status.RUNNING)
    os.kill(pid, 9)
    wait_until(lambda: not locks.is_held(folder.lock))
    assert follow(folder).status is Status.INTERRUPTED


@pytest.mark.parametrize("count", [0, 1, 20_000])
def test_figures_are_valid_plotly(count: int) -> None:
    steps = np.ones(count, KINDS["linear_fit"].steps.dtype)
    drawn = points.draw(0)
    exact = points.minimum(drawn)
    curves = go.Figure(
        figures.fitting_curves(steps, epochs=max(count, 1), exact=exact, smallest_loss=0.6, chart_id="a")
    )
    assert curves.data[0].name == "Loss"
    assert len(base64.b64decode(curves.data[0].x["bdata"])) <= 4 * min(count, style.MAX_POINTS + 2)
    lines = [figures.truth_line(), figures.exact_line(exact), figures.file_line("<b>mine</b>", Line(1.0, 2.0))]
    scatter = go.Figure(figures.fitted_points(drawn, lines, chart_id="a"))
    assert [trace.name for trace in scatter.data if trace.showlegend] == [
        *("Truth, y = 2x + 3", "Exact, least squares"),
        "&lt;b&gt;mine&lt;/b&gt;",
    ]


def test_loss_axis_has_few_ticks_even_where_a_fit_runs_away() -> None:
    steps = np.ones(2, KINDS["linear_fit"].steps.dtype)
    steps["loss"] = [1.0, 1e36]
    figure = figures.fitting_curves(steps, epochs=2, exact=Line(2.0, 4.0), smallest_loss=0.6, chart_id="a")
    assert 4 <= 36 / figure["layout"]["yaxis"]["dtick"] <= 8
