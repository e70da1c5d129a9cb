"""A network as a chain of blocks, by its own trace: where it can be cut in two, and the two parts.

It can be cut where a single tensor goes from what is before to what is behind. What lies between two cuts, and has
weights of its own, is a block; the last one is the head. Blocks that work at one resolution are a stage.

    python -m core.models.cuts > core/models/blocks.csv    writes the table of all blocks anew
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor, fx, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd
from torchvision.ops import StochasticDepth

from core.models import build, catalog
from core.models.blocks import Block

_PARTS = 4  # of a network that works at one resolution all the way, as a transformer does
_IMAGE_SIZE = 224


def trace_blocks(architecture: str) -> tuple[Block, ...]:
    """The blocks of a network of the catalog, from the images to the head: what `core.models.blocks` has in a table."""
    known = catalog.ARCHITECTURES[architecture]
    model = build.build_empty(architecture, known.num_classes).eval()
    chain = Chain(model, architecture)
    with torch.device("meta"):
        sizes = chain.resolutions(torch.empty(1, 3, *[known.image_size or _IMAGE_SIZE] * 2))
    parameters = [sum(model.get_parameter(name).numel() for name in names) for names in chain.parameter_names]
    return tuple(
        Block(
            name=name,
            stage=stage,
            parameters=count,
            has_batch_norm=any(isinstance(module, _BatchNorm) for module in modules),
            drops=any(map(_drops, modules)),
        )
        for name, stage, count, modules in zip(
            chain.block_names, _stages(sizes), parameters, chain.modules, strict=True
        )
    )


class Chain:
    """A network of the catalog as a chain of blocks."""

    def __init__(self, model: nn.Module, architecture: str) -> None:
        self._model = model
        self._graph = _Tracer(model, catalog.ARCHITECTURES[architecture].head).trace(model)
        self._nodes = [node for node in self._graph.nodes if node.op != "output"]
        self._starts, self._between = self._cuts()
        self.block_names = [self._first_name(start, end) for start, end in self._ranges]
        self.parameter_names = [self._names(start, end) for start, end in self._ranges]  # of each block
        self.modules = [[*self._modules(start, end)] for start, end in self._ranges]  # the same

    def _cuts(self) -> tuple[list[int], list[fx.Node]]:
        """Where blocks begin, as positions of nodes; and the only tensor that goes into each."""
        last_use = {node: max((self._position(user) for user in node.users), default=0) for node in self._nodes}
        starts, between = [0], [self._nodes[0]]
        is_behind_weights = False
        for position, node in enumerate(self._nodes):
            alive = [before for before in self._nodes[:position] if last_use[before] >= position]
            if is_behind_weights and self._has_weights(node) and len(alive) == 1:
                starts.append(position)
                between.append(alive[0])
            is_behind_weights |= self._has_weights(node)
        return starts, between

    def _position(self, node: fx.Node) -> int:
        return self._nodes.index(node) if node.op != "output" else len(self._nodes)

    @property
    def _ranges(self) -> list[tuple[int, int]]:
        return list(zip(self._starts, [*self._starts[1:], len(self._nodes)], strict=True))

    def _has_weights(self, node: fx.Node) -> bool:
        return node.op == "call_module" and _has_weights(self._model.get_submodule(str(node.target)))

    def _first_name(self, start: int, end: int) -> str:
        return next(str(node.target) for node in self._nodes[start:end] if self._has_weights(node))

    def _names(self, start: int, end: int) -> tuple[str, ...]:
        return tuple(name for node in self._nodes[start:end] for name in self._own_names(node))

    def _modules(self, start: int, end: int) -> Iterator[nn.Module]:
        for node in self._nodes[start:end]:
            if node.op == "call_module":
                yield from self._model.get_submodule(str(node.target)).modules()

    def _own_names(self, node: fx.Node) -> Iterator[str]:
        if node.op == "get_attr":
            yield str(node.target)
        elif node.op == "call_module":
            module = self._model.get_submodule(str(node.target))
            yield from (f"{node.target}.{name}" for name, _ in module.named_parameters())

    def resolutions(self, images: Tensor) -> list[int]:
        """At how many places each block computes: those of what its last layer with weights gives."""
        found: dict[fx.Node, int] = {}
        nodes = set(self._nodes)

        class Noting(fx.Interpreter):
            def run_node(self, n: fx.Node) -> object:
                given = super().run_node(n)
                if n in nodes and isinstance(given, Tensor):
                    found[n] = _places(given)
                return given

        with torch.no_grad():
            Noting(self._model, graph=self._graph).run(images)
        return [
            next(found[node] for node in reversed(self._nodes[start:end]) if self._has_weights(node))
            for start, end in self._ranges
        ]

    def split(self, first: int) -> tuple[nn.Module, nn.Module]:
        """The network before its block `first`, which is not the first one, and the network from that block on.

        Both have the model's own layers under the model's own names. The first part is a function of the images, in
        eval mode; the second one goes on from that to the logits, in the mode that it is set to.
        """
        start, between = self._starts[first], self._between[first]
        body, tail = fx.Graph(), fx.Graph()
        copies: dict[fx.Node, fx.Node] = {}
        for node in self._nodes[:start]:
            copies[node] = body.node_copy(node, copies.__getitem__)
        body.output(copies[between])
        copies = {between: tail.placeholder("features")}
        for node in self._nodes[start:]:
            copies[node] = tail.node_copy(node, copies.__getitem__)
        (output,) = (node for node in self._graph.nodes if node.op == "output")
        tail.output(copies[output.args[0]])
        return fx.GraphModule(self._model, body).eval(), fx.GraphModule(self._model, tail)


class _Tracer(fx.Tracer):
    """Looks into what only holds other modules, and takes the rest as a whole."""

    def __init__(self, model: nn.Module, head: str) -> None:
        super().__init__()
        parts = head.split(".")
        self._around_head = {".".join(parts[:end]) for end in range(len(parts))}
        self._counts = Counter(type(module) for module in model.modules())

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether a module is taken as a whole: a layer, one of several blocks of a kind, or weights with a norm."""
        if module_qualified_name in self._around_head:
            return False
        if isinstance(m, nn.Sequential):
            return sum(map(_has_own_weights, m.modules())) <= 1
        return type(m).__module__.startswith("torch.nn.") or self._counts[type(m)] > 1


def _has_weights(module: nn.Module) -> bool:
    return any(map(_has_own_weights, module.modules()))


def _has_own_weights(module: nn.Module) -> bool:
    """Whether it has more than a scale and a shift for each channel, as a norm has."""
    return any(parameter.ndim > 1 for parameter in module.parameters(recurse=False))


def _drops(module: nn.Module) -> bool:
    """Whether a layer leaves out at random while it is trained; one that never does is there for its name alone."""
    return isinstance(module, _DropoutNd | StochasticDepth) and module.p > 0


def _places(values: Tensor) -> int:
    """The height times the width of (batch, channels, H, W) or (batch, H, W, channels); tokens; 1 for features."""
    if values.ndim == 4:
        _, first, second, third = values.shape
        return first * second if first == second != third else second * third
    return values.shape[1] if values.ndim == 3 else 1


def _stages(resolutions: Sequence[int]) -> list[int]:
    """For each block the stage that it is in. The last block is the head, and computes at a place of its own."""
    stages = [0]
    for before, size in pairwise(resolutions[:-1]):
        stages.append(stages[-1] + (size < before))
    if stages[-1] == 0:  # the first block only brings images to tokens
        each = -(-(len(stages) - 1) // _PARTS) or 1
        stages = [max(_PARTS - 1 - (len(stages) - 1 - index) // each, 0) for index in range(len(stages))]
        stages = [stage - stages[0] for stage in stages]
    return [*stages, stages[-1]] if len(resolutions) > 1 else stages


if __name__ == "__main__":
    print("network,block,stage,parameters,batch_norm,drops")
    for name in catalog.ARCHITECTURES:
        for block in trace_blocks(name):
            flags = int(block.has_batch_norm), int(block.drops)
            print(name, block.name, block.stage, block.parameters, *flags, sep=",")
