"""Views of photos that are changed at random: computed once, used in turn, and the same whoever computes them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core import devices
from core.data import bundled
from core.data.dataset import Side
from core.data.pixels import Pixels
from core.errors import UnfreezeError
from core.runs.config import FineTuneConfig
from core.runs.events import Event, Extracting, Finished, Started, Step
from core.training.features import Features
from core.training.fine_tune import fine_tune
from core.training.state import TrainingState
from core.training.tail_inputs import tail_inputs
from core.training.views import Views
from tests.conftest import few_and_long
from tests.samples import data_set_of, source_of

PHOTOS, VIEWS = 98, 2
VALIDATION, TEST = 2, 1  # blocks
CHANGES: dict[str, dict[str, Any]] = {
    "crops": {"augmentation": "random_resized_crop"},
    "flips": {"flip": 0.5},
    "all": {
        "augmentation": "random_resized_crop",
        "flip": 0.5,
        "colour_jitter": 0.4,
        "rotation": 20.0,
        "erasing": 0.5,
        "mixup": 0.5,
        "cutmix": 1.0,
    },
}


def config(**changes: Any) -> FineTuneConfig:
    settings: dict[str, Any] = {
        "architecture": "shufflenet_v2_x0_5",
        "weights": "random",
        "image_size": 32,
        "epochs": 5,
        "batch_size": 32,
        "views": VIEWS,
        "device": "cpu",
        "precision": "float32",
    }
    return FineTuneConfig.of(**settings | changes)


@pytest.fixture(autouse=True)
def photos(monkeypatch: pytest.MonkeyPatch) -> None:
    counts: dict[Side, int] = {"train": PHOTOS, "validation": 40, "test": 8}
    sides = [side for side, count in counts.items() for _ in range(count)]
    pixels = Pixels.of(np.random.default_rng(0).integers(0, 256, (len(sides), 12, 12, 3)).astype(np.uint8))
    data_set = data_set_of(pixels, labels=np.arange(len(sides)) % 2, sides=sides)
    monkeypatch.setitem(bundled.BUNDLED, "cifar10_sample", source_of(data_set))


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many blocks of photos, changed or not, a body has computed by now."""
    count = [0]
    compute = Features._compute_whole

    def counted(self: Features, *given: Any) -> torch.Tensor:
        count[0] += 1
        return compute(self, *given)

    monkeypatch.setattr(Features, "_compute_whole", counted)
    return count


def losses(events: list[Event]) -> list[float]:
    return [event.loss for event in events if isinstance(event, Step)]


@pytest.mark.parametrize("changes", CHANGES)
def test_first_epochs_are_those_of_photos_changed_anew(changes: str) -> None:
    kept = losses(list(fine_tune(TrainingState.new(config(**CHANGES[changes])))))
    anew = losses(list(fine_tune(TrainingState.new(config(views=0, **CHANGES[changes])))))
    assert len(kept) == len(anew) == 5 * 4
    assert kept[: VIEWS * 4] == anew[: VIEWS * 4]
    assert kept[VIEWS * 4 :] != anew[VIEWS * 4 :]


@pytest.mark.parametrize("batch_size", [7, 32, 97])
def test_every_block_of_a_view_is_computed_once(batch_size: int, computed: list[int]) -> None:
    events = list(fine_tune(TrainingState.new(config(batch_size=batch_size, epochs=7, **CHANGES["all"]))))
    assert computed[0] == VIEWS * 4 + VALIDATION + TEST
    started = next(event for event in events if isinstance(event, Started))
    assert (started.keeps_features, started.knows_features, started.computing_epochs) == (True, False, VIEWS)


@pytest.mark.parametrize("changes", CHANGES)
def test_photo_has_the_same_view_in_every_batch(changes: str) -> None:
    """What an epoch takes of a view is what was computed with another batch size, in another order."""
    found: list[dict[int, tuple[torch.Tensor, torch.Tensor]]] = []
    for batch_size, epochs in ((32, [0]), (7, [2, 4])):
        state = TrainingState.new(config(batch_size=batch_size, **CHANGES[changes]))
        inputs = tail_inputs(state)
        assert isinstance(inputs, Views)
        for epoch in epochs:
            first = epoch * state.steps_per_epoch
            seen: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
            for step in range(first + 1, first + state.steps_per_epoch + 1):
                features, targets = inputs.batch(step)
                rows = state.batches.rows(step).tolist()
                seen |= {row: (features[index], targets[index]) for index, row in enumerate(rows)}
            found.append(seen)
    rows = set.intersection(*map(set, found))
    assert len(rows) == PHOTOS
    for seen in found[1:]:
        assert all(torch.equal(one, other) for row in rows for one, other in zip(seen[row], found[0][row], strict=True))


@pytest.mark.parametrize("stop_after", few_and_long([9, 2, 6, 17]))
@pytest.mark.parametrize("mode", ["frozen", "last_stage"])
def test_resumed_run_sees_the_same_views(mode: str, stop_after: int, computed: list[int], tmp_path: Path) -> None:
    settings = {**CHANGES["all"], "mode": mode, "learning_rate": 0.01}
    whole = list(fine_tune(TrainingState.new(config(**settings))))
    state = TrainingState.new(config(**settings))
    begun: list[Event] = []
    for event in fine_tune(state):
        begun.append(event)
        if isinstance(event, Step) and event.step == stop_after:
            break
    state.save(tmp_path / "last.pt")
    computed[0] = 0
    rest = list(fine_tune(TrainingState.load(tmp_path / "last.pt", None)))
    assert computed[0] == VIEWS * 4 + VALIDATION + TEST, "each block once more"
    assert any(isinstance(event, Extracting) for event in rest)
    assert losses(begun) + losses(rest) == losses(whole)
    assert isinstance(whole[-1], Finished)
    assert isinstance(rest[-1], Finished)
    assert rest[-1].test_accuracy == whole[-1].test_accuracy


def test_views_of_a_plan_are_its_own() -> None:
    """Where a stage thaws, what is frozen is another part: its views are computed anew, in its own first epochs."""
    settings = {"mode": "last_stage", "thaw_every": 3, "epochs": 6, **CHANGES["crops"]}
    kept = losses(list(fine_tune(TrainingState.new(config(views=3, **settings)))))
    anew = losses(list(fine_tune(TrainingState.new(config(views=0, **settings)))))
    assert kept == anew, "no plan lasts for longer than its views do"
    assert losses(list(fine_tune(TrainingState.new(config(views=2, **settings))))) != anew


@pytest.mark.parametrize("bytes_free", [0, 10**6])
def test_where_memory_has_no_room_the_run_says_so(bytes_free: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """To change photos anew instead would be another training, and a resumed run would not end as the whole one."""
    state = TrainingState.new(config(mode="last_stage", **CHANGES["crops"]))
    monkeypatch.setattr(devices, "free_memory_bytes", lambda device: bytes_free)
    with pytest.raises(
        UnfreezeError, match=r"2 views of 98 photos would take 301 kB of memory, and .* can be spared\."
    ):
        list(fine_tune(state))


@pytest.mark.parametrize(
    "settings", [{}, {"mode": "full", **CHANGES["crops"]}, {"freezing": "gradients", **CHANGES["crops"]}]
)
def test_views_are_of_no_matter_where_nothing_is_computed_twice(settings: dict[str, Any]) -> None:
    kept = losses(list(fine_tune(TrainingState.new(config(epochs=3, **settings)))))
    assert kept == losses(list(fine_tune(TrainingState.new(config(epochs=3, views=0, **settings)))))
