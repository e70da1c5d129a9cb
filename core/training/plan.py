"""What of a network learns, how fast, and what only computes: resolved once, while a run is built.

The loop asks nothing: it trains a tail on its inputs. Where a network thaws stage by stage, there is a plan for each of
its phases, one after the other.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from core.models.cuts import Chain
from core.runs.config import FineTuneConfig
from core.training.optimizers import Learning

_FOR_ONE_CORE = 2**23  # multiplications: a tenth of a millisecond


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """A network in two parts. Both have its own layers, under its own names."""

    body: nn.Module | None  # from images to features: it stays as it is, in eval mode. None where all is in the tail
    tail: nn.Module  # from features, or else from images, to logits
    rates: dict[str, float]  # of the tail's parameters that learn, by their names: their share of the learning rate
    keeps_statistics: bool  # whether BatchNorm of the tail normalises by what it knows, and learns no more
    precision: str  # that the tail computes in while it learns
    suits_one_core: bool  # whether its steps are so small that several would only wait for each other

    @property
    def parameters(self) -> list[nn.Parameter]:
        """Those that learn, in the network's order."""
        return [self.tail.get_parameter(name) for name in self.rates]

    def train(self) -> nn.Module:
        """The tail as it learns."""
        for name, parameter in self.tail.named_parameters():
            parameter.requires_grad_(name in self.rates)
        self.tail.train()
        for module in self.tail.modules() if self.keeps_statistics else ():
            if isinstance(module, _BatchNorm):
                module.eval()
        return self.tail


class Plans:
    """Those of a run, one for each of its phases. From now on, only what learns in the first one has gradients."""

    def __init__(self, model: nn.Module, config: FineTuneConfig, precision: str) -> None:
        chain, model = Chain(model, config.architecture), model.requires_grad_(False)
        self._firsts = [config.first_block_at(epoch) for epoch in range(config.epochs)]
        self._plans = {first: _plan(model, chain, first, config, precision) for first in dict.fromkeys(self._firsts)}
        self.at(0).train()

    def at(self, epoch: int) -> Plan:
        """What learns in an epoch, which counts from 0; after the last one, what has learnt in it."""
        return self._plans[self._firsts[min(epoch, len(self._firsts) - 1)]]

    @property
    def widest(self) -> Plan:
        """What learns in the end, and so all that ever does."""
        return self._plans[self._firsts[-1]]

    def phase(self, epoch: int) -> range:
        """The epochs that have the plan of that one."""
        own = self._firsts[min(epoch, len(self._firsts) - 1)]
        return range(self._firsts.index(own), self._firsts.index(own) + self._firsts.count(own))

    def learning(self) -> Iterator[Learning]:
        """All that ever learns, in the network's order."""
        plans = [*self._plans.values()]
        for name, share in self.widest.rates.items():
            phase = next(index for index, plan in enumerate(plans) if name in plan.rates)
            parameter = self.widest.tail.get_parameter(name)
            # Scales of ConvNeXt, positions and class tokens of transformers have several dimensions, too.
            is_weight = parameter.ndim > 1 and name.endswith("weight")
            yield Learning(parameter, share, phase, is_weight)


def _plan(model: nn.Module, chain: Chain, first: int, config: FineTuneConfig, precision: str) -> Plan:
    body: nn.Module | None = None
    tail = model
    has_body = first > 0 and config.learning.freezing == "layers"
    if has_body:
        body, tail = chain.split(first)
    is_head = has_body and first == len(chain.block_names) - 1
    if is_head:
        precision = "float32"  # it costs nothing
    return Plan(
        body=body,
        tail=tail,
        rates=_rates(model, chain, first, config),
        keeps_statistics=config.learning.batch_norm == "eval",
        precision=precision,
        suits_one_core=is_head and _multiplications(tail, config.batch_size) <= _FOR_ONE_CORE,
    )


def _multiplications(head: nn.Module, batch_size: int) -> int:
    """About how many it takes to compute a batch's logits."""
    return batch_size * sum(parameter.numel() for parameter in head.parameters())


def _rates(model: nn.Module, chain: Chain, first: int, config: FineTuneConfig) -> dict[str, float]:
    """The share of the learning rate that each parameter has that learns."""
    behind = len(chain.parameter_names) - 1
    shares: dict[str, float] = {}
    for index, names in enumerate(chain.parameter_names[first:], start=first):
        share = config.learning.layer_decay ** (behind - index)
        shares |= dict.fromkeys(names, share if index == behind else share * config.learning.backbone_rate)
    return {name: shares[name] for name, _ in model.named_parameters() if name in shares}
