"""What figures were measured on, in words."""

import platform
from importlib.metadata import version


def machine(device: str) -> str | None:
    """The device, and what it is in; None where this machine has no such device."""
    from torch import get_num_threads  # not before: it must find the environment that trainings will find

    from core.devices import probe

    label = next((info.label for info in probe() if info.name == device), None)
    number = get_num_threads()  # fewer than cores, where OMP_NUM_THREADS says so
    threads = f", {number} {'thread' if number == 1 else 'threads'}" if device == "cpu" else ""
    return label and f"{label}{threads}, {platform.system()} {platform.machine()}"


def versions() -> str:
    """Those that decide what is computed, and how fast."""
    return f"Python {platform.python_version()}, PyTorch {version('torch')}, torchvision {version('torchvision')}"
