"""What of augmentation a run does, resolved from its settings once. Knows no photos and no network.

Each draw is a function of (seed, step) from a stream of its own: what is switched on moves no draw of another. It is
made on the CPU, and sent to the device, which nobody waits for.
"""

from collections.abc import Callable

import numpy as np
from torch import Tensor

from core.data import augment, draws, streams
from core.data.sending import sent
from core.runs.augmentation_settings import AugmentationSettings

Change = Callable[[Tensor, int], Tensor]  # of a batch, in a step
Mix = Callable[[Tensor, Tensor, int], tuple[Tensor, Tensor]]  # of a batch and its labels, in a step

_JITTERED = (augment.brightened, augment.contrasted, augment.saturated)
_HUE = len(_JITTERED)


class Augmentation:
    """The changes that a run's settings ask for, in their order: `colours`, then `shapes`, then `mix`."""

    def __init__(self, settings: AugmentationSettings, *, seed: int, num_classes: int) -> None:
        self._settings, self._seed, self._num_classes = settings, seed, num_classes
        # Of pixels from 0 to 1.
        self.colours: list[Change] = [self._colours] if settings.colour_jitter or settings.hue else []
        # Of what the network reads: 0 is grey there.
        shapes = {self._flip: settings.flip, self._rotate: settings.rotation, self._erase: settings.erasing}
        self.shapes: list[Change] = [change for change, strength in shapes.items() if strength]
        ways = {self._mixup: settings.mixup, self._cutmix: settings.cutmix}
        self._ways: list[Mix] = [way for way, alpha in ways.items() if alpha]
        self.mix: Mix = self._mix if self._ways else _unmixed

    def _stream(self, purpose: int, step: int) -> np.random.Generator:
        return streams.random_stream(purpose, seed=self._seed, position=step)

    def _colours(self, pixels: Tensor, step: int) -> Tensor:
        """Each photo by its own factors; the order is the batch's, as torchvision's `ColorJitter` draws it for one."""
        batch, jitter = len(pixels), self._stream(streams.JITTER, step)
        order = jitter.permutation(_HUE + 1).tolist()
        factors = [1 + draws.about_zero(jitter, batch, self._settings.colour_jitter) for _ in _JITTERED]
        turns = draws.about_zero(self._stream(streams.HUE, step), batch, self._settings.hue)
        drawn = sent(np.stack([*factors, turns]), pixels.device)
        for index in order:
            if index == _HUE and self._settings.hue:
                pixels = augment.hue_shifted(pixels, drawn[index])
            elif index != _HUE and self._settings.colour_jitter:
                pixels = _JITTERED[index](pixels, drawn[index])
        return pixels

    def _flip(self, images: Tensor, step: int) -> Tensor:
        is_flipped = draws.happens(self._stream(streams.FLIP, step), len(images), self._settings.flip)
        return augment.flipped(images, sent(is_flipped, images.device))

    def _rotate(self, images: Tensor, step: int) -> Tensor:
        degrees = draws.about_zero(self._stream(streams.ROTATION, step), len(images), self._settings.rotation)
        return augment.rotated(images, sent(degrees, images.device))

    def _erase(self, images: Tensor, step: int) -> Tensor:
        stream, size = self._stream(streams.ERASING, step), images.shape[-1]
        rectangles = draws.erased_rectangles(stream, len(images), size, self._settings.erasing)
        return augment.erased(images, sent(rectangles, images.device))

    def _mix(self, images: Tensor, labels: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """In one of the ways that are on, as torchvision's reference training chooses one for each batch."""
        way = self._ways[self._stream(streams.MIX, step).integers(len(self._ways))]
        return way(images, augment.as_shares(labels, self._num_classes), step)

    def _mixup(self, images: Tensor, shares: Tensor, step: int) -> tuple[Tensor, Tensor]:
        kept = draws.share_kept(self._stream(streams.MIXUP, step), self._settings.mixup)
        return augment.mixed(images, kept), augment.mixed(shares, kept)

    def _cutmix(self, images: Tensor, shares: Tensor, step: int) -> tuple[Tensor, Tensor]:
        stream = self._stream(streams.CUTMIX, step)
        kept = draws.share_kept(stream, self._settings.cutmix)
        return augment.cut_mixed(images, shares, draws.cut_rectangle(stream, images.shape[-1], kept))


def _unmixed(images: Tensor, labels: Tensor, step: int) -> tuple[Tensor, Tensor]:
    return images, labels
