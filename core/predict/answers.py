"""What the page and the helper say to each other about predictions: plain frozen values. Never imports torch."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["pretrained", "checkpoint", "file"]
TOP = 5


@dataclass(frozen=True, kw_only=True)
class NetworkRef:
    """Which network is to predict: ImageNet's of an architecture, a run's checkpoint, or a user's file."""

    kind: Kind
    architecture: str = ""  # "checkpoint" and "file" of Unfreeze know theirs themselves
    path: str = ""
    version: int = 0  # of the file, so that a newer one is read anew


@dataclass(frozen=True, kw_only=True)
class Guess:
    """One class and how much the network believes in it."""

    class_name: str
    probability: float  # 0 to 1, after the softmax over all classes


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What became of one photo: guesses, or a problem in one sentence."""

    name: str
    problem: str | None = None
    guesses: tuple[Guess, ...] = ()  # the five likeliest, best first
    seen: NDArray[np.uint8] | None = None  # (size, size, 3): the pixels that the network reads
    thumbnail: NDArray[np.uint8] | None = None  # (H, W, 3), upright and small enough to show
    width: int = 0  # of the upright photo, in pixels
    height: int = 0
