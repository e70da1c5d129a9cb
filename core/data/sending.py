"""Arrays for a device, sent so that nobody waits. Knows no photos."""

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor


def sent(values: NDArray[Any], device: torch.device) -> Tensor:
    """An array as a tensor on a device. On a CUDA device without waiting for it to have done all its work first."""
    # Apple's GPUs would read the array when it is gone: pytorch/pytorch issue 139550.
    return torch.from_numpy(values).to(device, non_blocking=device.type == "cuda")
