"""Files that their headers give away, and what refusing them costs. Run as a script, it checks one and says so.

python -m tests.bench.hostile_files PATH    seconds, bytes beyond what was used before, and the refusal
"""

import struct
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.conftest import ROOT

_TENSOR = (
    b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000"
    b"X\x03\x00\x00\x00cpuK\x01tQK\x00K\x01\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtR"
)


def check_each(folder: Path) -> Iterator[tuple[str, float, float, str]]:
    """(what, seconds, MB beyond twice the file, refusal) for every kind, each in a process of its own."""
    for what, write in _WRITERS.items():
        path = folder / "hostile.pth"
        write(path)
        command = [sys.executable, "-m", "tests.bench.hostile_files", str(path)]
        said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
        seconds, num_bytes, refusal = said.split(" ", 2)
        yield what, float(seconds), (int(num_bytes) - 2 * path.stat().st_size) / 1e6, refusal.strip()


def expanded(path: Path) -> None:
    """A network of 9 GB that repeats one number."""
    import torch

    from core.models import build

    shapes = {name: tensor.shape for name, tensor in build.build_empty("resnet18", 4_400_000).state_dict().items()}
    torch.save({name: torch.zeros(()).expand(shape) for name, shape in shapes.items()}, path)


def many_tensors(path: Path) -> None:
    """A million names for one number."""
    names = (b"X\x0a\x00\x00\x00%010d" % index for index in range(10**6))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}(" + b"".join(name + _TENSOR for name in names) + b"u.")
        archive.writestr("archive/data/0", bytes(4))


def deflated(path: Path) -> None:
    """4.8 GB of zeros, compressed to some megabytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}(X\x01\x00\x00\x00a" + _TENSOR + b"u.")
        with archive.open("archive/data/0", "w", force_zip64=True) as member:
            for _ in range(4_800):
                member.write(bytes(10**6))


def long_header(path: Path) -> None:
    """A header of safetensors with 900,000 entries."""
    entries = (
        f'"layer{index}.weight":{{"dtype":"F32","shape":[1],"data_offsets":[{4 * index},{4 * index + 4}]}}'
        for index in range(900_000)
    )
    header = f"{{{','.join(entries)}}}".encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(4 * 900_000))


_WRITERS: dict[str, Callable[[Path], None]] = {
    "9 GB in 37 KB": expanded,
    "a million tensors": many_tensors,
    "4.8 GB deflated": deflated,
    "a header of 900,000 entries": long_header,
}


def _memory(name: str) -> int:
    """A figure of this process that Linux keeps, in bytes."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{name}:")[2].split()[0]) * 1024


def _check(path: Path) -> None:
    from core.models import build

    Path("/proc/self/clear_refs").write_text("5")  # forget the peak of importing
    before, began = _memory("VmRSS"), time.perf_counter()
    refusal = build.check_file("resnet18", str(path))
    seconds = time.perf_counter() - began
    print(seconds, _memory("VmHWM") - before, refusal)


if __name__ == "__main__":
    _check(Path(sys.argv[1]))
