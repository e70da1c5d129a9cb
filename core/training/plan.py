"""What of a network learns, and what only computes: resolved once, while a run is built. The loop asks nothing."""

from dataclasses import dataclass

from torch import nn

from core.models import blocks, heads
from core.runs.config import FineTuneConfig


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """A network in two parts. Both have its own layers, under its own names."""

    body: nn.Module | None  # from images to features: it stays as it is, in eval mode. None where all is in the tail
    tail: nn.Module  # from features, or else from images, to logits
    learning: tuple[str, ...]  # the tail's parameters that learn, by their names
    precision: str  # that the tail computes in while it learns
    num_features: int = 0  # that the body computes for an image, where it makes no maps

    @property
    def parameters(self) -> list[nn.Parameter]:
        """Those that learn, in the network's order."""
        return [self.tail.get_parameter(name) for name in self.learning]


def make_plan(model: nn.Module, config: FineTuneConfig, precision: str) -> Plan:
    """The plan that a configuration asks for. From now on, only what learns in it has gradients."""
    body: nn.Module | None
    if config.mode == "full":
        body, tail, num_features = None, model, 0
    else:
        body, tail = blocks.split(model, config.architecture, -1)
        precision = "float32"  # a head costs nothing
        head = heads.get_head(model, config.architecture)
        num_features = head.in_features if isinstance(head, nn.Linear) else 0
    plan = Plan(
        body=body,
        tail=tail,
        learning=tuple(name for name, _ in tail.named_parameters()),
        precision=precision,
        num_features=num_features,
    )
    model.requires_grad_(False)
    for parameter in plan.parameters:
        parameter.requires_grad_(True)
    return plan
