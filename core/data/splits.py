"""Splitting images and ordering batches. Every choice is a function of a seed, never of what happened before."""

import hashlib

import numpy as np
from numpy.typing import NDArray

VALIDATION_FRACTION = 0.1

# What a random stream is for: streams of the same run and step must not repeat each other.
_SPLIT, _ORDER, _CROP, DROPOUT = range(4)


def random_stream(purpose: int, *, seed: int, position: int = 0) -> np.random.Generator:
    """Random numbers for one purpose at one position (an epoch or a step) of a run."""
    return np.random.default_rng(np.random.SeedSequence([seed, purpose, position]))


def split_validation(
    labels: NDArray[np.int64], *, seed: int, fraction: float = VALIDATION_FRACTION
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sorted indices for training and for validation: the same fraction of every class, rounded, but at least one.

    A class of one image stays in training.
    """
    stream = random_stream(_SPLIT, seed=seed)
    chosen: list[NDArray[np.int64]] = []
    for label in np.unique(labels):
        members = stream.permutation(np.flatnonzero(labels == label))
        chosen.append(members[: min(max(round(fraction * len(members)), 1), len(members) - 1)])
    validation = np.sort(np.concatenate(chosen)) if chosen else np.empty(0, np.int64)
    return np.setdiff1d(np.arange(len(labels)), validation), validation


def num_batches(num_images: int, batch_size: int) -> int:
    """Batches in an epoch. The last may be smaller, but a lone last image is left out: BatchNorm needs two."""
    whole, rest = divmod(num_images, batch_size)
    return max(whole + (rest > 1), 1)


def epoch_order(num_images: int, *, seed: int, epoch: int) -> NDArray[np.int64]:
    """The shuffled order of one epoch: any batch of any epoch can be found again without replaying the others."""
    return random_stream(_ORDER, seed=seed, position=epoch).permutation(num_images)


def chain_hash(before: str, rows: NDArray[np.int64]) -> str:
    """Twelve hexadecimal digits that stand for these rows, and, by the hash before them, for all earlier ones."""
    return hashlib.sha256(before.encode() + b":" + rows.astype("<i8").tobytes()).hexdigest()[:12]


def crop_stream(*, seed: int, step: int) -> np.random.Generator:
    """Random numbers for one step's crops."""
    return random_stream(_CROP, seed=seed, position=step)
