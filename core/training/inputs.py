"""Batches as the network reads them, for training and for scoring. Knows no network."""

from torch import Tensor

from core import devices
from core.data import splits
from core.training.state import TrainingState

EVALUATION_BATCH = 32


def training_batch(state: TrainingState, indices: Tensor) -> Tensor:
    """The images of one step as the network reads them, augmented as configured: (batch, 3, size, size)."""
    images = state.train.images[indices]
    if state.config.augmentation == "none":
        batch = state.transform(images)
    else:
        stream = splits.crop_stream(seed=state.config.seed, step=state.step + 1)
        batch = state.transform.random_resized_crops(images, stream)
    return _laid_out(state, batch)


def evaluation_batch(state: TrainingState, images: Tensor) -> Tensor:
    """(batch, H, W, 3) uint8 images as the network reads them outside of training: (batch, 3, size, size)."""
    return _laid_out(state, state.transform(images))


def _laid_out(state: TrainingState, batch: Tensor) -> Tensor:
    return batch.contiguous(memory_format=devices.memory_format(state.device))
