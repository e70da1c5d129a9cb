"""What viewers show and decoders get wrong: deep numbers, other colour spaces, transparency, odd BMPs and PNGs."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms

from core.data.decoding.photo import read_photo
from core.errors import PhotoError
from tests.core.test_decoding import GRADIENT, PNG, encode, pixels_of

DATA = Path(__file__).parents[1] / "data"


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of(values: NDArray[np.generic], color: int, *extra: bytes, depth: int = 16) -> bytes:
    """A PNG of (H, W) or (H, W, channels) numbers, with more chunks before its pixels."""
    height, width = values.shape[:2]
    rows = b"".join(b"\0" + row.astype(f">u{depth // 8}").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(extra)
    return start + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def tiff_of(values: NDArray[np.generic], **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, values, **options)
    return file.getvalue()


# --- numbers of more than 8 bits


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("form", ["png", "tiff", "compressed tiff"])
def test_deep_photos_are_scaled_by_the_bits_that_they_use(bits: int, channels: int, form: str) -> None:
    most = 2**bits - 1
    values = np.linspace(0, most, 10 * 20 * channels).reshape(10, 20, channels).astype(np.uint16)
    values = values[:, :, 0] if channels == 1 else values
    photometric = "rgb" if channels == 3 else "minisblack"
    data = {
        "png": lambda: png_of(values, 2 if channels == 3 else 0),
        "tiff": lambda: tiff_of(values, photometric=photometric),
        "compressed tiff": lambda: tiff_of(values, photometric=photometric, compression="lzw", predictor=True),
    }[form]()
    photo = read_photo("x", data)
    expected = np.rint(values.astype(float) / most * 255)
    found = photo.pixels if channels == 3 else photo.pixels[:, :, 0]
    assert np.array_equal(found, expected)
    assert photo.notes == (
        () if bits == 16 else (f"Its numbers use {bits} bits: 0 is shown as black, {most:,} as white.",)
    )


@pytest.mark.parametrize(
    ("values", "levels", "note"),
    [
        ([0.0, 0.25, 1.0], [0, 64, 255], ""),
        ([0.1, 0.2, 0.5], [26, 51, 128], ""),  # as bright as it is: 1 is white
        ([0.0, 100.0, 255.0], [0, 100, 255], ""),
        ([-1.0, 0.0, 3.0], [0, 64, 255], "Its numbers go from -1, shown as black, to 3, shown as white."),
        ([0.0, np.nan, 1.0], [0, 0, 255], ""),
        ([5.0, -3.4e38, 10.0], [0, 0, 255], "from 5,"),
        ([np.inf, 2.0, 4.0], [0, 0, 255], "from 2,"),
        ([np.nan, np.nan, np.nan], [0, 0, 0], ""),
        ([7.0, 7.0, 7.0], [0, 0, 0], "from 7,"),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_floating_point_photos_are_scaled_by_what_was_measured(
    values: list[float], levels: list[int], note: str, channels: int
) -> None:
    array = np.repeat(np.array([values], np.float32)[:, :, None], channels, axis=2)
    data = tiff_of(array if channels == 3 else array[:, :, 0], photometric="rgb" if channels == 3 else "minisblack")
    photo = read_photo("x", data)
    assert photo.pixels[0, :, 0].tolist() == levels
    assert note in "".join(photo.notes) if note else not photo.notes


def test_number_that_stands_for_nothing_is_left_out_of_the_range() -> None:
    values = np.array([[-9999.0, 200.0, 300.0]], np.float32)
    data = tiff_of(values, extratags=[(42113, "s", 0, "-9999", True)])
    assert read_photo("x", data).pixels[0, :, 0].tolist() == [0, 0, 255]


def test_white_may_be_zero() -> None:
    values = np.array([[0, 1_000, 4_095]], np.uint16)
    assert pixels_of(tiff_of(values, photometric="miniswhite"))[0, :, 0].tolist() == [255, 193, 0]
    assert pixels_of(tiff_of((values // 17).astype(np.uint8), photometric="miniswhite"))[0, :, 0].tolist() == [
        255,
        197,
        15,
    ]


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_of_many_bands_the_first_three_are_shown(planar: str) -> None:
    bands = np.stack([np.full((16, 16), value, np.uint8) for value in (10, 20, 30, 40, 50)])
    values = bands if planar == "separate" else np.moveaxis(bands, 0, 2)
    photo = read_photo("x", tiff_of(values, photometric="rgb", planarconfig=planar))
    assert photo.pixels[3, 3].tolist() == [10, 20, 30]
    assert photo.notes == ("Of its 5 bands, the first 3 are taken as red, green and blue.",)


def test_alpha_of_deep_photos_counts() -> None:
    values = np.zeros((2, 2, 4), np.uint16)
    values[:, :, 3] = 32_768
    for data in (png_of(values, 6), tiff_of(values, photometric="rgb", extrasamples=["unassalpha"])):
        assert pixels_of(data) == pytest.approx(127, abs=1)
    grey = np.array([[0, 500]], np.uint16)
    assert pixels_of(png_of(grey, 0, chunk(b"tRNS", struct.pack(">H", 0))))[0, :, 0].tolist()[0] == 255


def test_photo_with_more_numbers_than_memory_is_refused_by_its_header() -> None:
    data = bytearray(tiff_of(np.zeros((16, 16, 100), np.uint16), photometric="minisblack", planarconfig="contig"))
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as file:
        width, height = (file.pages.first.tags[name] for name in ("ImageWidth", "ImageLength"))
    for tag in (width, height):
        data[tag.valueoffset : tag.valueoffset + 2] = struct.pack("<H", 7_000)
    with pytest.raises(PhotoError, match="GB of numbers"):
        read_photo("x", bytes(data))


# --- colours


def swapped_profile() -> bytes:
    """An sRGB profile whose red and blue are exchanged: what every viewer undoes."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    tags = {bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * int.from_bytes(profile[128:132]), 12)}
    red, blue = tags[b"rXYZ"], tags[b"bXYZ"]
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(profile)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "TIFF", "WEBP", "AVIF"])
def test_colours_are_those_of_the_icc_profile(file_format: str) -> None:
    flat = Image.new("RGB", (32, 32), (220, 30, 20))
    options = {"quality": 100} if file_format in ("JPEG", "WEBP", "AVIF") else {}
    found = pixels_of(encode(flat, file_format, icc_profile=swapped_profile(), **options))
    assert np.abs(found[16, 16].astype(int) - [20, 30, 220]).max() <= 6


def test_alpha_survives_the_profile() -> None:
    half = Image.new("RGBA", (4, 4), (220, 30, 20, 0))
    assert (pixels_of(encode(half, "PNG", icc_profile=swapped_profile())) == 255).all()


def test_deep_photos_have_profiles_too() -> None:
    values = np.broadcast_to(np.array([220, 30, 20], np.uint16) * 257, (4, 4, 3))
    body = b"x\0\0" + zlib.compress(swapped_profile())
    assert np.abs(pixels_of(png_of(values, 2, chunk(b"iCCP", body)))[0, 0].astype(int) - [20, 30, 220]).max() <= 2
    data = tiff_of(np.ascontiguousarray(values), photometric="rgb", iccprofile=swapped_profile())
    assert np.abs(pixels_of(data)[0, 0].astype(int) - [20, 30, 220]).max() <= 2


@pytest.mark.parametrize("profile", [b"", b"no profile", bytes(200), swapped_profile()[:300]])
def test_damaged_profile_costs_nothing(profile: bytes) -> None:
    assert np.array_equal(pixels_of(encode(Image.fromarray(GRADIENT), "PNG", icc_profile=profile)), GRADIENT)


def test_usual_profile_changes_no_pixel() -> None:
    usual = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.array_equal(pixels_of(encode(Image.fromarray(GRADIENT), "PNG", icc_profile=usual)), GRADIENT)


# --- transparency


def test_drawing_that_white_would_hide_is_shown_on_black() -> None:
    drawing = Image.new("RGBA", (20, 20), (255, 255, 255, 0))
    drawing.paste((250, 250, 250, 255), (5, 5, 10, 10))
    photo = read_photo("x", encode(drawing, "PNG"))
    assert photo.pixels[0, 0].tolist() == [0, 0, 0]
    assert photo.pixels[7, 7].tolist() == [250, 250, 250]
    assert "shown in black" in photo.notes[0]


@pytest.mark.parametrize("color", [(0, 0, 0, 255), (200, 30, 30, 255), (120, 200, 220, 255)])
def test_drawing_that_is_seen_on_white_stays_there(color: tuple[int, ...]) -> None:
    drawing = Image.new("RGBA", (20, 20), (255, 255, 255, 0))
    drawing.paste(color, (5, 5, 10, 10))
    photo = read_photo("x", encode(drawing, "PNG"))
    assert photo.pixels[0, 0].tolist() == [255, 255, 255]
    assert not photo.notes


# --- BMP and PNG


def bmp_of(
    pixels: bytes, width: int, height: int, bits: int, *, masks: tuple[int, ...] = (), palette: bytes = b""
) -> bytes:
    size = 56 if len(masks) == 4 else 40
    head = struct.pack("<IiiHHIIiiII", size, width, height, 1, bits, 3 if masks else 0, len(pixels), 0, 0, 0, 0)
    behind = struct.pack(f"<{len(masks)}I", *masks) + palette
    offset = 14 + len(head) + len(behind)
    return b"BM" + struct.pack("<IHHI", offset + len(pixels), 0, 0, offset) + head + behind + pixels


@pytest.mark.parametrize(
    ("bits", "masks", "value", "color"),
    [
        (16, (0xF00, 0xF0, 0xF), 0xF08, [255, 0, 136]),
        (16, (0xE000, 0x1C00, 0x300), 0xE300, [255, 0, 255]),
        (32, (0x3FF00000, 0xFFC00, 0x3FF), 0x3FF00000 | 512, [255, 0, 128]),
        (32, (0xFF0000, 0xFF00, 0xFF), 0x10203, [1, 2, 3]),
    ],
)
def test_bmp_may_have_its_channels_in_any_bits(bits: int, masks: tuple[int, ...], value: int, color: list[int]) -> None:
    row = struct.pack("<H" if bits == 16 else "<I", value) * 4
    assert pixels_of(bmp_of(row * 3, 4, 3, bits, masks=masks)).tolist() == [[color] * 4] * 3


def test_bmp_whose_alpha_is_empty_is_opaque() -> None:
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    assert pixels_of(bmp_of(struct.pack("<I", 0x00102030) * 8, 4, 2, 32, masks=masks))[0, 0].tolist() == [16, 32, 48]
    odd = (0x3F0000, 0x3F00, 0x3F, 0x3F000000)
    assert pixels_of(bmp_of(struct.pack("<I", 0x003F3F00) * 8, 4, 2, 32, masks=odd))[0, 0].tolist() == [255, 255, 0]


def test_bmp_may_have_two_bits_a_pixel_and_run_downwards() -> None:
    palette = bytes([0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0, 0, 9, 9, 9, 0])  # red, green, blue, grey
    data = bmp_of(bytes([0b00011011, 0, 0, 0, 0b11111111, 0, 0, 0]), 4, -2, 2, palette=palette)
    assert pixels_of(data).tolist() == [[[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 9, 9]], [[9, 9, 9]] * 4]


def test_damaged_bmp_is_a_sentence() -> None:
    whole = bmp_of(bytes(64), 4, 4, 32, masks=(0xF000, 0xF0, 0xF))
    for length in range(len(whole)):
        with pytest.raises(PhotoError):
            read_photo("x", whole[:length])


@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt", b"iCCP"])
@pytest.mark.parametrize("size", [2_000_000, 70_000_000])
def test_long_texts_and_profiles_do_not_cost_the_photo(kind: bytes, size: int) -> None:
    text = zlib.compress(bytes(size)) if kind != b"tEXt" else b"a" * min(size, 3_000_000)
    starts = {b"tEXt": b"key\0", b"zTXt": b"key\0\0", b"iTXt": b"key\0\1\0\0\0", b"iCCP": b"name\0\0"}
    data = PNG[:33] + chunk(kind, starts[kind] + text) + PNG[33:]
    assert np.array_equal(pixels_of(data), GRADIENT)


def test_png_without_its_end_is_whole() -> None:
    end = PNG.index(b"IDAT") + 4 + struct.unpack(">I", PNG[PNG.index(b"IDAT") - 4 : PNG.index(b"IDAT")])[0]
    for length in range(end, len(PNG)):
        assert np.array_equal(pixels_of(PNG[:length]), GRADIENT), "the pixels are there, and their checksum may be not"
    with pytest.raises(PhotoError, match="cut off"):
        read_photo("x", PNG[: end - 6])


# --- formats


@pytest.mark.parametrize("file_format", ["AVIF", "JPEG2000", "ICO"])
def test_newer_and_rarer_formats_are_read(file_format: str) -> None:
    smooth = np.broadcast_to(np.linspace(20, 230, 64).astype(np.uint8)[:, None, None], (64, 64, 3)).copy()
    read = pixels_of(encode(Image.fromarray(smooth), file_format))
    assert read.shape == smooth.shape
    assert np.abs(read.astype(int) - smooth).mean() < 6


def test_photo_of_a_phone_in_heic_is_read() -> None:
    """The file is ours: a red field above a green one, encoded by libheif's own tool."""
    read = pixels_of((DATA / "two_fields.heic").read_bytes())
    assert read.shape == (64, 96, 3)
    assert np.abs(read[8, 48].astype(int) - [200, 40, 40]).max() < 12
    assert np.abs(read[56, 48].astype(int) - [40, 160, 60]).max() < 12
