"""Colours as a screen shows them: from the photo's own colour space to sRGB, and in front of a ground."""

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

_PROFILES_KEPT = 16
_LEVELS = 9  # of each colour, at which a profile is compared with sRGB
# Below this contrast with white, from 0 to 1, a drawing would not be seen on it.
_LEAST_CONTRAST = 0.15
_SPACES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}


def to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """The same picture with its colours in sRGB; as it is where its profile is damaged, or one of other colours."""
    if not profile:
        return image
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    alpha = image.getchannel("A") if image.mode in ("RGBA", "LA") else None
    colours = image.convert(image.mode[:-1]) if alpha else image
    convert = _conversion(profile, colours.mode)
    if convert is None:
        return image
    converted = convert.apply(colours)
    if alpha:
        converted.putalpha(alpha)
    elif "transparency" in image.info and image.mode != "CMYK":
        converted.putalpha(image.convert("RGBA").getchannel("A"))
    return converted


@lru_cache(maxsize=_PROFILES_KEPT)
def _conversion(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """How to come from a profile's colours to sRGB; None where there is no way, or nothing to do."""
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if _SPACES.get(own.profile.xcolor_space) != mode:
            return None
        intent = ImageCms.Intent.PERCEPTUAL
        convert = ImageCms.buildTransform(own, ImageCms.createProfile("sRGB"), mode, "RGB", intent)
        return None if mode != "CMYK" and _changes_nothing(convert, mode) else convert
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def _changes_nothing(convert: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether a profile is sRGB by another name, as most are: its colours are at most a level off."""
    levels = np.linspace(0, 255, _LEVELS).astype(np.uint8)
    axes = [levels] * len(mode)
    colours = np.stack(np.meshgrid(*axes), axis=-1).reshape(1, -1, len(mode))
    before = Image.fromarray(colours[:, :, 0] if mode == "L" else colours)
    after = np.asarray(convert.apply(before)).astype(int)
    return bool(np.abs(after - np.asarray(before.convert("RGB"))).max() <= 1)


def on_ground(image: Image.Image, *, ignores_empty: bool = False) -> tuple[Image.Image, tuple[str, ...]]:
    """In RGB, in front of white where it is transparent, or of black where white would hide it; and what is to be said.

    With `ignores_empty`, a picture that is transparent throughout is opaque: that its alpha is empty means nothing.
    """
    if not image.has_transparency_data:
        return image.convert("RGB"), ()
    image = image.convert("RGBA")
    alpha = np.asarray(image.getchannel("A"))
    least, most = int(alpha.min()), int(alpha.max())
    if least == 255 or (ignores_empty and most == 0):
        return image.convert("RGB"), ()
    shares = alpha.astype(np.float32) / 255
    contrast = 1 - np.asarray(image.convert("RGB").convert("L"), np.float32) / 255
    is_hidden = most > 0 and float((shares * contrast).sum() / shares.sum()) < _LEAST_CONTRAST
    ground = Image.new("RGBA", image.size, "black" if is_hidden else "white")
    notes = ("Its transparent parts are shown in black: on white, nearly nothing could be seen.",) if is_hidden else ()
    return Image.alpha_composite(ground, image).convert("RGB"), notes
