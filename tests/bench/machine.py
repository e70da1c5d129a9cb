"""What figures were measured on, in words."""

import platform
from importlib.metadata import version


def machine(device: str) -> str | None:
    """The device, and what it is in; None where this machine has no such device."""
    from core.devices import probe  # brings torch, which must see the environment as it is by then

    label = next((info.label for info in probe() if info.name == device), None)
    return label and f"{label}, {platform.system()} {platform.machine()}"


def versions() -> str:
    """Those that decide what is computed, and how fast."""
    return ", ".join([f"Python {platform.python_version()}", f"PyTorch {version('torch')}"])
