"""BMPs that browsers show and Pillow refuses: channels in any bits of a pixel, and pixels of two bits.

Source: Microsoft, "BITMAPV5HEADER structure (wingdi.h)".
"""

import struct

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_RAW, _MASKS, _MASKS_AND_ALPHA = 0, 3, 6


def read(data: bytes) -> Image.Image:
    """The picture in an uncompressed BMP, in RGB or RGBA.

    Raises:
        ValueError, struct.error: it is none, is damaged, or is compressed.
    """
    start, header_size, width, height, _, bits, compression = struct.unpack_from("<I I i i H H I", data, 10)
    if header_size < 40 or width < 1 or not height or compression not in (_RAW, _MASKS, _MASKS_AND_ALPHA):
        raise ValueError("no BMP of this kind")
    stride = (width * bits + 31) // 32 * 4
    rows = np.frombuffer(data, np.uint8, stride * abs(height), start).reshape(abs(height), stride)
    rows = rows if height < 0 else rows[::-1]  # from the lowest row upwards, as a rule
    if bits in (1, 2, 4, 8) and compression == _RAW:
        return Image.fromarray(_from_palette(data, rows, width, bits, header_size, start))
    if bits == 24 and compression == _RAW:
        return Image.fromarray(np.ascontiguousarray(rows[:, : 3 * width].reshape(-1, width, 3)[:, :, ::-1]))
    if bits not in (16, 32):
        raise ValueError("no BMP of this kind")
    values = np.ascontiguousarray(rows).view(f"<u{bits // 8}")[:, :width].astype(np.uint32)
    if compression == _RAW:
        masks = [0x7C00, 0x3E0, 0x1F] if bits == 16 else [0xFF0000, 0xFF00, 0xFF]
    else:  # they stand at the same place, within a long header or behind a short one
        has_alpha = header_size >= 56 or compression == _MASKS_AND_ALPHA
        masks = list(struct.unpack_from("<4I" if has_alpha else "<3I", data, 54))
    channels = [_channel(values, mask) for mask in masks]
    if len(masks) == 4 and not masks[3]:
        channels.pop()
    return Image.fromarray(np.stack(channels, axis=2))


def _from_palette(
    data: bytes, rows: NDArray[np.uint8], width: int, bits: int, header_size: int, start: int
) -> NDArray[np.uint8]:
    first = 14 + header_size
    count = min((start - first) // 4, 1 << bits)
    palette = np.zeros((256, 3), np.uint8)  # a colour that is not there is black
    if count > 0:
        palette[:count] = np.frombuffer(data, np.uint8, count * 4, first).reshape(count, 4)[:, 2::-1]
    shifts = np.arange(8 - bits, -1, -bits, dtype=np.uint8)
    indices = (rows[:, :, None] >> shifts) & ((1 << bits) - 1)  # (rows, bytes, pixels of a byte)
    colours: NDArray[np.uint8] = palette[indices.reshape(len(rows), -1)[:, :width]]
    return colours


def _channel(values: NDArray[np.uint32], mask: int) -> NDArray[np.uint8]:
    """The bits of a mask, from 0 to 255."""
    if not mask:
        return np.zeros(values.shape, np.uint8)
    lowest = (mask & -mask).bit_length() - 1
    most = mask >> lowest
    return np.rint((values & mask) / (most << lowest) * 255).astype(np.uint8)
