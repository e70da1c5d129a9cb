"""Any photo to RGB pixels, or to one sentence that says why not. Whatever a file holds is hostile until checked.

What a file is, its content says; its name is only repeated. Nothing is decoded before the header was checked.
"""

import io
import struct
import warnings
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pi_heif
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from core.data.decoding import bmp, colour, depth, png
from core.data.decoding.limits import MAX_BYTES, MAX_DECODED, MAX_PIXELS
from core.errors import PhotoError
from core.words import shown as printable

pi_heif.register_heif_opener()

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "HEIF", "GIF", "BMP", "TIFF", "JPEG2000", "ICO")
_EXPECTED = "A JPEG, PNG, WebP, AVIF, HEIC, GIF, BMP, TIFF or JPEG 2000 was expected."
_TIFFS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

# How files begin that are no photo to us, and what to do about it.
_SIGNATURES = (
    (b"%PDF", "a PDF document", "Save its picture as a PNG."),
    (b"PK\x03\x04", "a zip archive or an office document", "Take the photos out of it."),
    (b"\x7fELF", "a program", _EXPECTED),
    (b"MZ", "a Windows program", _EXPECTED),
    (b"\x1f\x8b", "a gzip archive", "Take the photos out of it."),
    (b"8BPS", "a Photoshop document", "Export it as a PNG."),
    (b"\xff\x0a", "a JPEG XL photo, which not every browser shows", "Save it as a PNG or JPEG."),
    (b"\0\0\0\x0cjxl ", "a JPEG XL photo, which not every browser shows", "Save it as a PNG or JPEG."),
    (b"version https://git-lfs", "a pointer of Git LFS, not the photo itself", "Fetch it with “git lfs pull”."),
    (b"<?xml", "an SVG drawing or another XML document", "Export it as a PNG."),
    (b"<svg", "an SVG drawing", "Export it as a PNG."),
    (b"<!doctype html", "a web page", "Save the photo itself, not the page that shows it."),
    (b"<html", "a web page", "Save the photo itself, not the page that shows it."),
)
_CAMERA_RAW = b"ftypcrx"
# What makes a picture upright, by its EXIF orientation.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_PLAIN = ("1", "L", "P", "RGB", "RGBA", "LA", "PA", "La", "RGBa", "CMYK", "YCbCr", "LAB", "HSV", "RGBX")


@dataclass(frozen=True, kw_only=True, eq=False)
class Photo:
    """What was read of a file."""

    image: Image.Image  # RGB, upright
    notes: tuple[str, ...] = ()  # what was decided on the way that a viewer would not expect, in sentences

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        """(H, W, 3)."""
        return np.array(self.image)


def read_photo(name: str, data: bytes) -> Photo:
    """A photo in sRGB, upright as its EXIF orientation says; of an animation or a document, the first picture.

    Numbers of more than 8 bits are scaled by the range that they use, and transparent parts get a ground against which
    the drawing is seen; the notes say so.

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
        try:
            return _read(shown, data)
        except (PhotoError, MemoryError):
            raise
        except Exception as error:  # a damaged file makes decoders raise nearly anything
            raise PhotoError(
                f"{shown} cannot be read to its end: it is damaged or was cut off. Save or send it again."
            ) from error


def _read(shown: str, data: bytes) -> Photo:
    """What `read_photo` gives.

    Raises:
        nearly anything: the file is damaged.
    """
    if (tidy := png.tidied(data)) is not None:
        return _read_png(shown, tidy)
    if data.startswith(_TIFFS) and (deep := _deep_tiff(data)):
        _check_size(shown, deep.width, deep.height, deep.num_bytes)
        return _finish(*deep.read(), orientation=deep.orientation, profile=deep.profile)
    with _open(shown, data) as image:
        _check_size(shown, image.width, image.height)
        image.load()
        is_plain = image.mode in _PLAIN  # and not of 16 or 32 bits, or floating point
        picture, notes = (image, ()) if is_plain else depth.from_grey(np.asarray(image))
        return _finish(
            picture,
            notes,
            orientation=_orientation(image),
            profile=image.info.get("icc_profile") or b"",
            is_bmp=image.format == "BMP",
        )


def _read_png(shown: str, tidy: png.Png) -> Photo:
    _check_size(shown, tidy.width, tidy.height)
    with _open(shown, tidy.data) as image:
        picture, notes = (image, ()) if tidy.depth != 16 else depth.from_png(tidy.data)
        picture.load()
        return _finish(picture, notes, orientation=_orientation(image), profile=tidy.profile)


def _deep_tiff(data: bytes) -> depth.DeepTiff | None:
    try:
        return depth.DeepTiff.of(data)
    except MemoryError:
        raise
    except Exception:  # a damaged header: Pillow may read it all the same, or the sentence says so
        return None


def _finish(
    image: Image.Image, notes: tuple[str, ...], *, orientation: int, profile: bytes, is_bmp: bool = False
) -> Photo:
    """What is left to do with a picture of 8 bits."""
    converted = colour.to_srgb(image, profile)
    flat, more = colour.on_ground(converted, ignores_empty=is_bmp)  # programs leave those bits of a BMP empty
    upright = flat.transpose(_TURNS[orientation]) if orientation in _TURNS else flat
    return Photo(image=upright, notes=(*notes, *more))


def _open(shown: str, data: bytes) -> Image.Image:
    """A picture of which the header alone was read.

    Raises:
        PhotoError: it is none of a photo's.
    """
    # Pillow refuses twice its own limit before it tells the size; ours is checked with the size in the sentence.
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except MemoryError:
        raise
    except Exception as error:  # a forged header makes the readers raise nearly anything
        if data.startswith(b"BM") and (image := _odd_bmp(shown, data)):
            return image
        if isinstance(error, UnidentifiedImageError):
            raise PhotoError(f"{shown} is {_what_it_is(data)}") from error
        raise PhotoError(f"{shown} has a damaged header. {_EXPECTED}") from error
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _odd_bmp(shown: str, data: bytes) -> Image.Image | None:
    try:
        width, height = (int.from_bytes(data[at : at + 4], "little", signed=True) for at in (18, 22))
        _check_size(shown, width, abs(height))
        image = bmp.read(data)
        image.format = "BMP"
        return image
    except (ArithmeticError, ValueError, LookupError, struct.error):
        return None


def _check_size(shown: str, width: int, height: int, num_bytes: int = 0) -> None:
    if width * height > MAX_PIXELS:
        raise PhotoError(
            f"{shown} has {width * height / 1e6:,.1f} megapixels ({width:,} x {height:,}); at most "
            f"{MAX_PIXELS / 1e6:.0f} are read. Make it smaller."
        )
    if num_bytes > MAX_DECODED:
        raise PhotoError(
            f"{shown} holds {num_bytes / 2**30:,.1f} GB of numbers; at most {MAX_DECODED // 2**30} GB are read. Save "
            "fewer bands, or make it smaller."
        )


def _what_it_is(data: bytes) -> str:
    start = data[:64].lstrip().lower()
    if data[4:11] == _CAMERA_RAW:
        return "a camera's raw file, which has to be developed first. Save it as a JPEG."
    if data[4:8] == b"ftyp":
        return f"a video, or damaged. {_EXPECTED}"
    for signature, what, way_out in _SIGNATURES:
        if start.startswith(signature.lower()) or data.startswith(signature):
            return f"{what}, whatever its name says. {way_out}"
    return f"no photo that can be read. {_EXPECTED}"


def _orientation(image: Image.Image) -> int:
    """How its EXIF block says that it is turned; upright where that is damaged."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # the pixels are whole: a broken note on them must not cost the photo
        return 1
