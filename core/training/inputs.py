"""Batches as the network reads them, for training and for scoring. Knows no network."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from core import devices
from core.data import crops
from core.data.gather import Photos
from core.data.transforms import Transform
from core.runs.config import FineTuneConfig
from core.training.augmentation import Augmentation
from core.training.state import TrainingState

EVALUATION_BATCH = 32


def training_batches(state: TrainingState) -> Callable[[NDArray[np.int64], int], tuple[Tensor, Tensor]]:
    """What makes batches of training photos by their rows, augmented as configured for a step: that is resolved here.

    It returns them as the network reads them, (batch, 3, size, size) float32, and what they are: (batch,) labels, or
    (batch, classes) shares of them.
    """
    config = state.config
    augmentation = Augmentation(config.augmenting, seed=config.seed, num_classes=len(state.classes))
    transform, changes = state.transform, augmentation.shapes
    if augmentation.colours:  # which are changed before the transform's last step
        transform = transform.unnormalised()
        changes = [*augmentation.colours, lambda pixels, step: state.transform.normalise(pixels * 255), *changes]
    read = _reader(config, transform)

    def training_batch(rows: NDArray[np.int64], step: int) -> tuple[Tensor, Tensor]:
        images = read(state.train.gather(rows), step)
        for change in changes:
            images = change(images, step)
        images, targets = augmentation.mix(images, state.train.labels_of(rows), step)
        return laid_out(state, images), targets

    return training_batch


def _reader(config: FineTuneConfig, transform: Transform) -> Callable[[Photos, int], Tensor]:
    """What reads the photos of a step: the middle of each, or random crops."""
    if config.augmentation == "none":
        return lambda photos, step: transform(photos)

    def crop(photos: Photos, step: int) -> Tensor:
        stream = crops.crop_stream(seed=config.seed, step=step)
        return transform.random_resized_crops(photos, stream, config.augmenting.crop_scale)

    return crop


def evaluation_batch(state: TrainingState, photos: Photos) -> Tensor:
    """Photos as the network reads them outside of training: (batch, 3, size, size)."""
    return laid_out(state, state.transform(photos))


def laid_out(state: TrainingState, batch: Tensor) -> Tensor:
    """A batch in the memory format that the device computes fastest in."""
    return batch.contiguous(memory_format=devices.memory_format(state.device))
