"""Features of frozen parts: the same to the last digit, whoever computes them and whenever, and computed once."""

import logging
import shutil
from itertools import islice
from pathlib import Path

import pytest
import torch

from core import devices
from core.feature_files import FeatureFiles
from core.models import build, catalog
from core.models.cuts import Chain
from core.runs.config import FineTuneConfig
from core.runs.events import Evaluated, Evaluating, Extracting, Finished, Step
from core.training import features
from core.training.features import BLOCK, Features
from core.training.fine_tune import fine_tune
from core.training.state import TrainingState
from core.training.tail_inputs import tail_inputs

_CPU = torch.device("cpu")
_FAMILIES = [
    "alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_lite0", "googlenet", "inception_v3",
    "maxvit_t", "mnasnet0_5", "mobilenet_v3_small", "regnet_y_400mf", "resnet18", "shufflenet_v2_x0_5",
    "squeezenet1_1", "swin_t", "swin_v2_t", "vgg11_bn", "vit_b_32",
]  # fmt: skip
_QUICK = {"efficientnet_lite0", "resnet18"}


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    "architecture", [name if name in _QUICK else pytest.param(name, marks=pytest.mark.long) for name in _FAMILIES]
)
def test_features_of_a_photo_do_not_depend_on_the_others_of_its_block(architecture: str, precision: str) -> None:
    known = catalog.ARCHITECTURES[architecture]
    size = known.image_size or max(known.min_image_size, 64)
    chain = Chain(build.build_random(architecture, 2, seed=0), architecture)
    body = chain.split(len(chain.block_names) - 1)[0].eval()
    stream = torch.Generator().manual_seed(0)
    photos, others = torch.randn(2, BLOCK, 3, size, size, generator=stream)
    order = torch.randperm(BLOCK, generator=stream)
    mixed = torch.cat([photos[24:], others[:16], photos[:8]])

    def compute(batch: torch.Tensor) -> torch.Tensor:
        with torch.no_grad(), devices.autocast(_CPU, precision):
            return body(batch.contiguous(memory_format=devices.memory_format(_CPU)))

    expected = compute(photos)
    assert torch.equal(compute(photos[order]), expected[order])
    assert torch.equal(compute(mixed)[:8], expected[24:])
    assert torch.equal(compute(mixed)[24:], expected[:8])


def config(**changes: object) -> FineTuneConfig:
    return FineTuneConfig.of(
        **{
            "architecture": "resnet18",
            "weights": "random",
            "image_size": 32,
            "epochs": 2,
            "batch_size": 16,
            "device": "cpu",
            "precision": "float32",
        }
        | changes
    )


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many photos each block had that was computed."""
    sizes: list[int] = []
    compute = Features._compute_block

    def noted(self: Features, photos: list[torch.Tensor], precision: str) -> torch.Tensor:
        sizes.append(len(photos))
        return compute(self, photos, precision)

    monkeypatch.setattr(Features, "_compute_block", noted)
    return sizes


def losses(state: TrainingState, files: FeatureFiles | None = None) -> list[float]:
    return [
        event.loss if isinstance(event, Step | Evaluated) else event.test_accuracy or 0.0
        for event in fine_tune(state, files)
        if isinstance(event, Step | Evaluated | Finished)
    ]


@pytest.mark.usefixtures("tiny_data")
@pytest.mark.parametrize("mode", ["frozen", pytest.param("last_stage", marks=pytest.mark.long)])
def test_second_run_on_the_same_photos_computes_nothing(tmp_path: Path, computed: list[int], mode: str) -> None:
    files = FeatureFiles(tmp_path)
    alone = losses(TrainingState.new(config(mode=mode)))
    num_blocks = len(computed)
    assert losses(TrainingState.new(config(mode=mode)), files) == alone
    assert len(computed) == 2 * num_blocks
    events = list(fine_tune(TrainingState.new(config(mode=mode)), files))
    assert [event.loss for event in events if isinstance(event, Step | Evaluated)] == alone[:-1]
    assert not any(isinstance(event, Evaluating | Extracting) for event in events)
    assert len(computed) == 2 * num_blocks
    assert files.on_disk.num_keys == 1


@pytest.mark.usefixtures("tiny_data")
@pytest.mark.parametrize("changes", [{"seed": 2}, {"batch_size": 7, "learning_rate": 0.1}])
def test_runs_that_differ_in_something_else_share_all(
    tmp_path: Path, computed: list[int], changes: dict[str, object]
) -> None:
    weights = tmp_path / "weights.pth"
    torch.save(build.build_random("resnet18", 1000, seed=0).state_dict(), weights)
    files = FeatureFiles(tmp_path)
    before, asked = (config(weights="file", weights_file=str(weights), **own) for own in ({}, changes))
    losses(TrainingState.new(before), files)
    alone = losses(TrainingState.new(asked))
    computed.clear()
    assert losses(TrainingState.new(asked), files) == alone
    assert not computed


@pytest.mark.usefixtures("tiny_data")
@pytest.mark.parametrize(
    "changes",
    [{"image_size": 40}, {"precision": "bfloat16"}, {"mode": "last_stage"}],
    ids=lambda changes: next(iter(changes)),
)
def test_what_computes_otherwise_shares_nothing(tmp_path: Path, changes: dict[str, object]) -> None:
    files = FeatureFiles(tmp_path)
    losses(TrainingState.new(config(epochs=1)), files)
    asked = config(epochs=1, **changes)
    assert losses(TrainingState.new(asked), files) == losses(TrainingState.new(asked))
    assert files.on_disk.num_keys == 2


@pytest.mark.usefixtures("tiny_data")
def test_two_runs_in_turn_compute_each_photo_once(tmp_path: Path, computed: list[int]) -> None:
    files = FeatureFiles(tmp_path)
    alone = losses(TrainingState.new(config()))
    num_blocks = len(computed)
    lanes = [fine_tune(TrainingState.new(config(learning_rate=rate)), files) for rate in (0.01, 0.02)]
    seen = [events[0] for events in zip(*lanes, strict=False)]
    assert [event.loss for event in seen if isinstance(event, Step | Evaluated)] == alone[:-1]
    assert len(computed) == 2 * num_blocks


@pytest.mark.usefixtures("tiny_data")
def test_validation_is_computed_once_though_crops_change(computed: list[int]) -> None:
    losses(TrainingState.new(config(augmentation="random_resized_crop")))
    assert sum(computed) == 6 + 20, "and training photos anew each time"


@pytest.mark.usefixtures("tiny_data")
def test_run_goes_on_without_a_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    alone = losses(TrainingState.new(config()))
    (tmp_path / "features").write_bytes(b"in the way")
    assert losses(TrainingState.new(config()), FeatureFiles(tmp_path)) == alone
    assert "features are not kept on the disk" in caplog.text
    caplog.clear()
    state = TrainingState.new(config())
    events = fine_tune(state, FeatureFiles(tmp_path / "other"))
    first = [event.loss for event in islice(events, 3) if isinstance(event, Step)]
    shutil.rmtree(tmp_path / "other")
    rest = [event.loss for event in events if isinstance(event, Step | Evaluated)]
    assert [*first, *rest] == alone[:-1]
    assert [record.levelno for record in caplog.records] == [logging.WARNING], "said once"


@pytest.mark.usefixtures("tiny_data")
def test_memory_that_is_short_keeps_nothing_and_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = config(batch_size=BLOCK - 5)
    kept = losses(TrainingState.new(asked))
    monkeypatch.setattr(features, "_FEATURES_SHARE", 0)
    state = TrainingState.new(asked)
    assert not tail_inputs(state).are_kept
    live = losses(TrainingState.new(asked))
    assert live == kept, "to the last digit"
