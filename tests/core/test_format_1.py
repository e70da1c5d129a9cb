"""Runs that an earlier version wrote stay what they are: they open, compare, resume and predict.

`tests/data/format_1` holds a frozen fine-tuning that was stopped in its third epoch, and a linear fit, byte for byte as
they were written; `expected.json` says what that version computed: the losses and scores of the run had it not been
stopped, and its predictions for ten test photos and for `odd.png`, whose shape makes cropping and resizing show.
"""

import hashlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from core import driver
from core.data.bundled import BUNDLED
from core.lane import Lane
from core.predict.answers import NetworkRef
from core.predict.prediction import predict
from core.runs import locks, overview, store, workers
from core.runs.config import LinearFitConfig
from core.runs.events import Evaluated, Finished, Fitted
from core.runs.folder import RunFolder
from core.runs.status import Status
from pages.places import FINE_TUNE_RUN, LINEAR_FIT, RUNS
from tests.conftest import ROOT, follow
from tests.samples import photos_of

DATA = Path(__file__).parents[1] / "data" / "format_1"
EXPECTED: dict[str, Any] = json.loads((DATA / "expected.json").read_text())
STOPPED, LINE = "20261126-011622-a132a6", "20261126-011625-37773a"


@pytest.fixture
def old(home: Path) -> RunFolder:
    """The stopped run in a home of its own, beside the linear fit."""
    shutil.copytree(DATA / "runs", home / "runs")
    return store.find(home, STOPPED)


def resume(folder: RunFolder) -> None:
    """Do the rest of the run here, as a worker would."""
    driver.work([Lane(folder, locks.hold(folder.lock))])


def test_old_runs_are_read_and_listed(home: Path, old: RunFolder) -> None:
    run = follow(old)
    assert run.status is Status.STOPPED
    assert run.steps["loss"].tolist() == EXPECTED["losses"][:70]
    line = follow(store.find(home, LINE))
    assert line.folder.config_of(LinearFitConfig).epochs == len(line.steps) == 200
    assert isinstance(line.last_event, Fitted)
    listed = {summary.id: summary for summary in overview.summaries(home)}
    assert listed[STOPPED].network == "ShuffleNetV2 x0.5"
    assert (listed[STOPPED].status, listed[STOPPED].is_resumable) == (Status.STOPPED, True)
    assert listed[STOPPED].best_accuracy == max(EXPECTED["validation_accuracies"][:2])
    assert listed[LINE].status is Status.FINISHED
    assert not any(summary.problem for summary in listed.values())


def test_old_run_goes_on_to_the_end_that_it_would_have_had(old: RunFolder) -> None:
    """Without the file that it started from, and in the pixels that it started with."""
    resume(old)
    run = follow(old)
    finished = run.last_event
    assert isinstance(finished, Finished), old.log_tail(20)
    assert run.steps["loss"].tolist() == pytest.approx(EXPECTED["losses"], rel=1e-4)
    scores = [event for event in run.events if isinstance(event, Evaluated) and event.split == "validation"]
    assert [event.loss for event in scores] == pytest.approx(EXPECTED["validation_losses"], rel=1e-4)
    assert [event.accuracy for event in scores] == pytest.approx(EXPECTED["validation_accuracies"], abs=0.006)
    assert finished.test_accuracy == pytest.approx(EXPECTED["test_accuracy"], abs=0.003)
    assert finished.best_epoch == EXPECTED["best_epoch"]
    assert not any(event.rows_hash for event in scores), "of its first steps nobody recorded the rows"


def test_old_checkpoint_predicts_as_it_did(old: RunFolder) -> None:
    sample = BUNDLED["cifar10_sample"].load()
    test = photos_of(sample, "test")
    photos = [("odd.png", (DATA / "odd.png").read_bytes())]
    for name in EXPECTED["probabilities"]:
        if name != "odd.png":
            file = io.BytesIO()
            Image.fromarray(test[int(name.removesuffix(".png"))]).save(file, "PNG")
            photos.append((name, file.getvalue()))
    answers = predict(NetworkRef(source="checkpoint", path=str(old.best_checkpoint)), photos)
    assert len(answers) == 11
    for answer in answers:
        found = {guess.class_name: guess.probability for guess in answer.guesses}
        assert found == pytest.approx(EXPECTED["probabilities"][answer.name], rel=1e-4)


@pytest.mark.long
def test_old_runs_open_and_compare_on_their_pages(home: Path, old: RunFolder) -> None:
    copy = home / "runs" / "20261126-011623-a132a6"
    shutil.copytree(old.path, copy)
    resume(RunFolder(copy))
    for page, query, sentence in (
        (FINE_TUNE_RUN, {"run": STOPPED}, "Stopped after step 70"),
        (FINE_TUNE_RUN, {"run": copy.name}, "34.2% of the"),
        (LINEAR_FIT, {"run": LINE}, "Fitted: 200 epochs"),
        (RUNS, {"compare": f"{STOPPED},{copy.name}"}, "has been tested so far"),
    ):
        app = AppTest.from_file(str(ROOT / "pages" / page.script), default_timeout=60)
        app.query_params.update(query)
        app.run()
        assert not app.exception
        shown = " ".join(element.value for kind in (app.success, app.info, app.markdown) for element in kind)
        assert sentence in shown, shown
    workers.release_spare()


def test_old_runs_are_the_bytes_that_were_written() -> None:
    """A run that today's version had changed would prove nothing about old ones."""
    digest = hashlib.sha256()
    for path in sorted((DATA / "runs").rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(DATA).as_posix()} {path.stat().st_size} ".encode() + path.read_bytes())
    assert digest.hexdigest() == "9cdbc723a457ed9fd81badd603f1b42480bb88f85b9904a9c7e4fe0e1f37381f"
