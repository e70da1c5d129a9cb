"""Which photos are set aside for validation. A function of labels and a seed; never imports torch."""

import numpy as np
from numpy.typing import NDArray

from core.data.streams import SPLIT, random_stream

VALIDATION_FRACTION = 0.1


def split_validation(
    labels: NDArray[np.int64], *, seed: int, fraction: float = VALIDATION_FRACTION
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sorted indices for training and for validation: the same fraction of every class, rounded, but at least one.

    A class of one image stays in training.
    """
    stream = random_stream(SPLIT, seed=seed)
    chosen: list[NDArray[np.int64]] = []
    for label in np.unique(labels):
        members = stream.permutation(np.flatnonzero(labels == label))
        chosen.append(members[: min(max(round(fraction * len(members)), 1), len(members) - 1)])
    validation = np.sort(np.concatenate(chosen)) if chosen else np.empty(0, np.int64)
    return np.setdiff1d(np.arange(len(labels)), validation), validation
