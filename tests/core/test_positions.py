"""Where each step of a training stands: in epochs, in images, in seconds; and what happened between them."""

import dataclasses

import numpy as np
import pytest

from core.runs import history
from core.runs.config import FineTuneConfig
from core.runs.events import Evaluated, Started
from core.runs.milestones import milestones
from core.runs.positions import Unit, along, images_seen, place
from tests.core.test_progress import steps
from tests.samples import STARTED

SMALL_LAST = np.tile([32, 32, 6], 2)  # two epochs of three batches


def seen(batches: np.ndarray) -> np.ndarray:
    made = steps(len(batches))
    made["images"] = batches
    return made


def test_last_batch_of_an_epoch_counts_as_large_as_it_was() -> None:
    assert images_seen(seen(SMALL_LAST)).tolist() == [32, 64, 70, 102, 134, 140]


def test_steps_that_a_file_has_lost_count_as_the_one_after_them() -> None:
    assert images_seen(seen(np.full(6, 32))[[0, 1, 4, 5]]).tolist() == [32, 64, 160, 192]


@pytest.mark.parametrize(
    ("unit", "last"), [("step", 6), ("epoch", pytest.approx(2)), ("images", 140), ("seconds", pytest.approx(3))]
)
def test_step_stands_where_the_axis_has_it(unit: Unit, last: float) -> None:
    made = seen(SMALL_LAST)
    assert along(made, unit, 3)[-1] == last
    assert place([0, 3, 6], made, unit, 3).tolist() == [0, along(made, unit, 3)[2], last]
    assert len(along(made[:0], unit, 3)) == 0
    assert place([0], made[:0], unit, 3).tolist() == [0]


def thaws(config: FineTuneConfig, *attempts: Started) -> list[int]:
    return [found.step for found in milestones(config, attempts) if found.label == "thaws"]


def test_stage_thaws_at_the_end_of_an_epoch_and_none_when_all_that_is_to_learn_does() -> None:
    full = FineTuneConfig.of(mode="full", thaw_every=2, epochs=50)
    found = thaws(full, STARTED)
    assert found == [57 * epoch for epoch in range(2, 2 * len(found) + 1, 2)]
    assert full.first_block_at(found[-1] // 57) == 0 < full.first_block_at(found[-1] // 57 - 1)
    assert len(thaws(full.changed(mode="last_stage"), STARTED)) == 1
    assert thaws(full.changed(mode="frozen"), STARTED) == []
    assert thaws(full.changed(epochs=2), STARTED) == []
    assert thaws(full.changed(thaw_every=0), STARTED) == []
    assert thaws(full) == [], "it has not begun"


def test_network_of_another_version_has_no_thaws() -> None:
    values = FineTuneConfig.of(mode="full", thaw_every=1).to_dict() | {"architecture": "of_tomorrow"}
    assert thaws(FineTuneConfig.recorded(values), STARTED) == []


def test_resume_is_a_milestone_and_a_start_is_none() -> None:
    resumed = dataclasses.replace(STARTED, first_step=31)
    found = milestones(FineTuneConfig(), [STARTED, resumed])
    assert [(milestone.step, milestone.detail) for milestone in found] == [(30, "Resumed after step 30.")]


def scored(*losses: float) -> list[Evaluated]:
    made = Evaluated(split="validation", epoch=1, step=2, loss=1.0, accuracy=0.5, seconds=1.0, best=True)
    return [dataclasses.replace(made, epoch=epoch, loss=loss) for epoch, loss in enumerate(losses, start=1)]


def turned(validation: list[float], training: list[float]) -> tuple[int, bool] | None:
    """The turn of a run with two steps an epoch, of these losses each epoch."""
    made = steps(2 * len(training))
    made["loss"] = np.repeat(training, 2)
    turn = history.turn(scored(*validation), made, 2)
    return None if turn is None else (turn.epoch, turn.is_overfitting)


@pytest.mark.parametrize(
    ("validation", "training", "turn"),
    [
        ([3, 2, 1], [3, 2, 1], None),
        ([3, 1, 2], [3, 2, 1], None),  # one epoch alone
        ([3, 1, 1.5, 2], [4, 3, 2, 1], (2, True)),
        ([3, 1, 1.5, 2], [1, 2, 3, 4], (2, False)),  # it diverges
        ([3, 1, 1.01, 1.02], [4, 3, 2, 1], None),  # that can be chance
        ([3, 1, 2, 1.01], [4, 3, 2, 1], None),  # it has come back
        ([3, 1, 1.5, 2], [], (2, False)),  # the steps are lost
        ([], [], None),
    ],
)
def test_validation_loss_has_turned_where_it_has_clearly_risen_for_some_epochs(
    validation: list[float], training: list[float], turn: tuple[int, bool] | None
) -> None:
    assert turned(validation, training) == turn
