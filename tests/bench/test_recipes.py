"""The table of recipes is made of what was measured, and a benchmark that was cut off goes on where it stopped."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.data.dataset import DataSet
from core.runs.config import FineTuneConfig
from core.runs.presets import PRESETS
from tests.bench import one_training, recipes
from tests.bench.one_training import Outcome
from tests.bench.recipe_results import Conditions, Result, Results
from tests.bench.recipe_table import MARKER, table, write_below

HERE = Conditions(machine="an abacus", versions="Python 3, PyTorch 2")
CELLS = recipes.cells("cpu")


def outcome(test_accuracy: float = 0.8, seconds: float = 10.0) -> Outcome:
    return Outcome(
        test_accuracy=test_accuracy, validation_accuracy=0.9, best_epoch=2, seconds=seconds, epoch_seconds=[6.0, 2.0]
    )


def result(config: FineTuneConfig, test_accuracy: float = 0.8, day: str = "2025-02-01") -> Result:
    return Result(settings=config.to_dict(), conditions=HERE, day=day, outcome=outcome(test_accuracy))


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[FineTuneConfig]:
    """What was trained, which takes no time here."""
    configs: list[FineTuneConfig] = []

    def train(config: FineTuneConfig) -> Outcome:
        configs.append(config)
        return outcome()

    monkeypatch.setattr(recipes, "train_apart", train)
    return configs


def measure(path: Path | None, *names: str, seeds: int = 2, conditions: Conditions = HERE) -> None:
    recipes.measure(names, CELLS, seeds, conditions, Results(path))


def test_every_preset_is_measured_for_every_way_that_makes_sense(monkeypatch: pytest.MonkeyPatch) -> None:
    random = {"weights": "random", "epochs": 7}
    scratch = replace(PRESETS["quick"], frozen=random, part=random, full=random)
    monkeypatch.setitem(PRESETS, "scratch", scratch)
    found = recipes.cells("cpu")
    assert [name for name in found if name.startswith("scratch")] == ["scratch/full"]
    assert found["scratch/full"].epochs == 7
    assert {f"{preset}/{way}" for preset in ("quick", "lesson") for way in recipes.WAYS} < set(found)
    assert found["quick/gradual"].what_learns == "last stage, gradual"
    assert found["quick/last_stage"].changed(thaw_every=1) == found["quick/gradual"]


def test_table_has_mean_and_deviation_of_the_seeds_and_says_how_they_came_about() -> None:
    full, frozen = CELLS["quick/full"], CELLS["quick/frozen"]
    results = {
        "quick/frozen": [result(frozen, 0.8), result(frozen, 0.82, day="2025-01-31")],
        "quick/full": [result(full, 0.85)],
        "lesson/full": [],
    }
    text = table(CELLS, results, "python -m this")
    head, _, rows = text.partition("| Preset |")
    assert head.startswith("Measured on an abacus, with Python 3, PyTorch 2, on 2025-01-31 to 2025-02-01, by\n")
    assert "\n    python -m this\n" in head
    assert "EfficientNet-Lite0 on CIFAR-10 sample: accuracies and seconds are the mean of 2 seeds ±" in head
    assert rows.splitlines()[2:] == [
        "| Quick start | frozen | 81.0 ± 1.4 | 90.0 ± 0.0 | 10.0 ± 0.0 | 20 | 160 |",
        "| Quick start (1 of 2 seeds) | full | 85.0 | 90.0 | 10.0 | 3 | 160 |",
    ]
    assert len({line.count("|") for line in text.splitlines() if line.startswith("|")}) == 1
    assert "are of one seed" in table(CELLS, {"quick/full": [result(full)]}, "")


def test_what_stands_above_the_marker_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "recipes.md"
    write_below(path, "first\n")
    assert path.read_text().startswith("# Recipes\n")
    path.write_text(f"By hand, é\n\n{MARKER}\n\nfirst\n")
    write_below(path, "second\n")
    assert path.read_text() == f"By hand, é\n\n{MARKER}\n\nsecond\n"
    path.write_text("No marker yet")
    write_below(path, "third\n")
    assert path.read_text() == f"No marker yet\n\n{MARKER}\n\nthird\n"


def test_benchmark_that_was_cut_off_trains_only_what_is_missing(trained: list[FineTuneConfig], tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    measure(path, "quick/full", seeds=1)
    measure(path, "quick/full", "lesson/full")
    lesson = CELLS["lesson/full"]
    assert trained[1:] == [lesson, CELLS["quick/full"].changed(seed=1), lesson.changed(seed=1)]
    path.write_text(path.read_text()[:-20])  # cut off while the last line was written
    measure(path, "quick/full", "lesson/full")
    assert trained[4:] == [lesson.changed(seed=1)]
    measure(path, "quick/full", "lesson/full")
    assert len(trained) == 5


def test_what_another_machine_or_another_recipe_gave_is_measured_anew(
    trained: list[FineTuneConfig], tmp_path: Path
) -> None:
    path = tmp_path / "results.jsonl"
    measure(path, "quick/full", seeds=1)
    measure(path, "quick/full", seeds=1, conditions=replace(HERE, versions="Python 4"))
    assert len(trained) == 2
    kept = Results(path)
    assert kept.of(CELLS["quick/full"], HERE) == result(CELLS["quick/full"], day=kept._results[0].day)
    assert kept.of(CELLS["quick/full"].changed(epochs=4), HERE) is None


def test_lines_that_are_no_results_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_bytes(b'\xff\n[]\n{"settings": {}}\n{"conditions": 1, "outcome": 2}\n\n7')
    Results(path).add(result(CELLS["quick/full"]))
    assert Results(path).of(CELLS["quick/full"], HERE) == result(CELLS["quick/full"])


def test_table_is_made_of_partial_results_and_put_into_the_document(
    trained: list[FineTuneConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipes, "_DOCUMENT", tmp_path / "recipes.md")
    path = str(tmp_path / "results.jsonl")
    with pytest.raises(SystemExit, match="nothing to make a table of"):
        [*recipes.recipes("cpu", only=[], results=path)]
    with pytest.raises(SystemExit, match="no recipe 'quick/slow': there are quick/frozen, "):
        [*recipes.recipes("cpu", only=["quick/slow"], results=path)]
    (text,) = recipes.recipes("cpu", seeds=2, only=["quick/full"], results=path)
    (said,) = recipes.recipes("cpu", seeds=2, only=[], results=path, write=True)
    assert len(trained) == 2
    assert "python -m tests.bench recipes --seeds 2" in text
    assert (tmp_path / "recipes.md").read_text().endswith(f"{MARKER}\n\n{text}")
    assert said.startswith("The table is in ")


def test_training_is_told_by_its_own_clock_and_scores(home: Path, tiny_data: DataSet) -> None:
    config = FineTuneConfig(image_size=32, epochs=2, batch_size=32, device="cpu")
    told = one_training.train(config)
    assert 0 <= told.test_accuracy <= 1
    assert told.best_epoch in (1, 2)
    assert len(told.epoch_seconds) == 2
    assert 0 < sum(told.epoch_seconds) < told.seconds
    assert [*home.glob("features/*/values")]  # kept as a run keeps them
