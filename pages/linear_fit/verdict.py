"""What a linear fit teaches once it has ended: how far it came, and why it ends where it does. Judges nothing."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.data import arrival, points
from core.data.arrival import Arrival
from core.data.points import Line, Points
from core.runs.config import LinearFitConfig
from core.runs.events import Fitted
from pages.ui.format import coefficient, counted


def compare(config: LinearFitConfig, fitted: Fitted, steps: NDArray[np.void]) -> None:
    """The trained line beside the exact ones, and why they differ. `steps` are all that the fit has recorded."""
    drawn, trained = points.draw(config.seed), Line(fitted.weight, fitted.bias)
    st.subheader("Trained or exact?", anchor=False)
    sentences = [_why_the_bias_is_4(config, drawn)]
    # A damaged file may have lost how the fit began; and what is outside today's ranges is not explained.
    if len(steps) and steps["step"][0] == 1 and config.is_possible:
        first = Line(float(steps["weight"][0]), float(steps["bias"][0]))
        sentences.insert(0, how_far(config, _judge(config, drawn, first, trained)))
    st.markdown("\n\n".join(sentences))
    rows = {
        f"**Trained**, {counted(config.epochs, 'epoch')}": trained,
        "**Exact**, least squares": points.minimum(drawn),
        f"**Exact** with weight decay {config.weight_decay:g}": points.minimum(drawn, weight_decay=config.weight_decay),
        "Truth with the mean of the noise, *y* = 2*x* + 4": points.EXPECTED,
        "Truth without noise, *y* = 2*x* + 3": points.TRUTH,
    }
    table = [
        f"| {label} | {coefficient(line.weight)} | {coefficient(line.bias)} | {coefficient(loss)} |"
        for label, line in rows.items()
        for loss in [points.mean_squared_error(drawn, line)]
    ]
    st.markdown("\n".join(["| Line | Weight | Bias | Loss |", "| :-- | --: | --: | --: |", *table]))


def _judge(config: LinearFitConfig, drawn: Points, first: Line, trained: Line) -> Arrival:
    return arrival.judge(
        drawn,
        learning_rate=config.learning_rate,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        epochs=config.epochs,
        start=arrival.start_of(drawn, first, learning_rate=config.learning_rate, weight_decay=config.weight_decay),
        now=trained,
    )


def how_far(config: LinearFitConfig, judged: Arrival) -> str:
    """How far a fit of these settings came, in Markdown. Pure."""
    if judged.runs_away:
        return "**The fit runs away:** every step overshoots by more than the one before. Lower the learning rate."
    pace = f"{'its swings shrink' if judged.swings else 'the distance shrinks'} to half"
    pace = f"{pace} every {max(round(judged.halves_every), 1):,} epochs"
    if judged.has_arrived:
        return (
            f"**Training has converged:** more epochs would not change weight and bias. "
            f"{pace[0].upper()}{pace[1:]}, and it had {config.epochs:,}."
        )
    return (
        f"{_where(judged)} With learning rate ÷ (1 − momentum) = "
        f"{config.learning_rate / (1 - config.momentum):.2g} as the effective step, {pace}."
    )


def _where(judged: Arrival) -> str:
    """Where the parameter that is farther off stands, and whether the other one will soon be farther off than it."""
    if judged.others_reach <= max(abs(judged.now - judged.goal), judged.reach):
        return _where_it_is(judged)
    other = "bias" if judged.parameter == "weight" else "weight"
    return f"{_where_it_is(judged)} The {other} is moving, too: it still gets up to {judged.others_reach:.2g} away."


def _where_it_is(judged: Arrival) -> str:
    name = judged.parameter
    if abs(judged.now - judged.goal) < arrival.NEAR:
        return (
            f"**The {name} is still moving:** it is just passing {judged.goal:.3f}, where it ends, and will still "
            f"swing up to {judged.reach:.2g} away from it."
        )
    here = f"**The {name} is still moving:** {judged.now:.3f} now, {judged.goal:.3f} in the end;"
    swings = ", and it swings around its goal" if judged.swings else ""
    if judged.left > 1:
        return f"{here} it is farther from its goal than at the start{swings}."
    share = f"{judged.left:.0%}" if judged.left >= 0.005 else "less than 1%"
    if judged.is_past:
        return f"{here} it has gone past its goal by {share} of its way{swings or ', and comes back'}."
    return f"{here} {share} of its way is left{swings}."


def _why_the_bias_is_4(config: LinearFitConfig, drawn: Points) -> str:
    noise = "**The exact bias is near 4, not 3:** the noise is 0, 1 or 2, so it adds 1 on average."
    if not config.weight_decay:
        return noise
    exact, goal = points.minimum(drawn), points.minimum(drawn, weight_decay=config.weight_decay)
    return (
        f"{noise} Weight decay pulls both parameters towards zero, so training heads for a bias of {goal.bias:.4f} "
        f"instead of {exact.bias:.4f}."
    )
