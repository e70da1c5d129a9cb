"""Photos as Predict shows and keeps them: small, and as files. Never imports torch."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def thumbnail(pixels: NDArray[np.uint8], max_side: int = 512) -> NDArray[np.uint8]:
    """The same (H, W, 3) photo, small enough to show."""
    image = Image.fromarray(pixels)
    image.thumbnail((max_side, max_side), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(image)


def as_jpeg(pixels: NDArray[np.uint8]) -> bytes:
    """(H, W, 3) pixels as a file to show and to keep: a tenth of their size, without a loss that one sees."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=90, subsampling=0)
    return file.getvalue()
