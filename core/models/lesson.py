"""The networks that the course builds by hand. Knows nothing of training."""

import torch
from torch import Tensor, nn


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
