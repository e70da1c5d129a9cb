"""What of a network learns, how fast, and what only computes: resolved once, while a run is built.

The loop asks nothing: it trains a tail on its inputs.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from core.models import heads
from core.models.cuts import Chain
from core.runs.config import FineTuneConfig


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """A network in two parts. Both have its own layers, under its own names."""

    body: nn.Module | None  # from images to features: it stays as it is, in eval mode. None where all is in the tail
    tail: nn.Module  # from features, or else from images, to logits
    rates: dict[str, float]  # of the tail's parameters that learn, by their names: their share of the learning rate
    keeps_statistics: bool  # whether BatchNorm of the tail normalises by what it knows, and learns no more
    precision: str  # that the tail computes in while it learns
    num_features: int = 0  # that the body computes for an image, where it makes no maps

    @property
    def parameters(self) -> list[nn.Parameter]:
        """Those that learn, in the network's order."""
        return [self.tail.get_parameter(name) for name in self.rates]

    def learning(self) -> Iterator[tuple[nn.Parameter, float]]:
        """The same, each with its share of the learning rate."""
        for name, share in self.rates.items():
            yield self.tail.get_parameter(name), share

    def train(self) -> nn.Module:
        """The tail as it learns."""
        self.tail.train()
        for module in self.tail.modules() if self.keeps_statistics else ():
            if isinstance(module, _BatchNorm):
                module.eval()
        return self.tail


def make_plan(model: nn.Module, config: FineTuneConfig, precision: str) -> Plan:
    """The plan that a configuration asks for. From now on, only what learns in it has gradients."""
    body: nn.Module | None = None
    tail, num_features, chain = model, 0, Chain(model, config.architecture)
    if config.has_body:
        body, tail = chain.split(config.first_block)
    if config.has_body and config.mode == "frozen":
        precision = "float32"  # a head costs nothing
        head = heads.get_head(model, config.architecture)
        num_features = head.in_features if isinstance(head, nn.Linear) else 0
    plan = Plan(
        body=body,
        tail=tail,
        rates=_rates(model, chain, config),
        keeps_statistics=config.learning.batch_norm == "eval",
        precision=precision,
        num_features=num_features,
    )
    model.requires_grad_(False)
    for parameter in plan.parameters:
        parameter.requires_grad_(True)
    return plan


def _rates(model: nn.Module, chain: Chain, config: FineTuneConfig) -> dict[str, float]:
    """The share of the learning rate that each parameter has that learns."""
    behind = len(chain.parameter_names) - 1
    shares: dict[str, float] = {}
    for index, names in enumerate(chain.parameter_names[config.first_block :], start=config.first_block):
        share = config.learning.layer_decay ** (behind - index)
        shares |= dict.fromkeys(names, share if index == behind else share * config.learning.backbone_rate)
    return {name: shares[name] for name, _ in model.named_parameters() if name in shares}
