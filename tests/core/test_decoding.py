"""The decoder: every format and mode becomes upright RGB; everything else becomes one sentence with the file's name."""

import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.data.decoding import photo as decoder
from core.data.decoding.photo import Photo, read_photo
from core.errors import PhotoError
from core.words import shown

GRADIENT = np.linspace(0, 255, 12 * 20 * 3).reshape(12, 20, 3).astype(np.uint8)


def encode(image: Image.Image, file_format: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def pixels_of(data: bytes, name: str = "x") -> np.ndarray:
    return read_photo(name, data).pixels


PNG = encode(Image.fromarray(GRADIENT), "PNG")
JPEG = encode(Image.fromarray(GRADIENT), "JPEG", quality=95)

NOISE = encode(Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)), "JPEG")
ENCODED = (PNG, JPEG, encode(Image.fromarray(GRADIENT), "TIFF"), encode(Image.fromarray(GRADIENT), "WEBP"))


@pytest.mark.parametrize("file_format", ["PNG", "BMP", "TIFF"])
def test_lossless_formats_are_read_exactly(file_format: str) -> None:
    assert np.array_equal(pixels_of(encode(Image.fromarray(GRADIENT), file_format)), GRADIENT)


@pytest.mark.parametrize("file_format", ["JPEG", "WEBP", "GIF"])
def test_lossy_formats_are_read_nearly(file_format: str) -> None:
    smooth = np.broadcast_to(np.linspace(20, 230, 64).astype(np.uint8)[:, None, None], (64, 64, 3)).copy()
    read = pixels_of(encode(Image.fromarray(smooth), file_format), "x.txt")
    assert read.shape == smooth.shape
    assert np.abs(read.astype(int) - smooth).mean() < 6


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_honoured(orientation: int, file_format: str) -> None:
    upright = np.zeros((16, 24, 3), np.uint8)
    upright[:8, :12] = 255  # bright in the upper left corner
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = Image.fromarray(upright)
    if orientation in turns:
        stored = stored.transpose(turns[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert np.array_equal(pixels_of(encode(stored, file_format, exif=exif)), upright)


def test_broken_exif_does_not_cost_the_photo() -> None:
    broken = encode(Image.fromarray(GRADIENT), "JPEG", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff", quality=95)
    assert pixels_of(broken).shape == GRADIENT.shape


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr", "LAB", "RGB"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    white = Image.new("RGB", (8, 6), "white")
    if mode == "LAB":
        white = Image.merge("LAB", [Image.new("L", (8, 6), value) for value in (255, 128, 128)])
    read = pixels_of(encode(white if mode == "LAB" else white.convert(mode), "TIFF"))
    assert read.shape == (6, 8, 3)
    assert (read > 250).all()


def test_transparent_parts_become_white() -> None:
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    assert (pixels_of(encode(clear, "PNG")) == 255).all()
    half = Image.new("LA", (4, 4), (0, 128))
    assert pixels_of(encode(half, "PNG")) == pytest.approx(127, abs=1)
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([9, 9, 9] * 256)
    assert (pixels_of(encode(palette, "PNG", transparency=0)) == 255).all()


def test_animation_gives_its_first_frame() -> None:
    frames = [Image.new("RGB", (6, 6), color) for color in ("red", "blue")]
    for file_format in ("GIF", "WEBP", "PNG", "TIFF"):
        data = encode(frames[0], file_format, save_all=True, append_images=frames[1:])
        red, _, blue = pixels_of(data)[3, 3].tolist()
        assert red > 200 > 60 > blue


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(10_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty: it has 0 bytes"),
        (b"hello, I am a photo", "is no photo that can be read"),
        (b"%PDF-1.7 ...", "is a PDF document, whatever its name says"),
        (b"PK\x03\x04" + bytes(99), "is a zip archive"),
        (b"<svg xmlns='x'/>", "is an SVG drawing"),
        (b"\n<!DOCTYPE HTML><script>alert(1)</script>", "is a web page"),
        (b"\x00\x00\x00\x18ftypheic" + bytes(99), "is a video, or damaged"),
        (b"\x00\x00\x00\x18ftypcrx " + bytes(99), "is a camera's raw file"),
        (b"\xff\x0a" + bytes(99), "is a JPEG XL photo"),
        (b"version https://git-lfs.github.com/spec/v1", "is a pointer of Git LFS"),
        (NOISE[: len(NOISE) // 2], "damaged or was cut off"),
        (PNG[:60], "damaged or was cut off"),
        (png_header(8_000, 7_500), "has 60.0 megapixels (8,000 x 7,500); at most 50 are read"),
        (png_header(100_000, 100_000), "has 10,000.0 megapixels"),
        (png_header(50_000, 1_000), "damaged or was cut off"),
    ],
)
def test_what_is_no_photo_is_said_in_one_sentence(data: bytes, reason: str) -> None:
    with pytest.raises(PhotoError) as caught:
        read_photo("holiday.jpg", data)
    assert str(caught.value).startswith("holiday.jpg ")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_too_large_a_file_is_refused_before_it_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder, "MAX_BYTES", 1_000)
    with pytest.raises(PhotoError, match="at most 0 MB are read"):
        read_photo("x.png", bytes(1_001))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"", PNG[:24], JPEG[:20], b"GIF89a", b"BM", b"II*\x00", b"RIFF"]))
def test_no_bytes_raise_anything_but_a_sentence(tail: bytes, start: bytes) -> None:
    check(start + tail)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(ENCODED), st.data())
def test_no_damage_raises_anything_but_a_sentence(photo: bytes, data: st.DataObject) -> None:
    damaged = bytearray(photo)
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    check(bytes(damaged[: data.draw(st.integers(1, len(damaged)))]))


def check(contents: bytes) -> None:
    """Either pixels or the one error that has a sentence."""
    with contextlib.suppress(PhotoError):
        found = read_photo("x", contents)
        assert isinstance(found, Photo)
        assert found.pixels.dtype == np.uint8
        assert found.pixels.ndim == 3


def test_names_are_printable_and_short() -> None:
    assert shown("a\nb\x00c\u202e.png") == "a b‹U+0000›c‹U+202E›.png"
    assert len(shown("x" * 500 + ".png")) <= 80
    assert shown("x" * 500 + ".png").endswith(".png")
    assert shown("") == "(no name)"
