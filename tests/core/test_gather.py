"""Photos of any sizes, gathered by their rows: the same pixels wherever they lie, and the same inputs however many."""

from pathlib import Path

import numpy as np
import pytest
import torch

from core.data.crops import sample_crops
from core.data.gather import Gatherer
from core.data.pixels import Pixels
from core.data.transforms import EvaluationTransform
from core.models.catalog import KERNELS, Kernel

CPU = torch.device("cpu")
SIZES = [(40, 50), (64, 48), (40, 50), (33, 71), (64, 48)]


def mixed() -> tuple[Pixels, list[np.ndarray]]:
    """Photos of several sizes, and what each shows."""
    stream = np.random.default_rng(0)
    photos = [stream.integers(0, 256, (*size, 3)).astype(np.uint8) for size in SIZES]
    lengths = np.array([photo.size for photo in photos])
    pixels = Pixels(
        flat=np.concatenate([photo.reshape(-1) for photo in photos]),
        offsets=np.concatenate([[0], np.cumsum(lengths)[:-1]]),
        sizes=np.array(SIZES),
    )
    return pixels, photos


def test_photos_of_one_size_come_in_their_order() -> None:
    images = np.random.default_rng(0).integers(0, 256, (6, 5, 4, 3)).astype(np.uint8)
    rows = np.array([4, 0, 0, 5])
    assert np.array_equal(np.stack(list(Gatherer(Pixels.of(images), CPU)(rows))), images[rows])


def test_on_an_accelerator_photos_of_one_size_are_one_tensor() -> None:
    gathered = Gatherer(Pixels.of(np.zeros((6, 5, 4, 3), np.uint8)), torch.device("meta"))(np.array([4, 0, 0, 5]))
    assert isinstance(gathered, torch.Tensor)
    assert (gathered.shape, gathered.device.type) == ((4, 5, 4, 3), "meta")


def test_photos_of_several_sizes_come_as_they_are() -> None:
    pixels, photos = mixed()
    assert pixels.stacked is None
    gathered = Gatherer(pixels, CPU)(np.array([3, 1, 1]))
    assert all(np.array_equal(found, photos[row]) for found, row in zip(gathered, [3, 1, 1], strict=True))


def test_no_photos_are_gathered_from_none() -> None:
    none = Pixels(flat=np.empty(0, np.uint8), offsets=np.empty(0, np.int64), sizes=np.empty((0, 2), np.int64))
    assert len(none) == len(Gatherer(none, CPU)(np.empty(0, np.int64))) == 0


def test_pixels_of_a_mapped_file_are_read_when_they_are_wanted(tmp_path: Path) -> None:
    pixels, photos = mixed()
    pixels.flat.tofile(tmp_path / "pixels")
    mapped = Pixels(flat=np.memmap(tmp_path / "pixels", np.uint8, "c"), offsets=pixels.offsets, sizes=pixels.sizes)
    assert np.array_equal(mapped[2], photos[2])
    assert np.array_equal(Gatherer(mapped, CPU)(np.array([4]))[0], photos[4])


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_photo_is_read_alike_alone_and_among_others_of_any_size(kernel: Kernel) -> None:
    """Predict reads them one at a time, validation many: to the bit the same."""
    transform = EvaluationTransform(image_size=32, resize_size=36, kernel=kernel, mean=(0.5,) * 3, std=(0.2,) * 3)
    pixels, photos = mixed()
    together = transform(Gatherer(pixels, CPU)(np.arange(len(photos))))
    alone = [transform(torch.from_numpy(photo)[None]) for photo in photos]
    assert torch.equal(together, torch.cat(alone))
    same = np.random.default_rng(1).integers(0, 256, (7, 50, 41, 3)).astype(np.uint8)
    at_once = transform(Gatherer(Pixels.of(same), CPU)(np.arange(7)))
    assert torch.equal(at_once, torch.cat([transform(torch.from_numpy(photo)[None]) for photo in same]))


def test_crops_of_photos_of_any_sizes_lie_within_them() -> None:
    heights, widths = np.array([30, 200, 64, 1]), np.array([400, 10, 64, 1])
    for seed in range(50):
        tops, lefts, crop_heights, crop_widths = sample_crops(np.random.default_rng(seed), heights, widths)
        assert ((tops >= 0) & (lefts >= 0) & (crop_heights > 0) & (crop_widths > 0)).all()
        assert ((tops + crop_heights <= heights) & (lefts + crop_widths <= widths)).all()


def test_crops_do_not_depend_on_the_photos_beside_them() -> None:
    transform = EvaluationTransform(image_size=24, resize_size=24, kernel="bilinear", mean=(0.5,) * 3, std=(0.2,) * 3)
    pixels, _ = mixed()
    first = transform.random_resized_crops(Gatherer(pixels, CPU)(np.array([0, 1])), np.random.default_rng(0))
    second = transform.random_resized_crops(Gatherer(pixels, CPU)(np.array([0, 4])), np.random.default_rng(0))
    assert torch.equal(first[0], second[0])
    assert not torch.equal(first[1], second[1])
