"""What augmentation does to a batch of images on its device: torchvision's operations, with a draw for each image.

Colours are changed in pixels from 0 to 1. Nothing here draws a number, or makes an accelerator wait.
"""

import torch
from torch import Tensor
from torch.nn import functional

from core.data.draws import Rectangle


def flipped(images: Tensor, is_flipped: Tensor) -> Tensor:
    """(batch, channels, H, W) images; those of (batch,) `is_flipped` are mirrored, left to right."""
    return torch.where(_each(is_flipped), images.flip(-1), images)


def rotated(images: Tensor, degrees: Tensor) -> Tensor:
    """Images turned about their middles, counter-clockwise, each by one of (batch,) angles, bilinearly.

    What was outside of the image becomes 0.
    """
    height, width = images.shape[-2:]
    angles = degrees.deg2rad().view(-1, 1, 1)
    sine, cosine = angles.sin(), angles.cos()
    across = _from_the_middle(width, images)
    down = _from_the_middle(height, images)[:, None]
    # Where each pixel comes from; by sums, since a matrix product may be rounded to ten bits.
    places = torch.stack(
        [(cosine * across - sine * down) * (2 / width), (sine * across + cosine * down) * (2 / height)], dim=-1
    )
    return functional.grid_sample(images, places, mode="bilinear", padding_mode="zeros", align_corners=False)


def erased(images: Tensor, rectangles: Tensor) -> Tensor:
    """Images with a rectangle each set to 0, from (4, batch) tops, bottoms, lefts and rights; an empty one is none."""
    tops, bottoms, lefts, rights = rectangles[:, :, None]  # (batch, 1) each
    rows, columns = (torch.arange(size, device=images.device) for size in images.shape[-2:])
    in_rows = (rows >= tops) & (rows < bottoms)  # (batch, H)
    in_columns = (columns >= lefts) & (columns < rights)  # (batch, W)
    return images.masked_fill((in_rows[:, :, None] & in_columns[:, None, :])[:, None], 0)


def brightened(pixels: Tensor, factors: Tensor) -> Tensor:
    """(batch, 3, H, W) pixels, the brightness of each image times one of (batch,) factors."""
    return (pixels * _each(factors)).clamp_(0, 1)


def contrasted(pixels: Tensor, factors: Tensor) -> Tensor:
    """Pixels, each image's distance from its mean grey times one of (batch,) factors."""
    return _away_from(_grey(pixels).mean(dim=(1, 2, 3), keepdim=True), pixels, factors)


def saturated(pixels: Tensor, factors: Tensor) -> Tensor:
    """Pixels, each one's distance from its own grey times its image's of (batch,) factors."""
    return _away_from(_grey(pixels), pixels, factors)


def hue_shifted(pixels: Tensor, turns: Tensor) -> Tensor:
    """Pixels, all hues of an image moved by one of (batch,) turns of the colour wheel. Saturation and value stay."""
    red, green, blue = (pixels[:, index : index + 1] for index in range(3))
    value = pixels.amax(dim=1, keepdim=True)
    chroma = value - pixels.amin(dim=1, keepdim=True)
    # In sixths of a turn, from red on.
    hue = torch.where(value == green, 2 * chroma + blue - red, 4 * chroma + red - green)
    hue = torch.where(value == red, green - blue, hue) / torch.where(chroma == 0, 1, chroma)
    hue = hue + 6 * _each(turns)
    # Back again, after https://en.wikipedia.org/wiki/HSL_and_HSV#HSV_to_RGB_alternative
    sectors = torch.cat([hue + first for first in (5, 3, 1)], dim=1) % 6
    return value - chroma * torch.minimum(sectors, 4 - sectors).clamp_(0, 1)


def as_shares(labels: Tensor, num_classes: int) -> Tensor:
    """(batch,) classes as (batch, num_classes) shares: all of its own. Unlike `one_hot`, it looks at no label."""
    return torch.zeros(len(labels), num_classes, device=labels.device).scatter_(1, labels[:, None], 1)


def mixed(values: Tensor, kept: float) -> Tensor:
    """Each of (batch, ...) images, or of their shares, blended with the one before it, of which it takes 1 - kept."""
    return values.roll(1, 0).mul_(1 - kept).add_(values * kept)


def cut_mixed(images: Tensor, shares: Tensor, cut: Rectangle) -> tuple[Tensor, Tensor]:
    """Each image with a rectangle of the one before it, and its classes mixed by the area."""
    inside = (..., slice(cut.top, cut.bottom), slice(cut.left, cut.right))
    made = images.clone()
    made[inside] = images.roll(1, 0)[inside]
    area = (cut.bottom - cut.top) * (cut.right - cut.left)
    return made, mixed(shares, 1 - area / (images.shape[-1] * images.shape[-2]))


def _each(values: Tensor) -> Tensor:
    return values.view(-1, 1, 1, 1)


def _from_the_middle(size: int, beside: Tensor) -> Tensor:
    return torch.arange(size, dtype=torch.float32, device=beside.device) - (size - 1) / 2


def _away_from(middle: Tensor, pixels: Tensor, factors: Tensor) -> Tensor:
    return torch.lerp(middle, pixels, _each(factors)).clamp_(0, 1)


def _grey(pixels: Tensor) -> Tensor:
    return 0.2989 * pixels[:, 0:1] + 0.587 * pixels[:, 1:2] + 0.114 * pixels[:, 2:3]
