"""Any network of the catalog is a chain of blocks, and computes the same when it is cut between two of them."""

import pytest
import torch

from core.models import blocks, build
from core.models.catalog import ARCHITECTURES
from core.models.cuts import Chain, trace_blocks

FAMILIES = {
    "efficientnet_lite0": 64,
    "alexnet": 64,
    "densenet121": 32,
    "googlenet": 64,
    "mnasnet0_5": 32,
    "mobilenet_v3_small": 32,
    "regnet_x_400mf": 32,
    "resnet18": 32,
    "shufflenet_v2_x0_5": 32,
    "squeezenet1_1": 32,
    "swin_t": 64,
}
LARGE = {
    "convnext_tiny": 32,
    "efficientnet_v2_s": 32,
    "inception_v3": 80,
    "maxvit_t": 224,
    "vgg11": 32,
    "vit_b_32": 224,
}


# Each family, and all networks where there is time for it.
QUICK_OR_LONG = pytest.mark.parametrize(
    "architecture",
    [pytest.param(name, marks=[] if name in FAMILIES else pytest.mark.long) for name in ARCHITECTURES],
)


@QUICK_OR_LONG
def test_table_has_what_is_found_in_the_networks(architecture: str) -> None:
    assert blocks.blocks_of(architecture) == trace_blocks(architecture)


@QUICK_OR_LONG
def test_blocks_have_every_parameter_once(architecture: str) -> None:
    known, found = ARCHITECTURES[architecture], blocks.blocks_of(architecture)
    model = build.build_empty(architecture, known.num_classes)
    chain = Chain(model, architecture)
    assert chain.block_names == [block.name for block in found]
    names = [name for own in chain.parameter_names for name in own]
    assert sorted(names) == sorted(name for name, _ in model.named_parameters())
    assert {name.rpartition(".")[0] for name in chain.parameter_names[-1]} == {known.head}, "the last block is the head"
    assert sum(block.parameters for block in found) == known.parameters
    stages = [block.stage for block in found]
    assert stages == sorted(stages)
    assert {*stages} == set(range(stages[-1] + 1))
    assert stages[-1] == stages[-2], "a head alone is no stage"
    assert stages[-1] >= 3 or architecture == "my_cnn"


def test_blocks_and_stages_are_those_that_people_know() -> None:
    def firsts(architecture: str) -> list[str]:
        found = blocks.blocks_of(architecture)
        begins = [
            not before or before.stage < block.stage for before, block in zip((None, *found), found, strict=False)
        ]
        return [block.name for block, is_first in zip(found, begins, strict=True) if is_first]

    assert firsts("resnet18") == ["conv1", "layer1.0", "layer2.0", "layer3.0", "layer4.0"]
    assert firsts("vit_b_16")[1:] == [f"encoder.layers.encoder_layer_{number}" for number in (3, 6, 9)]
    assert firsts("swin_t") == [f"features.{number}" for number in (0, 2, 4, 6)]
    assert firsts("vgg16") == [f"features.{number}" for number in (0, 5, 10, 17, 24)] + ["classifier.0"]
    assert [block.name for block in blocks.blocks_of("resnet18")[-3:]] == ["layer4.0", "layer4.1", "fc"]


@pytest.mark.parametrize(
    ("architecture", "size"),
    [*FAMILIES.items(), *(pytest.param(*entry, marks=pytest.mark.long) for entry in LARGE.items())],
)
def test_network_that_is_cut_computes_the_same_to_the_last_bit(architecture: str, size: int) -> None:
    model = build.build_random(architecture, 5, seed=0).eval()
    count, chain = len(blocks.blocks_of(architecture)), Chain(model, architecture)
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = model(images)
        for first in {1, count // 2, count - 2, -1}:
            body, tail = chain.split(first)
            assert torch.equal(tail.eval()(body(images)), expected), first


@pytest.mark.parametrize("architecture", ["resnet18", "swin_t", "efficientnet_lite0"])
def test_parts_share_the_layers_of_the_network_under_its_names(architecture: str) -> None:
    model = build.build_random(architecture, 5, seed=0)
    own, chain = model.state_dict(), Chain(model, architecture)
    for first in (1, len(chain.block_names) // 2, len(chain.block_names) - 1):
        body, tail = chain.split(first)
        behind = {name for names in chain.parameter_names[first:] for name in names}
        assert {name for name, _ in tail.named_parameters()} == behind
        parts = {**body.state_dict(), **tail.state_dict()}
        assert parts.keys() == own.keys()
        assert all(tensor.data_ptr() == own[name].data_ptr() for name, tensor in parts.items())


def test_what_learns_first() -> None:
    firsts = {mode: blocks.first_to_learn("resnet18", mode) for mode in ("frozen", "last_stage", "full")}
    assert firsts == {"frozen": 9, "last_stage": 7, "full": 0}
    assert [blocks.first_to_learn("resnet18", "blocks", depth) for depth in (1, 2, 9, 100)] == [8, 7, 0, 0]
    assert blocks.first_to_learn("my_cnn", "last_stage") == 0, "all that it has"
