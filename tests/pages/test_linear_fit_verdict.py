"""The sentence about a fit agrees with the fit: its recursion, simulated in float64."""

import re

import numpy as np
from hypothesis import assume, given, settings

from core.runs.config import LinearFitConfig
from pages.linear_fit.verdict import how_far
from tests.core.test_arrival import Fit, fits


@settings(max_examples=50)
@given(fits())
def test_sentence_says_where_the_fit_stands(fit: Fit) -> None:
    assume(fit.way.all())
    sentence = how_far(LinearFitConfig(), fit.judged)
    farthest = np.abs(fit.later).max()
    assert ("has converged:" in sentence) == fit.judged.has_arrived
    if fit.judged.has_arrived or "just passing" in sentence:
        assert np.abs(fit.distance).max() < 0.0051
        assert fit.judged.has_arrived or farthest > 0.004 or fit.judged.reach > 0.0049
        return
    index = int(np.argmax(np.abs(fit.distance)))
    name, now, goal = re.findall(r"\*\*The (\w+) is still moving:\*\* (\S+) now, (\S+) in the end", sentence)[0]
    assert name == ("weight", "bias")[index]
    assert abs(float(now) - (fit.goal + fit.distance)[index]) <= 0.00051
    assert abs(float(goal) - fit.goal[index]) <= 0.00051
    left = abs(fit.distance[index] / fit.way[index])
    if left > 1:
        assert "farther from its goal than at the start" in sentence
    elif left >= 0.005:
        assert abs(float(re.findall(r"(\d+)% of its way", sentence)[0]) / 100 - left) <= 0.0051
        assert ("gone past its goal by" in sentence) == (fit.distance[index] * fit.way[index] < 0)
    assert ("swings around" in sentence) == fit.judged.swings
