"""Starting linear fits, which are runs like all others, but light: no queue and no worker, the helper does them."""

import logging
import os
import time
from concurrent.futures import Future
from pathlib import Path

from core import helper
from core.durable import said_plainly
from core.runs import locks
from core.runs.config import LinearFitConfig
from core.runs.folder import RunFolder
from core.runs.store import new_run

_log = logging.getLogger(__name__)


def start(runs_home: Path, config: LinearFitConfig) -> RunFolder:
    """Make the run's folder and have the helper do the fit. Returns at once.

    This process holds the run's lock until the helper is done with it, or dead: then it reads as interrupted.

    Raises:
        StorageError: the disk refuses.
    """
    with said_plainly("The fit cannot be started", runs_home), new_run(runs_home) as folder:
        lock = locks.hold(folder.lock)
        try:
            folder.write_description(config, name=default_name(config), created=time.time(), queue="helper")
            done = helper.submit("core.training.linear_fit:record", str(folder.path))
        except BaseException:
            os.close(lock)
            raise
        done.add_done_callback(lambda done: _end(folder, lock, done))
        return folder


def _end(folder: RunFolder, lock: int, done: "Future[None]") -> None:
    """Let go of a fit that has ended, by its own word or not."""
    try:
        if not done.cancelled() and (error := done.exception()):
            _log.error("the fit of run %s ended with %r", folder.id, error)
    finally:
        os.close(lock)


def default_name(config: LinearFitConfig) -> str:
    """What a fit is called until somebody renames it."""
    return f"Linear fit, seed {config.seed}"


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
