"""From a module to plain values that describe it: layers, shapes, parameters, work. Knows nothing of pages or weights.

A network of the catalog is built on the meta device, and one input runs through it there: shapes without numbers, so
that a giant takes no memory. Multiply-adds are those of convolutions and matrix products, half of what PyTorch's
`FlopCounterMode` counts; torchvision publishes the same figure with its weights.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from core.models import blocks, build, catalog, heads
from core.models.cuts import Chain
from core.models.description import (
    LESSON_NETWORKS,
    Block,
    Description,
    Head,
    Layer,
    NamedParameter,
    Original,
    Shape,
)
from core.models.lesson import CustomLayer, CustomModel, LinearModel

_LESSON: dict[str, Callable[[], nn.Module]] = {
    "linear_model": LinearModel,
    "custom_layer": lambda: CustomLayer(1, 1),
    "custom_model": CustomModel,
}
_NUM_VALUES_SHOWN = 4


@lru_cache(maxsize=64)
def describe(architecture: str, num_classes: int, mode: str, image_size: int) -> Description:
    """The network of the catalog as fine-tuning would train it: with a new head, and as much frozen as the mode says.

    `image_size` is in pixels, for height and width; shapes are those of a batch of one.
    """
    model = build.build_empty(architecture, catalog.ARCHITECTURES[architecture].num_classes)
    original = Original(
        head=_head(architecture, heads.get_head(model, architecture)),
        parameters=_count(model.parameters()),
        printed=str(model),
    )
    with torch.device("meta"):
        head = heads.replace_head(model, architecture, num_classes, seed=0)
        images = torch.empty(1, 3, image_size, image_size)
    first = blocks.first_to_learn(architecture, mode)
    for name in chain.from_iterable(Chain(model, architecture).parameter_names[:first]):
        model.get_parameter(name).requires_grad_(False)
    return _describe(model, images, head=_head(architecture, head), original=original)


@lru_cache(maxsize=len(_LESSON))
def describe_lesson(name: str) -> Description:
    """A network that the course builds by hand, with the parameters that seed 0 gives it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = _LESSON[name]()
    parameters = tuple(
        NamedParameter(
            name=name,
            shape=tuple(parameter.shape),
            values=tuple(parameter.detach().flatten()[:_NUM_VALUES_SHOWN].tolist()),
            learns=parameter.requires_grad,
        )
        for name, parameter in model.named_parameters()
    )
    return _describe(model, torch.zeros(LESSON_NETWORKS[name].input_shape), named_parameters=parameters)


@dataclass
class _Trace:
    """What one module did while the input ran through the network."""

    position: int = 0  # of its first call among all
    calls: int = 0
    output_shape: Shape | None = None
    multiply_adds: int = 0  # with those of the modules that it called
    called: int = 0  # the multiply-adds of those modules alone


def _describe(model: nn.Module, inputs: Tensor, **parts: Any) -> Description:
    traces = _run(model, inputs)
    modules = dict(model.named_modules())
    position, layers = 0, []
    for name, module in modules.items():
        trace = traces[module]
        # A module that is never called keeps its place behind the one before it.
        position = trace.position if trace.calls else position
        own = list(module.parameters(recurse=False))
        multiply_adds = trace.multiply_adds - trace.called
        if own or multiply_adds or not any(module.children()):
            layer = Layer(
                name=name,
                type_name=type(module).__name__,
                settings=module.extra_repr(),
                output_shape=trace.output_shape,
                calls=trace.calls,
                parameters=_count(own),
                learning=_count(parameter for parameter in own if parameter.requires_grad),
                multiply_adds=multiply_adds,
            )
            layers.append((position, layer))
    ordered = tuple(layer for _, layer in sorted(layers, key=lambda entry: entry[0]))
    blocks = tuple(_block(name, child, traces[child], ordered) for name, child in model.named_children())
    return Description(input_shape=tuple(inputs.shape), layers=ordered, blocks=blocks, printed=str(model), **parts)


def _run(model: nn.Module, inputs: Tensor) -> dict[nn.Module, _Trace]:
    """Run the input through the network once, as for a prediction, and note what each module does."""
    traces = {module: _Trace() for module in model.modules()}
    running: list[tuple[nn.Module, int]] = []  # modules being called, with the work done before each

    def enter(module: nn.Module, _: Any) -> None:
        trace = traces[module]
        if not trace.calls:
            trace.position = next(positions)
        running.append((module, counter.get_total_flops()))

    def leave(module: nn.Module, _: Any, outputs: Any) -> None:
        _, before = running.pop()
        trace = traces[module]
        trace.calls += 1
        trace.output_shape = tuple(_first_tensor(outputs).shape)
        work = (counter.get_total_flops() - before) // 2
        trace.multiply_adds += work
        if running:
            traces[running[-1][0]].called += work

    positions = iter(range(len(traces)))
    counter = FlopCounterMode(display=False)
    was_training = model.training
    with ExitStack() as stack:
        for module in traces:
            stack.callback(module.register_forward_pre_hook(enter).remove)
            stack.callback(module.register_forward_hook(leave).remove)
        stack.enter_context(torch.no_grad())
        stack.enter_context(counter)
        model.eval()(inputs)
    model.train(was_training)
    return traces


def _first_tensor(outputs: Any) -> Tensor:
    """What a module hands on: attention returns its weights beside it."""
    tensor = outputs if isinstance(outputs, Tensor) else outputs[0]
    assert isinstance(tensor, Tensor), type(tensor).__name__
    return tensor


def _block(name: str, module: nn.Module, trace: _Trace, layers: tuple[Layer, ...]) -> Block:
    inside = [layer for layer in layers if layer.name == name or layer.name.startswith(f"{name}.")]
    return Block(
        name=name,
        type_name=type(module).__name__,
        layers=len(inside),
        output_shape=trace.output_shape,
        parameters=sum(layer.parameters for layer in inside),
        learning=sum(layer.learning for layer in inside),
        multiply_adds=sum(layer.multiply_adds for layer in inside),
    )


def _head(architecture: str, head: nn.Module) -> Head:
    name = catalog.ARCHITECTURES[architecture].head
    return Head(name=name, text=str(head), parameters=_count(head.parameters()))


def _count(parameters: "Iterator[nn.Parameter] | list[nn.Parameter]") -> int:
    return sum(parameter.numel() for parameter in parameters)
