"""The networks that the course builds by hand. Knows nothing of training."""

import torch
from torch import Tensor, nn


class LinearModel(nn.Module):
    """The first network of one's own: a weight and a bias. Any shape of inputs becomes the same shape of outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1))
        self.bias = nn.Parameter(torch.randn(1))

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs * self.weight + self.bias


class CustomLayer(nn.Module):
    """A pair of convolutions that keep the size: 3x3 to three channels, then 2x2 to `output_channels`.

    (batch, input_channels, H, W) becomes (batch, output_channels, H, W).
    """

    def __init__(self, input_channels: int, output_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(input_channels, 3, kernel_size=3, padding="same")
        self.conv2 = nn.Conv2d(3, output_channels, kernel_size=2, padding="same")

    def forward(self, images: Tensor) -> Tensor:
        outputs: Tensor = self.conv2(self.conv1(images))
        return outputs


class CustomModel(nn.Module):
    """Modules nest: a chain of `CustomLayer(1, 1)`. (batch, 1, H, W) keeps its shape."""

    def __init__(self, num_layers: int = 3) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(CustomLayer(1, 1) for _ in range(num_layers)))

    def forward(self, images: Tensor) -> Tensor:
        outputs: Tensor = self.layers(images)
        return outputs


class MyCNN(nn.Module):
    """The exercise: one 3x3 convolution without padding, flattened into one linear layer.

    (batch, 3, 224, 224) images become (batch, 16, 222, 222), then (batch, num_classes) logits.
    """

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 16, kernel_size=3)
        self.fc = nn.Linear(16 * 222 * 222, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(torch.flatten(self.conv(images), 1))
        return logits
