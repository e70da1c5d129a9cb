"""What there is to say about a network, as plain values, so that pages can read it. Never imports torch."""

from dataclasses import dataclass, field
from functools import cached_property

Shape = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A module that computes something itself: one without modules inside, or one with parameters of its own."""

    name: str  # dotted, as in `named_modules()`; empty for the network itself
    type_name: str  # its class
    settings: str  # what `print` shows in its brackets
    output_shape: Shape | None  # of its last call; None where it is not called
    calls: int  # how often it runs for one input
    parameters: int  # its own, without those of modules inside
    learning: int  # those of them that learn
    multiply_adds: int  # its own


@dataclass(frozen=True, kw_only=True)
class Block:
    """A part of the network one level below the top, with everything inside."""

    name: str
    type_name: str
    layers: int
    output_shape: Shape | None
    parameters: int
    learning: int
    multiply_adds: int


@dataclass(frozen=True, kw_only=True)
class NamedParameter:
    """One entry of `named_parameters()`."""

    name: str
    shape: Shape
    values: tuple[float, ...]  # the first few
    learns: bool


@dataclass(frozen=True, kw_only=True)
class Head:
    """The layer that turns features into classes."""

    name: str
    text: str  # as `print` shows it
    parameters: int


@dataclass(frozen=True, kw_only=True)
class Original:
    """The network as it comes, before its head is replaced."""

    head: Head
    parameters: int
    printed: str


@dataclass(frozen=True, kw_only=True)
class Description:
    """A network with the input that its shapes are for. Where its head was replaced, `original` says by what."""

    input_shape: Shape
    layers: tuple[Layer, ...]  # in the order in which they first run
    blocks: tuple[Block, ...]
    printed: str  # print(model)
    head: Head | None = None
    original: Original | None = None
    named_parameters: tuple[NamedParameter, ...] = field(default=(), repr=False)

    @cached_property
    def parameters(self) -> int:
        return sum(layer.parameters for layer in self.layers)

    @cached_property
    def learning(self) -> int:
        return sum(layer.learning for layer in self.layers)

    @cached_property
    def multiply_adds(self) -> int:
        return sum(layer.multiply_adds for layer in self.layers)


@dataclass(frozen=True, kw_only=True)
class LessonNetwork:
    """A network that the course builds by hand and that sorts no photos, so that there is no head to replace."""

    label: str
    description: str
    why_no_head: str
    input_shape: Shape


LESSON_NETWORKS: dict[str, LessonNetwork] = {
    "linear_model": LessonNetwork(
        label="LinearModel",
        description="The course's first network: a weight and a bias that fit a line through 30 points.",
        why_no_head="It predicts a number, not a class, so there is no head to replace.",
        input_shape=(30,),
    ),
    "custom_layer": LessonNetwork(
        label="CustomLayer(1, 1)",
        description="The course's own layer: two convolutions that keep the size of what they read.",
        why_no_head="It turns an image into an image, so there is no head to replace.",
        input_shape=(1, 1, 8, 8),
    ),
    "custom_model": LessonNetwork(
        label="CustomModel",
        description="Modules nest: a chain of three CustomLayer(1, 1).",
        why_no_head="It turns an image into an image, so there is no head to replace.",
        input_shape=(1, 1, 8, 8),
    ),
}
