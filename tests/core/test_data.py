"""The bundled photos, the validation split and the order of batches."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.utils import make_grid as torchvision_grid

from core.data import preview, splits
from core.data.batches import Batches, chain_hash, num_batches
from core.data.bundled import BUNDLED
from core.data.dataset import SIDES
from tests.samples import photos_of


@pytest.mark.parametrize("name", BUNDLED)
def test_source_holds_what_it_says(name: str) -> None:
    data_set = BUNDLED[name].load()
    manifest = data_set.manifest
    assert data_set.pixels.flat.dtype == np.uint8
    for side in ("train", "test"):
        rows = manifest.recorded(side)
        assert set(manifest.labels[rows]) == set(range(len(manifest.classes)))
        assert f"{len(rows):,}" in BUNDLED[name].description
    for row in range(0, len(manifest), 100):
        assert data_set.pixels[row].shape == (*manifest.sizes[row], 3)


@pytest.mark.parametrize("seed", [0, 1])
def test_every_photo_is_on_one_side_whatever_the_seed(seed: int) -> None:
    manifest = BUNDLED["cifar10_sample"].load().manifest
    rows = [manifest.rows(side, seed=seed) for side in SIDES]
    assert [len(some) for some in rows] == [1_800, 200, 500]
    assert sorted(np.concatenate(rows)) == list(range(2_500))


def test_bundled_photos_are_the_first_of_every_class() -> None:
    data_set = BUNDLED["cifar10_sample"].load()
    manifest = data_set.manifest
    assert np.bincount(manifest.labels[manifest.recorded("train")]).tolist() == [200] * 10
    assert np.bincount(manifest.labels[manifest.recorded("test")]).tolist() == [50] * 10
    # The first frog of CIFAR-10's first training batch begins with these red values.
    first_frog = int(np.flatnonzero(manifest.labels == manifest.classes.index("frog"))[0])
    assert data_set.pixels[first_frog][0, :3, 0].tolist() == [59, 43, 50]


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
    batches = Batches(num_photos=50, batch_size=8, seed=1)
    assert batches.order(2).tolist() == Batches(num_photos=50, batch_size=3, seed=1).order(2).tolist()
    assert batches.order(2).tolist() != batches.order(3).tolist()
    assert sorted(batches.order(2)) == list(range(50))


@given(num_photos=st.integers(1, 60), batch_size=st.integers(1, 20), seed=st.integers(0, 9), world=st.integers(1, 4))
def test_an_epochs_steps_show_each_photo_once_and_processes_share_them(
    num_photos: int, batch_size: int, seed: int, world: int
) -> None:
    batches = Batches(num_photos=num_photos, batch_size=batch_size, seed=seed)
    steps = [batches.rows(step) for step in range(1, batches.steps_per_epoch + 1)]
    left_out = num_photos % batch_size == 1 and num_photos > 1 and batch_size > 1
    assert np.concatenate(steps).tolist() == batches.order(0)[: num_photos - left_out].tolist()
    assert batches.rows(batches.steps_per_epoch + 1).tolist() == batches.order(1)[:batch_size].tolist()
    for step, whole in enumerate(steps, start=1):
        shares = [batches.rows(step, rank, world) for rank in range(world)]
        assert sorted(np.concatenate(shares)) == sorted(whole)
        assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_hash_of_rows_stands_for_all_before() -> None:
    first = chain_hash("", np.array([1, 2]))
    assert chain_hash(first, np.array([3])) == chain_hash(first, np.array([3]))
    assert (
        len({first, chain_hash("", np.array([2, 1])), chain_hash("", np.array([3])), chain_hash(first, np.array([3]))})
        == 4
    )


@pytest.mark.parametrize(
    ("images", "batch_size", "batches"), [(64, 32, 2), (66, 32, 3), (65, 32, 2), (1, 32, 1), (3, 1, 3)]
)
def test_lone_last_image_is_left_out(images: int, batch_size: int, batches: int) -> None:
    assert num_batches(images, batch_size) == batches


@pytest.mark.parametrize("count", [1, 5, 16, 32, 33])
def test_grid_is_torchvisions_pixel_for_pixel(count: int) -> None:
    images = np.stack(photos_of(BUNDLED["cifar10_sample"].load(), "train")[:count])
    theirs = torchvision_grid(torch.from_numpy(images).permute(0, 3, 1, 2), nrow=16, padding=2)
    if count > 1:
        assert np.array_equal(preview.make_grid(images), theirs.permute(1, 2, 0).numpy())
    else:  # torchvision gives a lone image no frame
        assert np.array_equal(preview.make_grid(images)[2:-2, 2:-2], images[0])


def test_preview_shows_every_class_in_turn() -> None:
    labels = np.repeat([0, 1, 2], 10)
    assert labels[preview.pick_per_class(labels, 7)].tolist() == [0, 1, 2, 0, 1, 2, 0]
