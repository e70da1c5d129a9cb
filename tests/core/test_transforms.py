"""Batches on the device equal what torchvision and Pillow do image by image."""

from typing import Any

import numpy as np
import pytest
import torch
import torchvision.models
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torchvision.transforms import InterpolationMode, v2

from core.data.crops import sample_crops
from core.data.first_transforms import FirstTransform, resize_matrices
from core.data.transforms import EvaluationTransform, Transform, own_evaluation
from core.models.catalog import ARCHITECTURES, KERNELS, Kernel
from core.models.torchvision_classifiers import HUB
from core.training.checkpoints import read_transform

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# Heights and widths: square and not, odd and even, smaller and larger than what networks read, and extremely long.
SIZES = [
    *((32, 32), (1, 1), (48, 33), (224, 224), (231, 333), (375, 500), (500, 375), (256, 257)),
    *((101, 640), (640, 101), (1_000, 17), (41, 2_000)),
]


def noise(height: int, width: int, count: int = 1) -> torch.Tensor:
    """Fine noise on a coarse pattern: both kernels and every crop give something else."""
    generator = torch.Generator().manual_seed(height * 10_000 + width)
    coarse = torch.rand(count, 3, 5, 5, generator=generator)
    coarse = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear") * 200
    fine = torch.rand(count, 3, height, width, generator=generator) * 55
    return (coarse + fine).permute(0, 2, 3, 1).to(torch.uint8)


def transform_to(size: int, *, resize: int | None = None, kernel: Kernel = "bilinear") -> EvaluationTransform:
    return EvaluationTransform(image_size=size, resize_size=resize or size, kernel=kernel, mean=MEAN, std=STD)


def levels(difference: torch.Tensor, std: tuple[float, float, float]) -> torch.Tensor:
    """The differences of two networks' inputs, in whole grey levels."""
    return (difference.abs() * torch.tensor(std).view(3, 1, 1) * 255).round()


def assert_within_a_level(off: torch.Tensor, kernel: Kernel) -> None:
    """At most one grey level off; of ten thousand bicubic pixels one may be two off, where the kernel overshoots."""
    assert off.max() <= (1 if kernel == "bilinear" else 2)
    assert (off > 1).double().mean() <= 1e-4


def evaluations() -> list[tuple[str, str]]:
    """One network for each way in which torchvision's weights are evaluated, with the weights' file."""
    ways = {
        (known.eval_resize, known.eval_size, known.kernel, known.mean, known.std): (name, known.weights_url)
        for name, known in ARCHITECTURES.items()
        if known.weights_url
    }
    assert len(ways) > 20
    return [(name, url.removeprefix(HUB)) for name, url in ways.values() if url]


@pytest.mark.parametrize(("architecture", "file"), evaluations())
def test_inputs_are_torchvisions_own_for_every_one_of_its_weights(architecture: str, file: str) -> None:
    every = torchvision.models.get_model_weights(architecture)
    theirs = next(weights for weights in every if weights.url.endswith(file)).transforms()
    ours = own_evaluation(ARCHITECTURES[architecture])
    for height, width in SIZES:
        photo = noise(height, width)
        off = levels(ours(photo)[0] - theirs(Image.fromarray(photo[0].numpy())), ours.std)
        assert_within_a_level(off, ours.kernel)
        assert off.mean() < 0.02, (height, width)


@pytest.mark.parametrize("kernel", KERNELS)
def test_each_random_crop_is_pillows_of_the_same_box(kernel: Kernel) -> None:
    images = noise(32, 40, count=8)
    boxes = np.stack(sample_crops(np.random.default_rng(3), np.full(8, 32), np.full(8, 40)), axis=1)
    ours = transform_to(96, kernel=kernel).random_resized_crops(images, np.random.default_rng(3))
    to_pixels = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)])
    for image, crop, box in zip(images, ours, boxes.tolist(), strict=True):
        photo = v2.functional.resized_crop(
            Image.fromarray(image.numpy()), *box, [96, 96], interpolation=InterpolationMode(kernel)
        )
        assert_within_a_level(levels(crop - to_pixels(photo), STD), kernel)


@pytest.mark.parametrize("transform", [transform_to(64), FirstTransform(image_size=64, mean=MEAN, std=STD)])
def test_autocast_changes_no_pixel(transform: Transform) -> None:
    """Frozen training computes in bfloat16, and must read what full training reads."""
    images = noise(32, 32, count=4)
    expected = transform(images), transform.random_resized_crops(images, np.random.default_rng(0))
    with torch.autocast("cpu", torch.bfloat16):
        found = transform(images), transform.random_resized_crops(images, np.random.default_rng(0))
    assert all(torch.equal(*pair) for pair in zip(expected, found, strict=True))


def test_whole_grey_levels_are_read() -> None:
    inputs = transform_to(50)(noise(99, 70))
    pixels = inputs * torch.tensor(STD).view(3, 1, 1) * 255 + torch.tensor(MEAN).view(3, 1, 1) * 255
    torch.testing.assert_close(pixels, pixels.round(), atol=1e-3, rtol=0)


def test_pixels_are_normalised_by_mean_and_deviation() -> None:
    gray = torch.full((1, 8, 8, 3), 127, dtype=torch.uint8)
    transform = EvaluationTransform(
        image_size=8, resize_size=8, kernel="bicubic", mean=(127 / 255,) * 3, std=(128 / 255,) * 3
    )
    assert transform(gray).abs().max() < 1e-6
    assert transform(gray + 128).max() == pytest.approx(1.0)


@pytest.mark.parametrize(
    "transform",
    [
        transform_to(96, resize=110, kernel="bicubic"),
        FirstTransform(image_size=96, mean=MEAN, std=STD, crop_fraction=0.875),
    ],
)
def test_transform_survives_a_checkpoint(transform: Transform) -> None:
    assert read_transform(transform.to_dict()) == transform


HOSTILE: list[Any] = [
    None,
    "x",
    float("inf"),
    float("nan"),
    -1,
    0,
    10**400,
    1e-300,
    True,
    [],
    [1.0] * 2,
    {},
    torch.zeros(2, 2),
]


@pytest.mark.parametrize(
    "name", ["image_size", "resize_size", "kernel", "antialias", "rounding", "crop", "mean", "std"]
)
@pytest.mark.parametrize("value", HOSTILE, ids=str)
def test_transform_of_a_forged_file_is_refused(name: str, value: object) -> None:
    values = transform_to(96).to_dict()
    if values[name] is value:
        return  # `antialias` is True
    with pytest.raises(ValueError, match="no transform"):
        read_transform({**values, name: value})


def test_first_versions_transform_is_what_it_was() -> None:
    """Bilinear, antialiased, in fractions of a grey level."""
    images = noise(60, 60)
    theirs = v2.functional.resize(images.permute(0, 3, 1, 2).float(), [33, 33], antialias=True)
    ours = FirstTransform(image_size=33, mean=MEAN, std=STD)(images)
    scale, offset = torch.tensor(STD).view(3, 1, 1) * 255, torch.tensor(MEAN).view(3, 1, 1) * 255
    torch.testing.assert_close(ours * scale + offset, theirs, atol=1e-3, rtol=0)


@given(height=st.integers(1, 300), width=st.integers(1, 300), seed=st.integers(0, 1000))
def test_crops_lie_within_the_image(height: int, width: int, seed: int) -> None:
    tops, lefts, heights, widths = sample_crops(np.random.default_rng(seed), np.full(16, height), np.full(16, width))
    assert (tops >= 0).all()
    assert (lefts >= 0).all()
    assert (heights >= 1).all()
    assert (widths >= 1).all()
    assert (tops + heights <= height).all()
    assert (lefts + widths <= width).all()


def test_crops_are_distributed_like_torchvisions() -> None:
    ours = np.stack(sample_crops(np.random.default_rng(0), np.full(4_000, 32), np.full(4_000, 32))[2:])
    image = torch.zeros(3, 32, 32)
    torch.manual_seed(0)
    drawn = [v2.RandomResizedCrop(224).make_params([image]) for _ in range(4_000)]
    theirs = np.array([[crop["height"] for crop in drawn], [crop["width"] for crop in drawn]])
    assert ours.mean(axis=1) == pytest.approx(theirs.mean(axis=1), rel=0.02)
    assert ours.std(axis=1) == pytest.approx(theirs.std(axis=1), rel=0.04)


@given(source=st.integers(1, 80), target=st.integers(1, 80), data=st.data())
def test_resize_weights_are_an_average(source: int, target: int, data: st.DataObject) -> None:
    length = data.draw(st.integers(1, source))
    start = data.draw(st.integers(0, source - length))
    weights = resize_matrices(np.array([start]), np.array([length]), source, target, from_crop_only=True)[0]
    assert weights.shape == (target, source)
    assert weights.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert (weights >= 0).all()
    assert (weights[:, :start] == 0).all()
    assert (weights[:, start + length :] == 0).all()
