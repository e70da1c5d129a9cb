"""A moving average of a network's weights. Knows no run."""

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class Average:
    """Exponential moving average of all that a module knows, its buffers included: counts among them are as they are.

    At first it keeps less than `keeps` of itself, or the first weights would count for long: (1 + n) / (10 + n) after n
    steps, as in TensorFlow's `ExponentialMovingAverage`.
    """

    def __init__(self, module: nn.Module, optimizer: torch.optim.Optimizer, keeps: float) -> None:
        """Follow a module from now on, after each step of its optimizer."""
        self._module, self._keeps, self._steps = module, keeps, 0
        optimizer.register_step_post_hook(lambda *_: self._update())
        self.values = {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}

    def _update(self) -> None:
        self._steps += 1
        now = self._module.state_dict()
        names = [name for name, tensor in now.items() if tensor.is_floating_point()]
        keeps = min(self._keeps, (1 + self._steps) / (10 + self._steps))
        average = get_ema_multi_avg_fn(keeps)  # type: ignore[no-untyped-call]
        average([self.values[name] for name in names], [now[name] for name in names], 1)
        for name in now.keys() - set(names):
            self.values[name].copy_(now[name])

    def restore(self, values: dict[str, Tensor], steps: int) -> None:
        """Go on from what an earlier attempt had after so many steps."""
        self.values.update(values)
        self._steps = steps


def average_of(module: nn.Module, optimizer: torch.optim.Optimizer, keeps: float) -> Average | None:
    """None where nothing is to be averaged."""
    return Average(module, optimizer, keeps) if keeps else None
