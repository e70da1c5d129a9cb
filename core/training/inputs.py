"""Batches as the network reads them, for training and for scoring. Knows no network."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from core import devices
from core.data import crops
from core.data.gather import Photos
from core.training.state import TrainingState

EVALUATION_BATCH = 32


def training_batch(state: TrainingState, rows: NDArray[np.int64]) -> Tensor:
    """Training photos of one step as the network reads them, augmented as configured: (batch, 3, size, size)."""
    photos = state.train.gather(rows)
    if state.config.augmentation == "none":
        batch = state.transform(photos)
    else:
        stream = crops.crop_stream(seed=state.config.seed, step=state.step + 1)
        batch = state.transform.random_resized_crops(photos, stream)
    return laid_out(state, batch)


def evaluation_batch(state: TrainingState, photos: Photos) -> Tensor:
    """Photos as the network reads them outside of training: (batch, 3, size, size)."""
    return laid_out(state, state.transform(photos))


def laid_out(state: TrainingState, batch: Tensor) -> Tensor:
    """A batch in the memory format that the device computes fastest in."""
    return batch.contiguous(memory_format=devices.memory_format(state.device))
