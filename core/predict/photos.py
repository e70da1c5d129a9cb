"""Reading photos that a user dropped: hostile bytes become RGB pixels, or one sentence. Never imports torch.

What a file is, its content says; its name is only repeated. Nothing is decoded before the header was checked.
"""

import io
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from core import words
from core.errors import PhotoError

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
MAX_PIXELS = 50_000_000
MAX_BYTES = 64 * 2**20
_EXPECTED = "A JPEG, PNG, WebP, BMP, GIF or TIFF was expected."

# How files begin that people drop by mistake, so that the sentence can say what they are.
_SIGNATURES = (
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a zip archive or an office document"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a Windows program"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"8BPS", "a Photoshop document"),
    (b"<?xml", "an SVG drawing or another XML document"),
    (b"<svg", "an SVG drawing"),
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
)
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"mif1", b"msf1")


def read_photo(name: str, data: bytes) -> NDArray[np.uint8]:
    """(H, W, 3) RGB pixels of a photo, upright as its EXIF orientation says; of an animation, the first frame.

    Transparent parts become white. Grey values of 16 bits are scaled to 8; those of 32 bits, whose range no format
    tells, from their least to their greatest.

    Raises:
        PhotoError: the file is no photo that can be read; the message names it and says why.
    """
    shown = printable(name)
    if not data:
        raise PhotoError(f"{shown} is empty: it has 0 bytes. Choose another file.")
    if len(data) > MAX_BYTES:
        raise PhotoError(
            f"{shown} has {len(data) / 2**20:.0f} MB; at most {MAX_BYTES // 2**20} MB are read. Make it smaller."
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd metadata and of size, which is checked here
        image = _open(shown, data)
        with image:
            megapixels = image.width * image.height / 1e6
            if image.width * image.height > MAX_PIXELS:
                raise PhotoError(
                    f"{shown} has {megapixels:,.1f} megapixels ({image.width:,} x {image.height:,}); at most "
                    f"{MAX_PIXELS / 1e6:.0f} are read. Make it smaller."
                )
            try:
                return _to_rgb(_upright(image))
            except MemoryError:
                raise
            except Exception as error:  # a damaged file makes decoders raise nearly anything
                raise PhotoError(
                    f"{shown} cannot be read to its end: it is damaged or was cut off. Save or send it again."
                ) from error


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


def printable(name: str) -> str:
    """A file's name for a sentence; what it contains is still only text."""
    return words.shown(name)


def _open(shown: str, data: bytes) -> Image.Image:
    """The header alone.

    Raises:
        PhotoError: it is none of a photo's.
    """
    # Pillow refuses twice its own limit before it tells the size; ours is checked with the size in the sentence.
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise PhotoError(f"{shown} is {_what_it_is(data)}. {_EXPECTED}") from error
    except MemoryError:
        raise
    except Exception as error:  # a forged header makes the readers raise nearly anything
        raise PhotoError(f"{shown} has a damaged header. {_EXPECTED}") from error
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _what_it_is(data: bytes) -> str:
    start = data[:64].lstrip().lower()
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        return "a HEIC photo, which is not read"
    if data[4:8] == b"ftyp":
        return "an AVIF photo or a video, which are not read"
    for signature, what in _SIGNATURES:
        if start.startswith(signature.lower()):
            return f"{what}, whatever its name says"
    return "no photo that can be read"


def _upright(image: Image.Image) -> Image.Image:
    """Turned as its EXIF orientation says; as it is where the EXIF block is damaged."""
    image.load()
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # the pixels are whole: a broken note on them must not cost the photo
        return image


def _to_rgb(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode.startswith("I;16"):
        grey = np.asarray(image).astype(np.uint16)
        return _grey((grey >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        values = np.nan_to_num(np.asarray(image, np.float64), posinf=0.0, neginf=0.0)
        low, high = float(values.min()), float(values.max())
        # A 16-bit PNG opens as 32-bit integers in some versions of Pillow: then its range is known.
        if image.mode == "I" and low >= 0 and 255 < high <= 65_535:
            low, high = 0.0, 65_535.0
        return _grey(((values - low) / max(high - low, 1e-12) * 255).round().astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        with_alpha = image.convert("RGBA")
        white = Image.new("RGBA", with_alpha.size, "white")
        image = Image.alpha_composite(white, with_alpha)
    return np.array(image.convert("RGB"))


def _grey(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(values[:, :, None], 3, axis=2)
