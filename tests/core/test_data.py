"""The bundled photos, the validation split and the order of batches."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.utils import make_grid as torchvision_grid

from core.data import preview, splits
from core.data.sources import SOURCES, LabelledImages


@pytest.mark.parametrize("name", SOURCES)
def test_source_holds_what_it_says(name: str) -> None:
    data_set = SOURCES[name].load()
    for part in (data_set.train, data_set.test):
        assert part.images.dtype == np.uint8
        assert set(part.labels) == set(range(len(data_set.classes)))
    assert f"{len(data_set.train):,}" in SOURCES[name].description
    assert f"{len(data_set.test):,}" in SOURCES[name].description


def test_bundled_photos_are_the_first_of_every_class() -> None:
    data_set = SOURCES["cifar10_sample"].load()
    assert np.bincount(data_set.train.labels).tolist() == [200] * 10
    assert np.bincount(data_set.test.labels).tolist() == [50] * 10
    # The first frog of CIFAR-10's first training batch begins with these red values.
    frogs = data_set.train.images[data_set.train.labels == data_set.classes.index("frog")]
    assert frogs[0, 0, :3, 0].tolist() == [59, 43, 50]


@given(labels=st.lists(st.integers(0, 4), min_size=1, max_size=200), seed=st.integers(0, 99))
def test_validation_is_a_stratified_tenth(labels: list[int], seed: int) -> None:
    array = np.array(labels)
    train, validation = splits.split_validation(array, seed=seed)
    assert sorted([*train, *validation]) == list(range(len(labels)))
    for label in set(labels):
        count, held = (array == label).sum(), (array[validation] == label).sum()
        assert held == min(max(round(count / 10), 1), count - 1)


def test_split_and_order_are_functions_of_the_seed() -> None:
    labels = np.arange(100) % 5
    same = [splits.split_validation(labels, seed=3)[1].tolist() for _ in range(2)]
    assert same[0] == same[1] != splits.split_validation(labels, seed=4)[1].tolist()
    assert splits.epoch_order(50, seed=1, epoch=2).tolist() == splits.epoch_order(50, seed=1, epoch=2).tolist()
    assert splits.epoch_order(50, seed=1, epoch=2).tolist() != splits.epoch_order(50, seed=1, epoch=3).tolist()
    assert sorted(splits.epoch_order(50, seed=1, epoch=2)) == list(range(50))


@pytest.mark.parametrize(
    ("images", "batch_size", "batches"), [(64, 32, 2), (66, 32, 3), (65, 32, 2), (1, 32, 1), (3, 1, 3)]
)
def test_lone_last_image_is_left_out(images: int, batch_size: int, batches: int) -> None:
    assert splits.num_batches(images, batch_size) == batches


@pytest.mark.parametrize("count", [1, 5, 16, 32, 33])
def test_grid_is_torchvisions_pixel_for_pixel(count: int) -> None:
    images = SOURCES["cifar10_sample"].load().train.images[:count]
    theirs = torchvision_grid(torch.from_numpy(images).permute(0, 3, 1, 2), nrow=16, padding=2)
    if count > 1:
        assert np.array_equal(preview.make_grid(images), theirs.permute(1, 2, 0).numpy())
    else:  # torchvision gives a lone image no frame
        assert np.array_equal(preview.make_grid(images)[2:-2, 2:-2], images[0])


def test_preview_shows_every_class_in_turn() -> None:
    labels = np.repeat([0, 1, 2], 10)
    assert labels[preview.pick_per_class(labels, 7)].tolist() == [0, 1, 2, 0, 1, 2, 0]


def test_images_of_another_shape_are_our_own_mistake() -> None:
    with pytest.raises(AssertionError):
        LabelledImages(images=np.zeros((2, 8, 8), np.uint8), labels=np.zeros(2, np.int64))
