"""What the page and the helper say to each other about predictions: plain frozen values. Never imports torch."""

from dataclasses import dataclass
from typing import Literal

Source = Literal["pretrained", "checkpoint", "file"]
TOP = 5


@dataclass(frozen=True, kw_only=True)
class NetworkRef:
    """Which network is to predict: ImageNet's of an architecture, a run's checkpoint, or a user's file."""

    source: Source
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
    seen: bytes = b""  # a JPEG of what the network reads
    seen_size: int = 0  # its sides, in pixels
    thumbnail: bytes = b""  # a JPEG of the photo, upright and small enough to show
    width: int = 0  # of the upright photo, in pixels
    height: int = 0
    notes: tuple[str, ...] = ()  # how it was read, where a viewer would not expect it; sentences


def percent(probability: float) -> str:
    """ "93.2%"; what rounds to none or all says so."""
    if probability < 0.0005:
        return "< 0.1%"
    return "> 99.9%" if probability > 0.9995 else f"{probability:.1%}"
