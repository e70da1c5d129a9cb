"""Layers that a CPU trains faster in float32, though all around them computes in bfloat16."""

from functools import partial

import torch
from torch import Tensor, nn

from core import devices


def train_depthwise_in_float32(model: nn.Module) -> None:
    """From now on, compute depthwise convolutions in float32 wherever gradients are wanted. Only for a CPU.

    oneDNN has no fast backward pass for them in bfloat16. A step of EfficientNet-Lite0, 32 photos at 160 pixels, takes
    1.80 s in bfloat16, 1.39 s in float32 and 0.97 s like this; of MobileNetV3-Small 0.51, 0.26 and 0.26 s; of
    ConvNeXt-Tiny 3.2, 4.7 and 2.3 s (an Intel Xeon with AMX, one thread, PyTorch 2.14.1; the least of 4 steps each).
    RegNet's grouped convolutions, which are not depthwise, are faster in bfloat16: 0.55 against 0.65 s.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and 1 < module.groups == module.in_channels:
            module.forward = partial(_forward, module)  # type: ignore[method-assign]


def _forward(module: nn.Conv2d, inputs: Tensor) -> Tensor:
    if not torch.is_grad_enabled():
        return nn.Conv2d.forward(module, inputs)
    with devices.autocast(torch.device("cpu"), "float32"):
        return nn.Conv2d.forward(module, inputs.float())
