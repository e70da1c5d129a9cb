"""Runs of versions that knew and allowed other things, on every page: they open, compare and say what they were."""

from pathlib import Path

import pytest

from core.runs import known_devices, workers
from core.runs.config import FineTuneConfig, LinearFitConfig
from core.runs.events import Event, Finished, Fitted, Fitting, LinearStep
from core.runs.known_devices import DeviceInfo
from core.runs.settings import Choice, Text, settings_of
from pages.places import FINE_TUNE_RUN, LINEAR_FIT, PREDICT, RUNS
from tests.conftest import few_and_long
from tests.core.test_old_runs import STEPS, beyond, rewrite
from tests.pages.apps import button, open_page, texts
from tests.samples import STARTED, as_read, make_run

FINISHED = Finished(best_epoch=1, best_accuracy=0.8, test_accuracy=0.84, seconds=20.0)
LINE: list[Event] = [
    Fitting(epochs=3),
    *(LinearStep(step=n, loss=2 / n, weight=1.0, bias=2.0, seconds=n / 1000) for n in range(1, 4)),
    Fitted(weight=1.0, bias=2.0, loss=0.5, seconds=0.5),
]


@pytest.fixture(autouse=True)
def quiet(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is started, and the devices are known."""
    monkeypatch.setattr(workers, "prepare", lambda: None)
    known_devices.remember(home, [DeviceInfo(name="cpu", label="A CPU", memory_bytes=None, precision="float32")])


@pytest.mark.parametrize("name", few_and_long(settings_of(FineTuneConfig)))
def test_a_fine_tuning_opens_and_compares_and_its_settings_fill_the_form(home: Path, name: str) -> None:
    about = settings_of(FineTuneConfig)[name]
    value = "gone:9" if isinstance(about, Text) else beyond(about)
    new = make_run(home, STARTED, *STEPS, FINISHED)
    old = make_run(home, STARTED, *STEPS, FINISHED)
    rewrite(old, config=old.config().to_dict() | {name: value})
    old.best_checkpoint.write_bytes(b"weights")

    shown = open_page(FINE_TUNE_RUN, run=old.id)
    assert "84.0% of the 500 test photos are recognised" in shown.success[0].value
    compared = open_page(RUNS, compare=f"{new.id},{old.id}")
    assert f"| {about.label} |" in texts(compared)
    assert about.in_words(value) in as_read(texts(compared))
    open_page(PREDICT, run=old.id)

    button(shown, "Change settings").click().run()
    assert not shown.exception
    if isinstance(about, Choice) or name == "device":
        said = f"The address says {name} = “{value}”, which is not possible. The default is used instead."
        assert any(as_read(warning.value).startswith(said) for warning in shown.warning)

    shown = open_page(FINE_TUNE_RUN, run=old.id)
    [other] = [found for found in shown.button if found.label.startswith("Set up ")]
    other.click().run()
    assert not shown.exception
    assert button(shown, "Start fine-tuning")


@pytest.mark.parametrize("name", settings_of(LinearFitConfig))
def test_a_linear_fit_opens(home: Path, name: str) -> None:
    config = LinearFitConfig(epochs=3)
    old = make_run(home, *LINE, config=config)
    rewrite(old, config=config.to_dict() | {name: beyond(settings_of(LinearFitConfig)[name])})  # type: ignore[arg-type]
    page = open_page(LINEAR_FIT, run=old.id)
    assert "Trained or exact?" in texts(page)
    assert "Fitted" in page.success[0].value
