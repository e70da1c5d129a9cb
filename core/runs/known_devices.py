"""Which devices there are, as once probed and remembered, so that nobody needs torch to ask. Does not probe."""

import json
import os
import platform
import sys
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from core.durable import read_file, replace_file
from core.runs.checked import build, parse_json

_MAX_BYTES = 2**20


@dataclass(frozen=True, kw_only=True)
class DeviceInfo:
    """One device to train on."""

    name: str  # torch's name: "cpu", "cuda:0", "mps"
    label: str  # a person's: "NVIDIA H100", "Apple GPU", "CPU, 2 cores"
    memory_bytes: int | None  # its own memory; None where it shares the computer's
    precision: str  # what training uses by default: "bfloat16" or "float32"


def remember(runs_home: Path, devices: list[DeviceInfo]) -> None:
    """Keep what was probed, the preferred device first."""
    runs_home.mkdir(parents=True, exist_ok=True)
    probed = {"machine": _machine(), "devices": [asdict(device) for device in devices]}
    replace_file(runs_home / "devices.json", lambda file: file.write(json.dumps(probed, indent=2).encode()))


def remembered(runs_home: Path) -> list[DeviceInfo]:
    """What was probed on this machine with this torch, the preferred device first; empty if nothing was.

    Every page asks every two seconds, so the answer is kept for as long as the file stays as it is.
    """
    path = runs_home / "devices.json"
    try:
        file = os.stat(path)
        signature = (file.st_mtime_ns, file.st_size, file.st_ino)
        return list(_read(path, signature, platform.node(), os.environ.get("CUDA_VISIBLE_DEVICES", "")))
    except OSError:
        return []


@lru_cache(maxsize=8)
def _read(path: Path, signature: tuple[int, ...], *machine: str) -> tuple[DeviceInfo, ...]:
    """The devices in the file. `signature` and `machine` are what the answer is kept by.

    Raises:
        OSError: it cannot be read, which is not kept.
    """
    try:
        probed = parse_json(read_file(path, at_most=_MAX_BYTES))
        if probed["machine"] != _machine():
            return ()
        return tuple(build(DeviceInfo, device) for device in probed["devices"])
    except (AttributeError, ValueError, KeyError, TypeError):
        return ()


def resolve(runs_home: Path, device: str) -> str:
    """The device that "auto" means; any other name is returned as it is.

    Before the first probe has ended, "auto" is what the operating system gives reason to expect.
    """
    if device != "auto":
        return device
    if devices := remembered(runs_home):
        return devices[0].name
    if os.path.exists("/dev/nvidia0"):
        return "cuda:0"
    return "mps" if sys.platform == "darwin" and platform.machine() == "arm64" else "cpu"


def _machine() -> list[str]:
    """What a probe holds for: another computer on a shared disk, or another torch, needs its own."""
    return [platform.node(), version("torch"), os.environ.get("CUDA_VISIBLE_DEVICES", "")]
