"""Runs of versions that knew and allowed other things: read and compared as they were, and never done again."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import RunNotFoundError, UnfreezeError
from core.runs import jobs, overview, results
from core.runs.config import FineTuneConfig
from core.runs.events import Finished, Step, Stopped
from core.runs.folder import RunFolder
from core.runs.kinds import KINDS
from core.runs.run_config import RunConfig
from core.runs.settings import Choice, Number, choices_of, numbers_of, settings_of
from core.runs.step_format import StepFormat
from core.runs.writer import RunWriter
from tests.conftest import follow
from tests.samples import STARTED, make_run

STEPS = [Step(step=n, loss=2 / n, learning_rate=0.01, seconds=n / 4, images=32) for n in range(1, 58)]
FINISHED = Finished(best_epoch=1, best_accuracy=0.8, test_accuracy=0.84, seconds=20.0)
_CONFIGS = [kind.config for kind in KINDS.values()]
_EVERY = [(kind, name) for kind in _CONFIGS for name in [*choices_of(kind), *numbers_of(kind)]]


def beyond(about: Choice | Number) -> Any:
    """A value that this version does not have, or does not allow."""
    if isinstance(about, Choice):
        return "from another time"
    if about.allowed.maximum >= 1:
        return (int if about.is_whole else float)(about.allowed.maximum * 2)
    return about.allowed.maximum + (1 - about.allowed.maximum) / 2


def rewrite(folder: RunFolder, **values: object) -> RunFolder:
    """Have the run's description say other things."""
    path = folder.path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
    return folder


def old_run(home: Path, kind: type[RunConfig] = FineTuneConfig, **settings: object) -> RunFolder:
    """A run that was stopped, with settings that this version may refuse."""
    config = kind()
    folder = make_run(home, STARTED, *STEPS, Stopped(step=57), config=config)
    return rewrite(folder, config=config.to_dict() | settings)


@pytest.mark.parametrize(("kind", "name"), _EVERY)
def test_a_setting_that_is_not_possible_today_is_read_as_it_was(home: Path, kind: type[RunConfig], name: str) -> None:
    value = beyond(settings_of(kind)[name])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=name):
        kind.from_dict({**kind().to_dict(), name: value})
    config = old_run(home, kind, **{name: value}).config_of(kind)
    assert config.value_of(name) == value
    assert not config.is_possible
    assert config.in_words(name) == settings_of(kind)[name].in_words(value)
    assert overview.summaries(home)[0].problem == ""


@pytest.mark.parametrize("name", [name for kind, name in _EVERY if kind is FineTuneConfig])
def test_a_fine_tuning_that_is_not_possible_today_is_compared_and_not_resumed(home: Path, name: str) -> None:
    value = beyond(settings_of(FineTuneConfig)[name])  # type: ignore[arg-type]
    old, new = old_run(home, **{name: value}), old_run(home)
    before = old.events.read_bytes()
    runs = [follow(old), follow(new)]
    assert all(old.config().in_words(name) in label for label in results.labels([old, new])[:1])
    label = settings_of(FineTuneConfig)[name].label
    assert results.differing_settings([old.config(), new.config()]) == {
        label: [old.config().in_words(name), new.config().in_words(name)]
    }
    assert [len(run.steps) for run in runs] == [57, 57]
    with pytest.raises(UnfreezeError, match=f"this version of Unfreeze cannot train it: {name} must be"):
        jobs.resume(home, old)
    assert old.events.read_bytes() == before


@pytest.mark.parametrize("value", [None, [], {}, True, -1, "1", 1e400, "half \ud83d"])
@pytest.mark.parametrize("kind", _CONFIGS)
def test_what_a_setting_could_never_be_is_damage(home: Path, kind: type[RunConfig], value: object) -> None:
    for name in numbers_of(kind):
        with pytest.raises(RunNotFoundError, match=f"is damaged: its settings cannot be read: {name} must be"):
            old_run(home, kind, **{name: value}).config_of(kind)


def test_settings_that_are_younger_than_the_run_have_their_defaults(home: Path) -> None:
    folder = rewrite(make_run(home), config={"epochs": 7, "from the future": 1})
    assert folder.config() == FineTuneConfig(epochs=7)


def declare(folder: RunFolder, **fields: str) -> StepFormat:
    """Have a run record other fields."""
    step_format = StepFormat(list(fields.items()))
    rewrite(folder, step_fields=list(map(list, step_format.fields)))
    return step_format


@dataclasses.dataclass(frozen=True, kw_only=True)
class OtherStep(Step):
    """A step of a version that measured more."""

    gradient: float
    photos: int


@pytest.mark.parametrize(
    "fields",
    [
        {"step": "<u4", "loss": "<f8", "seconds": "<f8"},
        {"seconds": "<f4", "gradient": "<f4", "photos": "<u8", "loss": "<f4", "step": "<u8"},
        {"step": "<u4", "images": "<u4", "loss": "<f8", "learning_rate": "<f8", "seconds": "<f8", "gradient": "<f8"},
    ],
)
def test_steps_are_read_and_written_by_the_fields_that_the_run_declares(home: Path, fields: dict[str, str]) -> None:
    folder = make_run(home)
    step_format = declare(folder, **fields)
    recorded = [OtherStep(n, 2 / n, 0.01, n / 4, 32, gradient=1.5, photos=n) for n in range(1, 20)]
    folder.steps(1).write_bytes(b"".join(map(step_format.pack, recorded)))
    with RunWriter(folder) as writer:  # the run goes on in this version
        for step in STEPS[19:30]:
            writer.append(step)
    run = follow(folder)
    assert list(run.steps["step"]) == list(range(1, 31))
    assert run.steps.dtype == follow(make_run(home)).steps.dtype, "viewers get what they know"
    np.testing.assert_allclose(run.steps["loss"], 2 / np.arange(1, 31), rtol=1e-6)
    np.testing.assert_allclose(run.steps["seconds"], np.arange(1, 31) / 4)
    assert run.steps["learning_rate"][0] == (0.01 if "learning_rate" in fields else 0)
    assert overview.summaries(home)[1].seconds == 7.5


@pytest.mark.parametrize(
    "declared",
    [
        *(1, "step", {}, [], [["step"]], [["step", "<u4", 3]], [[1, 2]], [["step", "<u4"]] * 3, [["step", "O"]]),
        [["step", "<f8"], ["loss", "<f8"], ["seconds", "<f8"]],
        [["step", "<u4"], ["loss", "<f8"], ["seconds", "<f8"], ["__class__", "<f8"]],
        [["step", "<u4"], ["loss", "<f8"], ["seconds", "<f8"], *([f"f{n}", "<f8"] for n in range(1_000))],
    ],
)
def test_fields_that_cannot_be_are_damage(home: Path, declared: object) -> None:
    folder = make_run(home, STARTED, *STEPS)
    rewrite(folder, step_fields=declared)
    with pytest.raises(RunNotFoundError, match=r"is damaged: its config\.json does not say what its steps hold"):
        follow(folder)
    assert "does not say what its steps hold" in overview.summaries(home)[0].problem
