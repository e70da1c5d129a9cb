"""A linear fit as a PyTorch program of its own, for whoever wants to read it or run it elsewhere. Pure."""

from core.runs.config import LinearFitConfig

_SCRIPT = """\
import numpy as np
import torch
from torch import nn

generator = np.random.default_rng({seed})
x = generator.integers(-10, 10, 30)  # the high end is excluded
y = 2 * x + 3 + generator.integers(0, 3, 30)  # the noise is 0, 1 or 2
inputs = torch.tensor(x, dtype=torch.float32)
targets = torch.tensor(y, dtype=torch.float32)


class LinearModel(nn.Module):
    def __init__(self):
        super().__init__()  # first, or there is nowhere to keep parameters
        self.weight = nn.Parameter(torch.randn(1))
        self.bias = nn.Parameter(torch.randn(1))

    def forward(self, input):
        return input * self.weight + self.bias


torch.manual_seed({seed})
model = LinearModel()
optimizer = torch.optim.SGD(
    model.parameters(), lr={learning_rate!r}, weight_decay={weight_decay!r}, momentum={momentum!r}
)
loss_function = nn.MSELoss()

for epoch in range({epochs}):
    output = model(inputs)  # calling the module runs its forward
    loss = loss_function(output, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

for name, parameter in model.named_parameters():
    print(name, parameter.item(), parameter.requires_grad)
"""


def script(config: LinearFitConfig) -> str:
    """A complete PyTorch program that ends at the same numbers as the fit, to the last digit."""
    return _SCRIPT.format(**config.to_dict())
