"""The settings of augmentation: how training photos are changed at random, beside where they are cropped."""

from dataclasses import dataclass

from core.runs.quantities import Count, NotNegative
from core.runs.settings import Number, Range, setting, settings_of, values_of

_PROBABILITY = Range(0, 1)
_ALPHA = Range(0, 10)


@dataclass(frozen=True, kw_only=True)
class AugmentationSettings:
    """Those of each change; all are off by default. Checked by the configuration that they belong to."""

    crop_scale: NotNegative = setting(
        0.08,
        Number(
            label="Smallest crop",
            help="The share of a photo's area that a random crop shows at least.",
            allowed=Range(0.01, 1),
        ),
    )
    flip: NotNegative = setting(
        0.0,
        Number(
            label="Horizontal flip",
            help="How likely a photo is mirrored, left to right. 0.5 is usual, 0 is never.",
            allowed=_PROBABILITY,
        ),
    )
    colour_jitter: NotNegative = setting(
        0.0,
        Number(
            label="Colour jitter",
            help="How far brightness, contrast and saturation of a photo may change: 0.4 is to between 60% and 140%.",
            allowed=Range(0, 1),
        ),
    )
    hue: NotNegative = setting(
        0.0,
        Number(
            label="Hue jitter",
            help="How far all colours of a photo may move together, in turns of the colour wheel: 0.5 is anywhere.",
            allowed=Range(0, 0.5),
        ),
    )
    rotation: NotNegative = setting(
        0.0,
        Number(
            label="Rotation",
            help="The largest angle in degrees by which a photo is turned, either way. Its empty corners become grey.",
            allowed=Range(0, 180),
        ),
    )
    erasing: NotNegative = setting(
        0.0,
        Number(
            label="Random erasing",
            help="How likely a rectangle of a photo, a fiftieth to a third of it, becomes grey.",
            allowed=_PROBABILITY,
        ),
    )
    mixup: NotNegative = setting(
        0.0,
        Number(
            label="Mixup",
            help="Each photo of a batch is blended with another one, and so are their classes, so the training loss "
            "stays higher. The larger this is, the more even is the blend; 0.2 is usual, 0 is off.",
            allowed=_ALPHA,
        ),
    )
    cutmix: NotNegative = setting(
        0.0,
        Number(
            label="CutMix",
            help="A rectangle of each photo shows another one, and its class counts by the area. 1 is usual, 0 is off. "
            "With mixup, each batch has one of the two.",
            allowed=_ALPHA,
        ),
    )

    views: Count = setting(
        0,
        Number(
            label="Views kept of a photo",
            help="What frozen layers compute of the photos, changed at random, is kept for so many epochs, then used "
            "again in turn: later epochs cost next to nothing. 0 changes the photos anew in every epoch.",
            allowed=Range(0, 100),
            is_whole=True,
        ),
    )

    @property
    def changes(self) -> tuple[str, ...]:
        """The names of those that change photos."""
        return tuple(name for name in CHANGES if values_of(self)[name])


# Those that change photos, beside where they are cropped.
CHANGES = tuple(name for name in settings_of(AugmentationSettings) if name not in ("crop_scale", "views"))
