"""Linear fits: a weight and a bias, trained as the course trains them. Knows no browser.

A fit takes tenths of a second, so it queues for no device: the helper process, which is warm, does it.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import torch
import torch._dynamo  # which an optimizer's first step imports: 1.3 s, better spent while the form is filled in
from torch import Tensor, nn
from torch.optim import SGD

from core.data import points
from core.errors import TrainingDivergedError
from core.job import Job
from core.models.lesson import LinearModel
from core.runs.config import LinearFitConfig
from core.runs.events import Event, Fitted, Fitting, LinearStep
from core.runs.folder import RunFolder


@dataclass(kw_only=True)
class LinearFitState:
    """What a fit works on."""

    config: LinearFitConfig
    inputs: Tensor  # (points,)
    targets: Tensor  # (points,)
    model: LinearModel
    optimizer: SGD

    @classmethod
    def new(cls, config: LinearFitConfig) -> Self:
        """Points and first parameters are those of the seed."""
        drawn = points.draw(config.seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            model = LinearModel()
        optimizer = SGD(
            model.parameters(),
            lr=config.learning_rate,
            momentum=config.momentum,
            weight_decay=config.weight_decay,
        )
        return cls(
            config=config,
            inputs=torch.tensor(drawn.x, dtype=torch.float32),
            targets=torch.tensor(drawn.y, dtype=torch.float32),
            model=model,
            optimizer=optimizer,
        )


def fit(state: LinearFitState) -> Iterator[LinearStep | Fitting | Fitted]:
    """Train to the end: every epoch is one step on all points.

    Raises:
        TrainingDivergedError: a loss or a parameter is not finite. No step from that one on was yielded.
    """
    model, optimizer, loss_function = state.model, state.optimizer, nn.MSELoss()
    weight, bias = model.weight.detach(), model.bias.detach()  # they share the memory that the optimizer writes to
    yield Fitting(epochs=state.config.epochs)
    started = time.perf_counter()
    for epoch in range(1, state.config.epochs + 1):
        outputs = model(state.inputs)
        loss = loss_function(outputs, state.targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values = (loss.item(), weight.item(), bias.item())
        _check(state, epoch, *values)
        yield LinearStep(epoch, *values, time.perf_counter() - started)
    with torch.no_grad():
        values = (weight.item(), bias.item(), loss_function(model(state.inputs), state.targets).item())
    _check(state, state.config.epochs, *values)
    yield Fitted(time.perf_counter() - started, *values)


def _check(state: LinearFitState, epoch: int, *values: float) -> None:
    if all(map(math.isfinite, values)):
        return
    config = state.config
    limit = points.largest_learning_rate(
        points.draw(config.seed), momentum=config.momentum, weight_decay=config.weight_decay
    )
    raise TrainingDivergedError(
        f"The fit diverged: in epoch {epoch:,} its numbers grew out of range, because the learning rate "
        f"{config.learning_rate:g} is too large; with momentum {config.momentum:g}, these points need one below "
        f"{limit:.2g}."
    )


class LinearFit(Job):
    """A linear fit as its driver sees it: short, so that nothing is saved on the way."""

    def __init__(self, folder: RunFolder, device: str) -> None:
        config = folder.config_of(LinearFitConfig)
        config.check()
        self._state = LinearFitState.new(config)

    def events(self) -> Iterator[Event]:
        """See `Job`."""
        return fit(self._state)
