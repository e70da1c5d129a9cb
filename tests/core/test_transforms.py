"""Batches on the device equal what torchvision and Pillow do image by image."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from core.data.transforms import EvaluationTransform, random_resized_crop, resize_matrices, sample_crops

PLAIN = {"mean": (0.0, 0.0, 0.0), "std": (1 / 255, 1 / 255, 1 / 255)}  # leaves pixels from 0 to 255


def noise(height: int, width: int, count: int = 2) -> torch.Tensor:
    return torch.randint(
        0, 256, (count, height, width, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )


@pytest.mark.parametrize(("height", "width", "size"), [(32, 32, 224), (50, 50, 32), (64, 64, 64), (100, 100, 33)])
def test_resizing_equals_torchvisions(height: int, width: int, size: int) -> None:
    images = noise(height, width)
    ours = EvaluationTransform(image_size=size, **PLAIN)(images)
    theirs = functional.resize(images.permute(0, 3, 1, 2).float(), [size, size], antialias=True)
    torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=0)


@pytest.mark.parametrize(("height", "width"), [(100, 60), (60, 100)])
def test_the_middle_of_other_shapes_is_read(height: int, width: int) -> None:
    images = noise(height, width)
    middle = images[:, (height - 60) // 2 : (height + 60) // 2, (width - 60) // 2 : (width + 60) // 2]
    transform = EvaluationTransform(image_size=60, **PLAIN)
    torch.testing.assert_close(transform(images), middle.permute(0, 3, 1, 2).float(), atol=1e-3, rtol=0)


def test_pixels_are_normalised_by_mean_and_deviation() -> None:
    gray = torch.full((1, 8, 8, 3), 127, dtype=torch.uint8)
    transform = EvaluationTransform(image_size=8, mean=(127 / 255,) * 3, std=(128 / 255,) * 3)
    assert transform(gray).abs().max() < 1e-6
    assert transform(gray + 128).max() == pytest.approx(1.0)


def test_transform_survives_a_checkpoint() -> None:
    transform = EvaluationTransform(image_size=96, mean=(0.1, 0.2, 0.3), std=(1.0, 2.0, 3.0), crop_fraction=0.875)
    assert EvaluationTransform.from_dict(transform.to_dict()) == transform


def test_each_random_crop_equals_torchvisions_of_the_same_box() -> None:
    images = noise(32, 32, count=8)
    tops, lefts, heights, widths = sample_crops(np.random.default_rng(3), 8, 32, 32)
    ours = random_resized_crop(images, np.random.default_rng(3), image_size=224, **PLAIN)
    for index in range(8):
        box = [int(value[index]) for value in (tops, lefts, heights, widths)]
        theirs = functional.resized_crop(images[index].permute(2, 0, 1).float(), *box, [224, 224], antialias=True)
        torch.testing.assert_close(ours[index], theirs, atol=1e-3, rtol=0)


@given(height=st.integers(1, 300), width=st.integers(1, 300), seed=st.integers(0, 1000))
def test_crops_lie_within_the_image(height: int, width: int, seed: int) -> None:
    tops, lefts, heights, widths = sample_crops(np.random.default_rng(seed), 16, height, width)
    assert (tops >= 0).all()
    assert (lefts >= 0).all()
    assert (heights >= 1).all()
    assert (widths >= 1).all()
    assert (tops + heights <= height).all()
    assert (lefts + widths <= width).all()


def test_crops_are_distributed_like_torchvisions() -> None:
    ours = np.stack(sample_crops(np.random.default_rng(0), 4_000, 32, 32)[2:])
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
