"""Devices as torch sees them: which there are, and how to compute on them. Knows nothing of runs in progress."""

import gc
import os
import platform
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import torch

from core.errors import UnfreezeError
from core.runs.known_devices import DeviceInfo


def probe() -> list[DeviceInfo]:
    """Every device of this machine, the fastest kind first."""
    found: list[DeviceInfo] = []
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            properties = torch.cuda.get_device_properties(index)
            found.append(_describe(f"cuda:{index}", properties.name, properties.total_memory))
    if torch.backends.mps.is_available():
        found.append(_describe("mps", "Apple GPU", None))
    found.append(_describe("cpu", _cpu_label(), None))
    return found


def _describe(name: str, label: str, memory_bytes: int | None) -> DeviceInfo:
    precision = default_precision(torch.device(name))
    return DeviceInfo(name=name, label=label, memory_bytes=memory_bytes, precision=precision)


def _cpu_label() -> str:
    """The processor's name where the system tells it, and how many cores this process may use."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")
        ]
        name = names[0] if names else name
    num_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{name} CPU, {num_cores} cores"


def arithmetic(device: torch.device) -> list[str]:
    """What decides the last digits of what a device computes, beside the version of torch."""
    if device.type == "cuda":
        return [torch.cuda.get_device_name(device), str(torch.version.cuda), str(torch.backends.cudnn.version())]  # type: ignore[no-untyped-call]
    if device.type == "cpu":
        return [_cpu_label(), torch.backends.cpu.get_cpu_capability(), f"{torch.get_num_threads()} threads"]
    return [device.type, platform.platform()]


def get_device(name: str) -> torch.device:
    """torch's device of that name; "auto" is the fastest.

    Raises:
        UnfreezeError: this machine has no such device.
    """
    names = [info.name for info in probe()]
    if name == "auto":
        return torch.device(names[0])
    if name not in names:
        raise UnfreezeError(f"This machine has no device {name!r}. It has {', '.join(names)}.")
    return torch.device(name)


def default_precision(device: torch.device) -> str:
    """ "bfloat16" where the hardware multiplies it faster than float32, else "float32"."""
    if device.type == "cuda":
        with torch.cuda.device(device):  # the question is about the current one
            return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    if device.type == "cpu":
        # Without these instructions a CPU emulates bfloat16, slower than float32.
        capable = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
        return "bfloat16" if capable else "float32"
    return "float32"


@contextmanager
def one_core(device: torch.device) -> Iterator[None]:
    """Have a CPU compute with one thread what is too small for several: they would wait for each other.

    It holds for the whole process: a thread whose very first work for torch falls into it keeps to one.

    With two of them, a step of a new last layer (32 photos, 1,280 features) took 0.9 ms alone, as with one, and 2 to
    15 ms beside two busy processes, where one takes 1.3 ms (two cores of an Intel Xeon, PyTorch 2.14.1).
    """
    if device.type != "cpu":
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Compute what tolerates it in `precision`; weights, losses and updates stay in float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def memory_format(device: torch.device) -> torch.memory_format:
    """Channels-last where convolutions are faster on it: 26 against 46 images a second with MobileNetV2 on a CPU."""
    return torch.contiguous_format if device.type == "mps" else torch.channels_last


def widest_float(device: torch.device) -> torch.dtype:
    """What sums of many numbers are kept in on it."""
    return torch.float32 if device.type == "mps" else torch.float64


@contextmanager
def exact_float32(device: torch.device) -> Iterator[None]:
    """Float32 as written, without TF32 and autocast: how everything that is reported is computed."""
    if device.type != "cuda":
        yield
        return
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = False, False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def _room_in_container() -> list[int]:
    """What a container's limit leaves, where there is one: what the kernel only caches for it does not count."""
    folder = Path("/sys/fs/cgroup")
    try:
        most, taken = (int((folder / f"memory.{name}").read_text()) for name in ("max", "current"))
        facts = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return [max(most - taken + int(facts["inactive_file"]), 0)]
    except (KeyError, OSError, ValueError):  # no such file, or no limit: "max"
        return []


def forget_what_is_free(device: torch.device) -> None:
    """Let go of memory that nothing uses any more: on a GPU, what torch keeps for later counts as taken."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def free_memory_bytes(device: torch.device) -> int:
    """What a run may still take of the device's memory."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    available = Path("/proc/meminfo")
    if available.exists():
        for line in available.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return min([int(line.split()[1]) * 1024, *_room_in_container()])
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
