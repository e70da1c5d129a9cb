"""Numbers of more than 8 bits, and floating-point ones, as grey levels: by the range that a photo uses."""

import io
from collections.abc import Iterator

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

# How many of 16 bits cameras, scanners and microscopes fill.
_BITS = (8, 10, 12, 14, 16)
# Nobody measures so much: it stands for what was not measured at all.
_ABSURD = 1e30
_BLOCK = 2**20  # numbers that are converted at a time
_GREY, _COLOURS = (tifffile.PHOTOMETRIC.MINISWHITE, tifffile.PHOTOMETRIC.MINISBLACK), tifffile.PHOTOMETRIC.RGB


def from_png(data: bytes) -> tuple[Image.Image, tuple[str, ...]]:
    """A PNG of 16 bits in 8, and what there is to say of it.

    Raises:
        RuntimeError: it is damaged.
    """
    values = imagecodecs.png_decode(data)
    return _image(values if values.ndim == 3 else values[:, :, None], num_colours=3 if _channels(values) > 2 else 1)


def from_grey(values: NDArray[np.generic]) -> tuple[Image.Image, tuple[str, ...]]:
    """(H, W) numbers of any kind in 8 bits, and what there is to say of them."""
    return _image(values[:, :, None], num_colours=1)


class DeepTiff:
    """The first page of a TIFF that Pillow does not read, or not as it is meant."""

    def __init__(self, page: tifffile.TiffPage) -> None:
        self._page = page
        self.width, self.height = page.imagewidth, page.imagelength
        self.num_bytes = page.nbytes
        profile = page.tags.get("InterColorProfile")
        self.profile = bytes(profile.value) if profile and isinstance(profile.value, bytes | tuple) else b""
        orientation = page.tags.get("Orientation")
        self.orientation = orientation.value if orientation and orientation.value in range(1, 9) else 1

    @classmethod
    def of(cls, data: bytes) -> "DeepTiff | None":
        """None: Pillow reads it, or it is none that anybody reads.

        Raises:
            nearly anything: the header is damaged.
        """
        page = tifffile.TiffFile(io.BytesIO(data)).pages[0]
        assert isinstance(page, tifffile.TiffPage)
        if page.dtype is None or page.dtype.kind not in "uif" or page.photometric not in (*_GREY, _COLOURS):
            return None
        is_plain = page.dtype == np.uint8 and page.bitspersample in (1, 2, 4, 8) and page.samplesperpixel <= 4
        return None if is_plain or page.imagedepth > 1 else cls(page)

    def read(self) -> tuple[Image.Image, tuple[str, ...]]:
        """The picture in 8 bits, and what there is to say of it.

        Raises:
            nearly anything: it is damaged.
        """
        page = self._page
        values = page.asarray()
        if values.ndim == 2:
            values = values[:, :, None]
        elif page.planarconfig == tifffile.PLANARCONFIG.SEPARATE:
            values = np.moveaxis(values, 0, 2)
        bands = values.shape[2]
        num_colours = 3 if bands >= 3 else 1
        has_alpha = any(extra in (1, 2) for extra in page.extrasamples[:1]) and bands > num_colours
        kept = num_colours + has_alpha
        image, notes = _image(
            values[:, :, :kept],
            num_colours=num_colours,
            is_white_zero=page.photometric == tifffile.PHOTOMETRIC.MINISWHITE,
            left_out=page.nodata if "GDAL_NODATA" in page.tags else None,
        )
        if bands > kept:
            taken = "3 are taken as red, green and blue" if num_colours == 3 else "one is shown"
            notes = (*notes, f"Of its {bands} bands, the first {taken}.")
        return image, notes


def _channels(values: NDArray[np.generic]) -> int:
    return values.shape[2] if values.ndim == 3 else 1


def _image(
    values: NDArray[np.generic], *, num_colours: int, is_white_zero: bool = False, left_out: float | None = None
) -> tuple[Image.Image, tuple[str, ...]]:
    """(H, W, channels) numbers, of which one behind the colours is alpha, as a picture."""
    colours, notes = _grey_levels(values[:, :, :num_colours], left_out)
    if is_white_zero:
        colours = 255 - colours
    channels = [colours]
    if values.shape[2] > num_colours:  # alpha always has the whole range of its type
        alpha = values[:, :, num_colours:].astype(np.float32)
        most = 2 ** (8 * values.dtype.itemsize) - 1 if values.dtype.kind == "u" else 1.0
        channels.append(np.rint(np.clip(alpha / most, 0, 1) * 255).astype(np.uint8))
    pixels = np.concatenate(channels, axis=2)
    return Image.fromarray(np.ascontiguousarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)), notes


def _grey_levels(values: NDArray[np.generic], left_out: float | None) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """(H, W, colours) numbers from 0 to 255: black and white mean the same in every colour."""
    if values.dtype == np.uint8:
        return values.astype(np.uint8), ()
    low, high, is_whole = _range(values, left_out)
    if values.dtype.kind in "ui" and low >= 0 and high < 2**16:
        bits = next(bits for bits in _BITS if high < 2**bits)
        most = 2**bits - 1
        notes = () if bits == 16 else (f"Its numbers use {bits} bits: 0 is shown as black, {most:,} as white.",)
        return _scale(values, 0.0, float(most)), notes
    if low >= 0 and high <= 1:
        return _scale(values, 0.0, 1.0), ()
    if low >= 0 and 64 < high <= 255 and is_whole:
        return _scale(values, 0.0, 255.0), ()
    return _scale(values, low, high), (
        f"Its numbers go from {low:.6g}, shown as black, to {high:.6g}, shown as white.",
    )


def _range(values: NDArray[np.generic], left_out: float | None) -> tuple[float, float, bool]:
    """The least and the greatest number that was measured, and whether all are whole."""
    if values.dtype.kind in "ui" and left_out is None:
        return float(values.min()), float(values.max()), True
    low, high, is_whole = np.inf, -np.inf, True
    for block in _blocks(values):
        numbers = block.astype(np.float64)
        measured = np.isfinite(numbers) & (np.abs(numbers) < _ABSURD)
        if left_out is not None:
            measured &= numbers != left_out
        if measured.any():
            known = numbers[measured]
            low, high = min(low, float(known.min())), max(high, float(known.max()))
            is_whole = is_whole and bool((known == np.rint(known)).all())
    return (low, high, is_whole) if low <= high else (0.0, 0.0, True)


def _scale(values: NDArray[np.generic], low: float, high: float) -> NDArray[np.uint8]:
    if values.dtype == np.uint16:
        every = np.clip(np.arange(2**16), low, high)
        table: NDArray[np.uint8] = np.rint((every - low) / (high - low) * 255).astype(np.uint8)
        levels: NDArray[np.uint8] = table[values]
        return levels
    scaled = np.empty(values.shape, np.uint8)
    flat, start = scaled.reshape(-1), 0
    for block in _blocks(values):
        numbers = np.nan_to_num(block.astype(np.float64), nan=low, posinf=low, neginf=low)
        scaled_block = np.rint((np.clip(numbers, low, high) - low) / max(high - low, 1e-300) * 255)
        flat[start : start + block.size] = scaled_block.astype(np.uint8)
        start += block.size
    return scaled


def _blocks(values: NDArray[np.generic]) -> Iterator[NDArray[np.generic]]:
    """All numbers in their order, so many at a time that converting them takes little memory."""
    flat = values.reshape(-1)
    for start in range(0, flat.size, _BLOCK):
        yield flat[start : start + _BLOCK]
