"""Trainings compute what they did when the numbers in tests/data/golden.json were written down."""

import json

import pytest

from tests.golden import FILE, TRAININGS, losses

GOLDEN = json.loads(FILE.read_text())


@pytest.mark.parametrize("name", TRAININGS)
def test_losses_are_those_that_were_written_down(name: str) -> None:
    # bfloat16 has three digits: processors round its sums differently.
    assert losses(TRAININGS[name]) == pytest.approx(GOLDEN[name], rel=3e-2 if name == "bfloat16" else 1e-4)


def test_every_training_has_its_numbers() -> None:
    assert set(GOLDEN) == set(TRAININGS)
