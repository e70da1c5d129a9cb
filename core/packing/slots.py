"""Places for decoded pixels, in a file that a packing and its processes map: a pipe would cost half as much again."""

import mmap
import os
import secrets
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.data.pack_rule import MAX_SIZE

SLOT_BYTES = 4 * 2**20
assert SLOT_BYTES >= 3 * MAX_SIZE**2, "the largest photo has to fit"


class Slots:
    """So many slots, one behind the other. Slot number n is slot n modulo their number."""

    def __init__(self, room: Path, count: int) -> None:
        """Make the file. Its name is `room` with an ending that no earlier one had.

        A process of an earlier packing that was slow to end, or to begin, must never find these slots. What a packing
        that was killed has left in the same room is removed.

        Raises:
            OSError: the disk refuses: it is full, for example.
        """
        for left in room.parent.glob(f"{room.name}*"):
            left.unlink(missing_ok=True)
        self.path, self.count = room.with_name(f"{room.name}-{secrets.token_hex(8)}"), count
        with open(self.path, "wb") as file:
            # A file with holes would end whoever writes to it once the disk is full.
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, count * SLOT_BYTES)
            else:
                for _ in range(count):
                    file.write(bytes(SLOT_BYTES))
        self.pixels = mapped(self.path)

    def start_of(self, number: int) -> int:
        """Where in `pixels` a slot begins."""
        return number % self.count * SLOT_BYTES

    def remove(self) -> None:
        """Remove the file. Whoever has mapped it keeps it until they end."""
        with suppress(FileNotFoundError):
            os.unlink(self.path)


def mapped(path: Path) -> NDArray[np.uint8]:
    """All slots' bytes: what one process writes, every other one reads.

    Raises:
        OSError: the file cannot be opened.
    """
    with open(path, "r+b") as file:
        return np.frombuffer(mmap.mmap(file.fileno(), 0), np.uint8)
