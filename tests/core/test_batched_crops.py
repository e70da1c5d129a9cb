"""Crops of a whole batch at once: the pixels that torchvision makes of each photo alone."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional

from core.data.batched_crops import batched_crops
from core.models.catalog import KERNELS, Kernel

_SIDES = st.integers(1, 90)


def crop_of(photo: torch.Tensor, box: list[int], size: int, kernel: Kernel) -> torch.Tensor:
    """What torchvision makes of it where it computes in floating point, as it does on accelerators."""
    pixels = photo.permute(2, 0, 1)[None].double()
    made = functional.resized_crop(pixels, *box, [size, size], InterpolationMode(kernel), antialias=True)
    return made[0].clamp(0, 255)


@given(
    shapes=st.lists(st.tuples(_SIDES, _SIDES), min_size=1, max_size=4),
    size=st.integers(1, 70),
    kernel=st.sampled_from(KERNELS),
    seed=st.integers(0, 2**32 - 1),
)
def test_crops_are_those_of_torchvision(shapes: list[tuple[int, int]], size: int, kernel: Kernel, seed: int) -> None:
    draw = np.random.default_rng(seed)
    photos = [torch.from_numpy(draw.integers(0, 256, (*shape, 3), dtype=np.uint8)) for shape in shapes]
    boxes = []
    for height, width in shapes:
        tall, wide = draw.integers(1, height + 1), draw.integers(1, width + 1)
        boxes.append([draw.integers(0, height - tall + 1), draw.integers(0, width - wide + 1), tall, wide])
    made = batched_crops(photos, np.array(boxes, np.int64), size, kernel)
    assert made.shape == (len(photos), 3, size, size)
    assert torch.equal(made, made.round())
    for crop, photo, box in zip(made, photos, np.array(boxes).tolist(), strict=True):
        exact = crop_of(photo, box, size, kernel)
        assert float((crop - exact).abs().max()) <= 0.5 + 1e-3, "a grey level is rounded, and nothing else"


def test_photos_of_one_size_may_come_as_one_tensor() -> None:
    photos = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (35, 20, 30, 3), dtype=np.uint8))
    boxes = np.array([[row % 5, row % 7, 10 + row % 5, 20 - row % 9] for row in range(35)])
    for kernel in ("bilinear", "bicubic"):
        together = batched_crops(photos, boxes, 16, kernel)
        assert torch.equal(together, batched_crops(list(photos), boxes, 16, kernel))
        assert torch.equal(together[33:], batched_crops(photos[33:], boxes[33:], 16, kernel))


@pytest.mark.gpu
@pytest.mark.parametrize("kernel", KERNELS)
def test_gpu_crops_as_the_cpu_does(kernel: Kernel) -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    draw = np.random.default_rng(0)
    photos = [torch.from_numpy(draw.integers(0, 256, (256, 200 + row, 3), dtype=np.uint8)) for row in range(32)]
    boxes = np.array([[row, 2 * row, 100 + row, 60 - row] for row in range(32)])
    made = batched_crops([photo.cuda() for photo in photos], boxes, 224, kernel).cpu()
    differing = (made - batched_crops(photos, boxes, 224, kernel)).abs()
    assert float(differing.max()) <= 1
    assert float(differing.mean()) < 1e-3
