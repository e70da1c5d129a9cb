"""One linear fit on a page: the points and the curves, live while it trains."""

from typing import Any, assert_never

import numpy as np
import streamlit as st

from core.data import points
from core.data.points import Line, Points
from core.figures import linear_fit as figures
from core.models.saved import LoadedModel
from core.runs.config import LinearFitConfig
from core.runs.events import Failed, Fitted
from core.runs.kinds import KINDS
from core.runs.reader import RunReader
from core.runs.snapshot import Snapshot
from core.runs.status import Status
from pages.ui import run_actions
from pages.ui.format import coefficient, counted, plain
from pages.ui.icons import STATUS_ICONS
from pages.ui.live_chart import live_chart
from pages.ui.problems import problems_shown

_POLL_S = 0.1
_CHART_HEIGHT = 520
_NO_STEPS = np.empty(0, KINDS[LinearFitConfig.KIND].steps.dtype)


@problems_shown()
def live_fit(reader: RunReader | None, config: LinearFitConfig, loaded: LoadedModel | None) -> None:
    """Draw the points of `config`, and a fit where there is one; keep it up to date for as long as it lives.

    `loaded` is a line to draw beside it.
    """
    status = reader.poll().status if reader else None
    # Always a fragment, polled or not: the charts and their zoom outlast the end of the fit.
    poll_s = _POLL_S if status is not None and status.is_live else None
    st.fragment(_body, run_every=poll_s)(reader, config, loaded, before=status)


@problems_shown()
def _body(
    reader: RunReader | None, config: LinearFitConfig, loaded: LoadedModel | None, *, before: Status | None
) -> None:
    """Everything that changes while a fit lives."""
    run = reader.poll() if reader else None
    if (run.status if run else None) is not before:
        st.rerun()  # once: the whole page, with what there is to say of a fit that has ended
    steps = run.steps if run else _NO_STEPS
    drawn = points.draw(config.seed)
    exact = points.minimum(drawn)
    with st.container(horizontal=True, vertical_alignment="center"):
        _state(run, config)
    left, right = st.columns(2, gap="medium")
    with left:
        _points_chart(drawn, exact, steps, loaded, chart_id=f"points {config.seed}")
    with right:
        _curves_chart(run, config, steps, exact, points.mean_squared_error(drawn, exact))


def _state(run: Snapshot | None, config: LinearFitConfig) -> None:
    """What is going on, in one line of one height, so that the charts stay where they are."""
    if run is None:
        st.info(
            "The dashed green line is the exact answer. Fit the line to see how close training comes.",
            icon=":material/lightbulb:",
        )
        return
    icon, last, num_steps = STATUS_ICONS[run.status], run.last_event, len(run.steps)
    match run.status:
        case Status.STARTING | Status.QUEUED:
            st.info("Loading PyTorch …", icon=icon)
        case Status.RUNNING:
            st.info(f"Epoch {num_steps:,} of {config.epochs:,}", icon=icon)
            st.button(
                "Stop", icon=":material/stop:", on_click=run_actions.stop, args=(run.folder,), key="linear_fit_stop"
            )
        case Status.FINISHED:
            assert isinstance(last, Fitted)
            st.success(f"Fitted: {counted(config.epochs, 'epoch')} in {last.seconds:.2g} s.", icon=icon)
        case Status.STOPPED:
            st.info(f"Stopped after epoch {num_steps:,}.", icon=icon)
        case Status.FAILED:
            assert isinstance(last, Failed)
            st.error(plain(last.message), icon=icon)
        case Status.INTERRUPTED:
            st.warning(
                f"The fit was cut off after epoch {num_steps:,}: its process ended. Fit the line again.", icon=icon
            )
        case _:
            assert_never(run.status)


def _points_chart(drawn: Points, exact: Line, steps: Any, loaded: LoadedModel | None, *, chart_id: str) -> None:
    lines = [figures.truth_line(), figures.exact_line(exact)]
    trained = Line(float(steps["weight"][-1]), float(steps["bias"][-1])) if len(steps) else None
    if trained is not None:
        lines.append(figures.trained_line(trained))
    if loaded is not None:
        lines.append(figures.file_line("From the file", Line(loaded.weight, loaded.bias)))
    numbers = {
        f"Weight · exact {exact.weight:.4f}": coefficient(trained.weight) if trained else "–",
        f"Bias · exact {exact.bias:.4f}": coefficient(trained.bias) if trained else "–",
    }
    description = f"30 points; exact weight {exact.weight:.4f} and bias {exact.bias:.4f}"
    if trained is not None:
        description += f"; trained weight {coefficient(trained.weight)} and bias {coefficient(trained.bias)}"
    figure = figures.fitted_points(drawn, lines, chart_id=chart_id)
    live_chart(figure, key="linear-fit-points", numbers=numbers, height=_CHART_HEIGHT, description=description)


def _curves_chart(run: Snapshot | None, config: LinearFitConfig, steps: Any, exact: Line, smallest_loss: float) -> None:
    figure = figures.fitting_curves(
        steps,
        epochs=config.epochs,
        exact=exact,
        smallest_loss=smallest_loss,
        chart_id=run.folder.id if run else "empty",
    )
    last = run.last_event if run else None
    loss = last.loss if isinstance(last, Fitted) else steps["loss"][-1] if len(steps) else None
    numbers = {
        f"Loss · exact {smallest_loss:.4f}": "–" if loss is None else coefficient(loss),
        f"Epoch · of {config.epochs:,}": f"{len(steps):,}" if len(steps) else "–",
    }
    description = "Loss, weight and bias of every epoch, none so far"
    if loss is not None:
        description = f"Loss over {len(steps):,} of {counted(config.epochs, 'epoch')}, now {coefficient(loss)}"
    live_chart(figure, key="linear-fit-curves", numbers=numbers, height=_CHART_HEIGHT, description=description)
