"""What is said of a network: every figure against PyTorch's own sums, published counts and a real forward pass."""

from functools import cache

import pytest
import torch
import torchvision.models
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torchvision.models import WeightsEnum

from core.models import architecture, build, heads
from core.models.catalog import ARCHITECTURES
from core.models.description import LESSON_NETWORKS, Description, Layer
from tests.samples import quick_or_long


def published(name: str) -> WeightsEnum | None:
    """Weights of torchvision's for a size that the network reads, None where it is not torchvision's."""
    if name not in torchvision.models.list_models(module=torchvision.models):
        return None
    fixed = ARCHITECTURES[name].image_size
    weights = torchvision.models.get_model_weights(name)
    return next(one for one in weights if fixed in (None, one.transforms().crop_size[0]))


ALL = pytest.mark.parametrize("name", quick_or_long(ARCHITECTURES))
PUBLISHED = pytest.mark.parametrize("name", quick_or_long(filter(published, ARCHITECTURES)))


@cache
def as_published(name: str) -> Description:
    """The network with ten classes, frozen, for photos of the size with which its work was published."""
    weights = published(name)
    return architecture.describe(name, 10, "frozen", weights.transforms().crop_size[0] if weights else 224)


def layer(described: Description, name: str) -> Layer:
    return next(layer for layer in described.layers if layer.name == name)


def test_counts_are_the_published_ones() -> None:
    assert architecture.describe("alexnet", 1000, "full", 224).parameters == 61_100_840
    described = architecture.describe("resnet18", 10, "frozen", 224)
    assert described.original is not None
    assert described.original.parameters == 11_689_512
    assert (described.learning, described.parameters) == (5_130, 11_181_642)


@ALL
def test_layers_add_up_to_the_network_and_to_its_blocks(name: str) -> None:
    known = ARCHITECTURES[name]
    described = as_published(name)
    assert described.original is not None
    assert described.head is not None
    model = build.build_empty(name, known.num_classes)
    assert described.original.parameters == known.parameters == sum(tensor.numel() for tensor in model.parameters())
    assert described.original.printed == str(model)
    with torch.device("meta"):
        head = heads.replace_head(model, name, 10, seed=0)
    assert described.printed == str(model)
    assert described.parameters == sum(tensor.numel() for tensor in model.parameters())
    assert described.learning == described.head.parameters == sum(tensor.numel() for tensor in head.parameters())
    assert [layer.name for layer in described.layers if layer.learning] == [known.head]
    outside = next((layer for layer in described.layers if layer.name == ""), None)
    for quantity in ("parameters", "learning", "multiply_adds"):
        inside = sum(getattr(block, quantity) for block in described.blocks)
        assert inside + (getattr(outside, quantity) if outside else 0) == getattr(described, quantity)
    assert described.blocks[-1].output_shape is not None
    assert described.blocks[-1].output_shape[:2] == (1, 10)


@PUBLISHED
def test_multiply_adds_are_those_that_torchvision_publishes(name: str) -> None:
    described = as_published(name)
    head = layer(described, ARCHITECTURES[name].head)
    with_all_classes = described.multiply_adds + (1000 // 10 - 1) * head.multiply_adds
    weights = published(name)
    assert weights is not None
    assert round(with_all_classes / 1e9, 3) == pytest.approx(weights.meta["_ops"], abs=1e-9)


@ALL
def test_layer_that_is_not_called_has_no_work_and_its_weights_are_used_around_it(name: str) -> None:
    layers = {layer.name: layer for layer in as_published(name).layers}
    for layer in layers.values():
        assert (layer.output_shape is None) == (layer.calls == 0)
        if not layer.calls:
            assert layer.multiply_adds == 0
        if not layer.calls and layer.parameters:
            around = layers[layer.name.rpartition(".")[0]]
            assert around.calls
            assert around.multiply_adds > 0


@pytest.mark.parametrize("name", ["resnet18", "vit_b_16", "squeezenet1_1"])
def test_in_full_fine_tuning_everything_learns(name: str) -> None:
    described = architecture.describe(name, 10, "full", 224)
    assert described.learning == described.parameters


def test_shapes_and_order_are_those_of_a_real_forward_pass() -> None:
    described = architecture.describe("resnet18", 10, "full", 64)
    model = build.build_random("resnet18", 10, seed=0).eval()
    seen: list[tuple[str, tuple[int, ...]]] = []
    for name, module in model.named_modules():
        if not any(module.children()):
            module.register_forward_hook(
                lambda module, inputs, output, name=name: seen.append((name, tuple(output.shape)))
            )
    with torch.no_grad():
        model(torch.zeros(1, 3, 64, 64))
    assert [layer.name for layer in described.layers] == list(dict.fromkeys(name for name, _ in seen))
    assert {layer.name: layer.output_shape for layer in described.layers} == dict(seen)
    assert {layer.name: layer.calls for layer in described.layers} == {
        name: [seen_name for seen_name, _ in seen].count(name) for name, _ in seen
    }


def test_layer_that_is_used_twice_says_so() -> None:
    described = architecture.describe("resnet18", 10, "frozen", 224)
    assert layer(described, "layer1.0.relu").calls == 2
    assert layer(described, "relu").calls == 1


def test_work_of_a_small_network_is_what_a_pencil_finds() -> None:
    described = architecture.describe("my_cnn", 10, "frozen", 224)
    assert layer(described, "conv").output_shape == (1, 16, 222, 222)
    assert layer(described, "conv").multiply_adds == 16 * 222 * 222 * 3 * 3 * 3
    assert layer(described, "fc").multiply_adds == 16 * 222 * 222 * 10


def test_work_that_a_network_does_between_its_layers_is_its_own() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(4, 4, bias=False)

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return self.inner(self.inner(inputs)) @ torch.ones(4, 2)

    described = architecture._describe(Twice(), torch.zeros(3, 4))
    assert [(layer.name, layer.calls, layer.multiply_adds) for layer in described.layers] == [
        ("", 1, 3 * 4 * 2),
        ("inner", 2, 2 * 3 * 4 * 4),
    ]
    assert described.parameters == 16


@settings(deadline=None, max_examples=25)
@given(num_classes=st.integers(1, 100_000), name=st.sampled_from(["resnet18", "alexnet", "my_cnn"]))
def test_new_head_has_its_features_and_a_bias_for_every_class(num_classes: int, name: str) -> None:
    described = architecture.describe(name, num_classes, "frozen", 224)
    known = ARCHITECTURES[name]
    assert described.learning == (known.head_features + 1) * num_classes
    assert described.parameters - described.learning == known.parameters - (known.head_features + 1) * known.num_classes
    assert described.head is not None
    assert f"out_features={num_classes}," in described.head.text


def test_giant_takes_no_memory() -> None:
    described = architecture.describe("my_cnn", 100_000, "frozen", 224)
    assert described.parameters > 7e10


@pytest.mark.parametrize(("name", "parameters"), [("linear_model", 2), ("custom_layer", 43), ("custom_model", 129)])
def test_network_of_the_course_is_described_with_its_parameters(name: str, parameters: int) -> None:
    state = torch.get_rng_state()
    described = architecture.describe_lesson(name)
    assert torch.equal(torch.get_rng_state(), state)
    assert described.parameters == described.learning == parameters
    assert described.layers[-1].output_shape == described.input_shape == LESSON_NETWORKS[name].input_shape
    assert described.head is None
    assert described.original is None
    assert all(entry.learns for entry in described.named_parameters)


def test_named_parameters_of_the_line_have_the_values_of_seed_0() -> None:
    torch.manual_seed(0)
    weight, bias = torch.randn(1).item(), torch.randn(1).item()
    weight_entry, bias_entry = architecture.describe_lesson("linear_model").named_parameters
    assert (weight_entry.name, weight_entry.shape, weight_entry.values) == ("weight", (1,), (weight,))
    assert (bias_entry.name, bias_entry.shape, bias_entry.values) == ("bias", (1,), (bias,))
