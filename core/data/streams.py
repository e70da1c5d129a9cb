"""Random numbers as a function of (seed, purpose, position), never of what happened before. Never imports torch."""

import numpy as np

# What a random stream is for: streams of the same run and step must not repeat each other.
SPLIT, ORDER, CROP, DROPOUT, FLIP, JITTER, HUE, ROTATION, ERASING, MIX, MIXUP, CUTMIX = range(12)


def random_stream(purpose: int, *, seed: int, position: int = 0) -> np.random.Generator:
    """Random numbers for one purpose at one position (an epoch or a step) of a run."""
    return np.random.default_rng(np.random.SeedSequence([seed, purpose, position]))
