"""Augmentation is torchvision's, with draws that are a function of seed and step and of nothing else."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional as theirs

from core.data import augment, draws
from core.data.draws import Rectangle
from core.runs.augmentation_settings import AugmentationSettings
from core.runs.config import FineTuneConfig
from core.runs.events import Evaluated, Started, Step
from core.runs.optimizer_settings import OptimizerSettings
from core.training.augmentation import Augmentation
from core.training.fine_tune import fine_tune, train_step
from core.training.inputs import evaluation_batch, training_batches
from core.training.losses import make_loss
from core.training.state import TrainingState

EVERY: dict[str, float] = {
    "flip": 0.5,
    "colour_jitter": 0.4,
    "hue": 0.1,
    "rotation": 30.0,
    "erasing": 0.5,
    "mixup": 0.2,
    "cutmix": 1.0,
}
CLOSE: dict[str, Any] = {"atol": 1e-5, "rtol": 0}


def config(**settings: object) -> FineTuneConfig:
    common: dict[str, Any] = {
        "architecture": "shufflenet_v2_x0_5", "weights": "random", "image_size": 32, "epochs": 2, "batch_size": 8,
        "learning_rate": 1e-3, "device": "cpu", "precision": "float32",
    }  # fmt: skip
    return FineTuneConfig.of(**common | settings)


def pixels(count: int = 6, height: int = 24, width: int = 24) -> Tensor:
    """Some of anything from 0 to 1, and some grey, black and white, where a hue is not defined."""
    made = torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(1))
    made[0, :, :4] = torch.tensor([0.0, 0.5, 1.0, 0.2])[:, None]
    made[1, 1] = made[1, 0]  # two channels are the largest
    return made


@pytest.mark.parametrize(
    ("ours", "one"),
    [
        (augment.brightened, theirs.adjust_brightness),
        (augment.contrasted, theirs.adjust_contrast),
        (augment.saturated, theirs.adjust_saturation),
    ],
)
def test_colours_change_as_torchvision_changes_them(
    ours: Callable[[Tensor, Tensor], Tensor], one: Callable[[Tensor, float], Tensor]
) -> None:
    images, factors = pixels(), torch.tensor([0.0, 0.3, 1.0, 1.4, 1.9, 2.0])
    expected = torch.stack([one(image, factor) for image, factor in zip(images, factors.tolist(), strict=True)])
    torch.testing.assert_close(ours(images, factors), expected, **CLOSE)


def test_hues_turn_as_torchvision_turns_them() -> None:
    images, turns = pixels(), torch.tensor([0.25, -0.5, 0.0, 0.07, 0.5, -0.3])
    expected = [theirs.adjust_hue(image, turn) for image, turn in zip(images, turns.tolist(), strict=True)]
    torch.testing.assert_close(augment.hue_shifted(images, turns), torch.stack(expected), **CLOSE)


@pytest.mark.parametrize("size", [(24, 24), (15, 32)])
def test_rotation_is_torchvisions(size: tuple[int, int]) -> None:
    images, degrees = pixels(6, *size), torch.tensor([0.0, 10.0, -45.0, 90.0, 180.0, -3.3])
    expected = [
        theirs.rotate(image, angle, InterpolationMode.BILINEAR)
        for image, angle in zip(images, degrees.tolist(), strict=True)
    ]
    torch.testing.assert_close(augment.rotated(images, degrees), torch.stack(expected), **CLOSE)


def test_flips_and_erased_rectangles_are_torchvisions() -> None:
    images, is_flipped = pixels(), np.array([1, 0, 1, 1, 0, 0], bool)
    flipped = [theirs.horizontal_flip(image) if flip else image for image, flip in zip(images, is_flipped, strict=True)]
    assert torch.equal(augment.flipped(images, torch.from_numpy(is_flipped)), torch.stack(flipped))
    rectangles = np.array([(0, 24, 0, 24), (3, 9, 1, 5), (0, 0, 4, 4), (5, 6, 7, 8), (20, 24, 0, 9), (0, 1, 0, 24)])
    erased = [
        theirs.erase(image, top, left, bottom - top, right - left, torch.zeros(1))
        for image, (top, bottom, left, right) in zip(images, rectangles.tolist(), strict=True)
    ]
    assert torch.equal(augment.erased(images, torch.from_numpy(rectangles.T.copy())), torch.stack(erased))


CUTS = [Rectangle(3, 20, 0, 11), Rectangle(0, 24, 0, 24), Rectangle(5, 5, 7, 7)]


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("kept", [0.0, 0.3, 1.0, *CUTS], ids=str)
def test_mixed_batches_their_targets_and_their_loss_are_torchvisions(
    kept: float | Rectangle, smoothing: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, labels = pixels(), torch.tensor([0, 3, 1, 1, 2, 0])
    mine = augment.as_shares(labels, 4)
    known: dict[str, Any] = {"lam": kept}
    if isinstance(kept, Rectangle):
        made = augment.cut_mixed(images, mine, kept)
        area = (kept.bottom - kept.top) * (kept.right - kept.left)
        known = {"box": (kept.left, kept.top, kept.right, kept.bottom), "lam_adjusted": 1 - area / 24**2}
    else:
        made = augment.mixed(images, kept), augment.mixed(mine, kept)
    one: v2.Transform = v2.CutMix(num_classes=4) if isinstance(kept, Rectangle) else v2.MixUp(num_classes=4)
    monkeypatch.setattr(one, "make_params", lambda inputs: known)
    expected_images, expected = one(images, labels)
    torch.testing.assert_close(made, (expected_images, expected), **CLOSE)
    head = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.LazyLinear(4))
    logits = head(expected_images)
    loss = functional.cross_entropy(logits, expected, label_smoothing=smoothing)
    optimizer = torch.optim.SGD(head.parameters(), lr=0.0)
    loss_of = make_loss(OptimizerSettings(label_smoothing=smoothing), labels, 4)
    taken = train_step(head, optimizer, *made, contextlib.nullcontext, loss_of)
    torch.testing.assert_close(taken, loss.detach())


def test_colours_change_in_the_order_drawn_for_the_batch() -> None:
    images = pixels()
    jitter = Augmentation(AugmentationSettings(colour_jitter=0.4, hue=0.1), seed=3, num_classes=2).colours[0]
    stream = np.random.default_rng(np.random.SeedSequence([3, 5, 7]))  # of jitter, in step 7
    order = stream.permutation(4).tolist()
    factors = [*(1 + stream.uniform(-0.4, 0.4, (3, 6)))]
    turns = np.random.default_rng(np.random.SeedSequence([3, 6, 7])).uniform(-0.1, 0.1, 6)
    made = []
    for index, image in enumerate(images):
        for change in order:
            adjust = (
                theirs.adjust_brightness,
                theirs.adjust_contrast,
                theirs.adjust_saturation,
                theirs.adjust_hue,
            )[change]
            image = adjust(image, float([*factors, turns][change][index]))
        made.append(image)
    torch.testing.assert_close(jitter(images, 7), torch.stack(made), **CLOSE)


def test_erased_rectangles_are_drawn_as_torchvision_draws_them() -> None:
    """A thousand of each: as many, as large, as high and as far from the edges."""
    torch.manual_seed(0)
    one = v2.RandomErasing(p=1.0)
    drawn = [one.make_params([torch.empty(3, 64, 64)]) for _ in range(1_000)]
    expected = np.array([[box["i"], box["i"] + box["h"], box["j"], box["j"] + box["w"]] for box in drawn]).T
    ours = draws.erased_rectangles(np.random.default_rng(0), 1_000, 64, 1.0)
    assert ours.min() >= 0
    assert ours.max() <= 64
    half = draws.erased_rectangles(np.random.default_rng(0), 1_000, 64, 0.5)
    assert 450 < (half[1] > half[0]).sum() < 550
    for tops, bottoms, lefts, rights in (ours, expected):
        assert np.mean((bottoms - tops) * (rights - lefts)) / 64**2 == pytest.approx(0.175, abs=0.01)
    for of in (lambda box: box[0], lambda box: box[1] - box[0], lambda box: box[2], lambda box: box[3] - box[2]):
        for share in (0.1, 0.5, 0.9):
            assert np.quantile(of(ours), share) == pytest.approx(np.quantile(of(expected), share), abs=3)


def test_what_cutmix_takes_is_drawn_around_any_pixel_and_cut_off_at_the_edges() -> None:
    for seed in range(50):
        stream = np.random.default_rng(seed)
        row, column = np.random.default_rng(seed).integers(0, 32, 2).tolist()
        cut = draws.cut_rectangle(stream, 32, kept=0.75)  # a quarter of the area: 16 by 16 pixels
        assert cut == (max(row - 8, 0), min(row + 8, 32), max(column - 8, 0), min(column + 8, 32))


@pytest.mark.parametrize("alpha", [1e-5, 0.2, 1.0, 10.0])
def test_as_much_of_a_mixed_photo_is_its_own_as_not(alpha: float) -> None:
    kept = [draws.share_kept(np.random.default_rng(seed), alpha) for seed in range(200)]
    assert 0 <= min(kept) <= max(kept) <= 1
    assert np.mean(kept) == pytest.approx(0.5, abs=0.1)
    assert np.std(kept) == pytest.approx(0.5 / np.sqrt(2 * alpha + 1), rel=0.1)
    assert 0 <= draws.share_kept(np.random.default_rng(0), 5e-324) <= 1


def batch_of(step: int, **settings: object) -> tuple[Tensor, Tensor]:
    """What a run trains on in a step, told by a state that has done nothing before."""
    state = TrainingState.new(config(**settings))
    return training_batches(state)(state.batches.rows(step), step)


@pytest.mark.usefixtures("tiny_data")
@pytest.mark.parametrize("name", EVERY)
def test_draws_are_a_function_of_seed_and_step(name: str) -> None:
    settings = {name: EVERY[name]}
    images, targets = batch_of(3, **settings)
    np.random.default_rng(0).random(9)
    torch.manual_seed(99)
    again, targets_again = batch_of(3, **settings)
    assert torch.equal(images, again)
    assert torch.equal(targets, targets_again)
    state = TrainingState.new(config(**settings))
    batches, rows = training_batches(state), state.batches.rows(3)
    # The same photos, in another step and back again.
    made = [batches(rows, step)[0] for step in (3, 4, 3)]
    assert torch.equal(made[0], images)
    assert torch.equal(made[2], images)
    assert not torch.equal(made[1], images)
    assert not torch.equal(batch_of(3, **settings, seed=1)[0], images)


def drawn(monkeypatch: pytest.MonkeyPatch, **settings: Any) -> dict[str, list[Any]]:
    """What each operation is handed in the first steps, beside the images."""
    found: dict[str, list[Any]] = {}
    for name in ("flipped", "rotated", "erased", "hue_shifted", "mixed", "cut_mixed"):
        operation = getattr(augment, name)

        def noted(*given: Any, name: str = name, operation: Callable[..., Any] = operation) -> Any:
            found.setdefault(name, []).append(given[-1].tolist() if isinstance(given[-1], Tensor) else given[-1])
            return operation(*given)

        monkeypatch.setattr(augment, name, noted)
    made = Augmentation(AugmentationSettings(**settings), seed=0, num_classes=2)
    for step in range(1, 9):
        images = torch.rand(4, 3, 16, 16)
        for change in [*made.colours, *made.shapes]:
            images = change(images, step)
        made.mix(images, torch.tensor([0, 1, 1, 0]), step)
    monkeypatch.undo()
    return found


def test_each_change_alone_draws_what_it_draws_among_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    operations = {
        "flip": "flipped", "hue": "hue_shifted", "rotation": "rotated", "erasing": "erased", "cutmix": "cut_mixed",
    }  # fmt: skip
    every = drawn(monkeypatch, **EVERY)
    for name, operation in operations.items():
        alone = drawn(monkeypatch, **{name: EVERY[name]})
        of_all = every[operation]
        if name == "cutmix":  # which takes turns with mixup
            assert 0 < len(of_all) < len(alone[operation]) == 8
            assert all(cut in alone[operation] for cut in of_all)
        else:
            assert set(alone) == {operation}
            assert alone[operation] == of_all
            assert len(of_all) == 8
    assert "mixed" in every


def test_what_is_off_does_nothing_and_each_batch_has_one_way_to_be_mixed() -> None:
    off = Augmentation(AugmentationSettings(), seed=0, num_classes=2)
    images, labels = pixels(4), torch.tensor([0, 1, 1, 0])
    assert not off.colours
    assert not off.shapes
    assert off.mix(images, labels, 1) == (images, labels)
    both = Augmentation(AugmentationSettings(mixup=1.0, cutmix=1.0), seed=0, num_classes=2)
    ways = []
    for step in range(1, 40):
        made, shares = both.mix(images, labels, step)
        is_own = (made == images).all(dim=1).flatten(1).any(dim=1)
        ways.append(bool(is_own.any()))  # CutMix leaves pixels as they are
        torch.testing.assert_close(shares.sum(dim=1), torch.ones(4))
    assert 8 < sum(ways) < 32


@pytest.mark.usefixtures("tiny_data")
def test_smallest_crop_is_as_large_as_is_asked() -> None:
    crops = {"augmentation": "random_resized_crop"}
    usual = batch_of(1, **crops)[0]
    assert torch.equal(usual, batch_of(1, **crops, crop_scale=0.08)[0])
    assert not torch.equal(usual, batch_of(1, **crops, crop_scale=0.5)[0])


@pytest.mark.usefixtures("tiny_data")
def test_colours_are_changed_before_pixels_are_normalised() -> None:
    """At the most that jitter allows, some pixels are black or white, and none is beyond."""
    images, _ = batch_of(1, colour_jitter=1.0, hue=0.5)
    state = TrainingState.new(config())
    seen = images * torch.tensor(state.transform.std).view(3, 1, 1) + torch.tensor(state.transform.mean).view(3, 1, 1)
    assert -1e-6 < seen.min() < 1e-6
    assert 0.9 < seen.max() < 1 + 1e-6


@pytest.mark.usefixtures("tiny_data")
def test_validation_and_checkpoints_know_nothing_of_it() -> None:
    plain, augmented = (TrainingState.new(config(**settings)) for settings in ({}, EVERY))
    photos = plain.validation.gather(slice(None))
    assert torch.equal(evaluation_batch(plain, photos), evaluation_batch(augmented, photos))
    assert plain.transform == augmented.transform
    events = list(fine_tune(augmented))
    started = events[0]
    assert isinstance(started, Started)
    assert not started.keeps_features
    assert [event.step for event in events if isinstance(event, Step)] == list(range(1, 15))
    assert all(0 <= event.accuracy <= 1 for event in events if isinstance(event, Evaluated))


@pytest.mark.usefixtures("tiny_data")
@pytest.mark.parametrize("name", EVERY)
def test_whatever_is_on_a_frozen_network_computes_its_photos_anew(name: str) -> None:
    asked = config(**{name: EVERY[name]})
    assert asked.is_augmented
    assert asked.augmenting.changes == (name,)
    assert not config(crop_scale=0.5).is_augmented


@pytest.mark.usefixtures("tiny_data")
@pytest.mark.parametrize(
    ("mode", "leave_after"),
    [
        ("full", 10),
        *(pytest.param("frozen", step, marks=pytest.mark.long) for step in (3, 7, 12)),
        *(pytest.param("full", step, marks=pytest.mark.long) for step in (1, 6, 7, 13)),
    ],
)
def test_run_with_everything_on_goes_on_in_an_epoch_to_the_last_bit(
    mode: str, leave_after: int, tmp_path: Path
) -> None:
    asked = config(mode=mode, augmentation="random_resized_crop", crop_scale=0.3, label_smoothing=0.1, **EVERY)
    whole = [event.loss for event in fine_tune(TrainingState.new(asked)) if isinstance(event, Step)]
    state, losses = TrainingState.new(asked), []
    with contextlib.closing(fine_tune(state)) as events:  # type: ignore[type-var]
        for event in events:
            if isinstance(event, Step):
                losses.append(event.loss)
            if len(losses) == leave_after:
                break
    state.save(tmp_path / "last.pt")
    torch.manual_seed(99)
    resumed = TrainingState.load(tmp_path / "last.pt", None)
    losses += [event.loss for event in fine_tune(resumed) if isinstance(event, Step)]
    assert losses == whole


def test_older_configurations_have_none_of_it() -> None:
    older = {name: value for name, value in FineTuneConfig().to_dict().items() if name not in (*EVERY, "crop_scale")}
    for read in (FineTuneConfig.from_dict, FineTuneConfig.recorded):
        assert read(older) == FineTuneConfig()
    assert not FineTuneConfig.from_dict(older).is_augmented
