"""Arrays and values as files hold them, which may say anything. Never imports torch."""

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile

from numpy.lib.format import read_array, read_array_header_1_0, read_magic
from numpy.typing import NDArray

from core.durable import open_file, read_file

_MAX_JSON = 512 * 2**20


def read_arrays(path: Path, names: Sequence[str]) -> list[NDArray[Any]]:
    """Arrays of a file that `np.savez` has written; a header that promises more than the file holds is not believed.

    Raises:
        OSError: the disk refuses.
        nearly anything: the file is damaged.
    """
    with open_file(path) as file, ZipFile(file) as parts:
        room, arrays = os.fstat(file.fileno()).st_size, []
        for part in map(parts.getinfo, (f"{name}.npy" for name in names)):
            with parts.open(part) as opened:
                read_magic(opened)
                shape, _, dtype = read_array_header_1_0(opened)
            if part.compress_type != ZIP_STORED or math.prod(shape) * dtype.itemsize > min(part.file_size, room):
                raise ValueError("more than the file can hold")
            with parts.open(part) as opened:
                arrays.append(read_array(opened, allow_pickle=False))
        return arrays


def read_json(path: Path) -> Any:
    """What a file of JSON says.

    Raises:
        OSError: the disk refuses.
        nearly anything: the file is damaged.
    """
    return json.loads(read_file(path, at_most=_MAX_JSON))
