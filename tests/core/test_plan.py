"""What learns, learns at its rate; what is frozen keeps every bit, whatever the network and the depth."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from core import devices
from core.models import blocks, build
from core.models.catalog import ARCHITECTURES
from core.runs.config import FineTuneConfig
from core.runs.events import Evaluated, Event, Started, Step
from core.training.fine_tune import fine_tune
from core.training.fitting_steps import seed_dropout
from core.training.inputs import evaluation_batch, training_batches
from core.training.optimizers import make_optimizer
from core.training.plan import Plans
from core.training.state import TrainingState
from core.training.tail_inputs import tail_inputs

FAMILIES = {
    "efficientnet_lite0": 32,
    "alexnet": 64,
    "densenet121": 32,
    "mobilenet_v3_small": 32,
    "regnet_x_400mf": 32,
    "resnet18": 32,
    "squeezenet1_1": 32,
    "swin_t": 32,
}


def config(architecture: str, first: int, **settings: Any) -> FineTuneConfig:
    """One in which the network learns from that block on."""
    depth = len(blocks.blocks_of(architecture)) - 1 - first
    own: dict[str, Any] = {"mode": "blocks", "depth": depth} if depth else {"mode": "frozen"}
    known = ARCHITECTURES[architecture]
    size = known.image_size or max(32, known.min_image_size)
    common = {"weights": "random", "image_size": size, "device": "cpu", "precision": "float32", "batch_size": 8}
    return FineTuneConfig.of(architecture=architecture, **common | own | settings)


def firsts(architecture: str, *, every: bool) -> list[int]:
    count = len(blocks.blocks_of(architecture))
    return list(range(count)) if every else sorted({0, count // 2, count - 1})


@pytest.mark.parametrize(
    ("architecture", "every"),
    [
        *((name, False) for name in FAMILIES),
        *(pytest.param(name, True, marks=pytest.mark.long) for name in ARCHITECTURES),
    ],
)
def test_only_what_learns_is_trained_at_any_depth(architecture: str, every: bool) -> None:
    for first in firsts(architecture, every=every):
        model = build.build_empty(architecture, ARCHITECTURES[architecture].num_classes)
        asked = config(architecture, first, layer_decay=0.5, backbone_rate=0.25, batch_norm="eval")
        plans = Plans(model, asked, "float32")
        plan = plans.at(0)
        learning = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
        own = blocks.blocks_of(architecture)[first:]
        assert learning == plan.rates.keys()
        assert sum(model.get_parameter(name).numel() for name in learning) == sum(block.parameters for block in own)
        assert asked.parameters_that_learn(ARCHITECTURES[architecture].num_classes) == sum(b.parameters for b in own)
        optimizer = make_optimizer(plans.learning(), asked.optimizer)
        handed = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        assert {*map(id, handed)} == {id(model.get_parameter(name)) for name in learning}
        assert len(handed) == len(learning)
        rates = {id(parameter): group["lr"] for group in optimizer.param_groups for parameter in group["params"]}
        head = ARCHITECTURES[architecture].head
        for name in learning:
            share = rates[id(model.get_parameter(name))] / asked.optimizer.learning_rate
            assert share == 1 if name.rpartition(".")[0] == head else share <= 0.125
        plan.train()
        norms = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
        assert not any(module.training for module in norms)
        assert (plan.body is None) == (first == 0)
        if plan.body is not None:
            assert not any(module.training for module in plan.body.modules())


@pytest.mark.usefixtures("tiny_data")
@pytest.mark.parametrize("place", [pytest.param(1, marks=pytest.mark.long), pytest.param(2, marks=pytest.mark.long), 3])
@pytest.mark.parametrize("architecture", FAMILIES)
def test_what_is_frozen_keeps_every_bit(architecture: str, place: int) -> None:
    count = len(blocks.blocks_of(architecture))
    first = {1: 1, 2: count // 2, 3: count - 2}[place]
    state = TrainingState.new(config(architecture, first, epochs=1, image_size=FAMILIES[architecture], batch_size=27))
    before = {name: tensor.clone() for name, tensor in state.model.state_dict().items()}
    list(fine_tune(state))
    moved = {name for name, tensor in state.model.state_dict().items() if not torch.equal(tensor, before[name])}
    own = dict(state.plan.tail.named_parameters()).keys()
    assert state.plan.body is not None
    assert moved <= state.plan.tail.state_dict().keys() - state.plan.body.state_dict().keys()
    assert {name for name in own if name in moved} >= {name for name in own if name.endswith("weight")}


@pytest.mark.usefixtures("tiny_data")
@pytest.mark.parametrize("first", [pytest.param(3, marks=pytest.mark.long), 7, pytest.param(9, marks=pytest.mark.long)])
@pytest.mark.parametrize("settings", [{}, {"layer_decay": 0.7, "backbone_rate": 0.5, "batch_norm": "eval"}])
def test_plan_takes_the_steps_of_a_plain_loop(first: int, settings: dict[str, Any]) -> None:
    asked = config("resnet18", first, epochs=2, learning_rate=1e-3, **settings)
    losses = [event.loss for event in fine_tune(TrainingState.new(asked)) if isinstance(event, Step)]
    assert losses == pytest.approx(plain_losses(asked, first, len(losses)), rel=1e-5)


def plain_losses(asked: FineTuneConfig, first: int, count: int) -> list[float]:
    """What anybody would write: names that learn, modes by hand, a group for each block."""
    state = TrainingState.new(asked)  # for its photos, and the network as it begins
    model, names = state.model, [block.name for block in blocks.blocks_of("resnet18")]
    stem = {"conv1": ["conv1", "bn1"]}
    behind = [module for name in names[first:] for module in stem.get(name, [name])]
    model.requires_grad_(False)
    groups = []
    for index, name in enumerate(behind):
        module = model.get_submodule(name).requires_grad_(True)
        depth = len(behind) - 1 - index
        share = asked.learning.layer_decay**depth * (asked.learning.backbone_rate if depth else 1)
        groups.append({"params": list(module.parameters()), "lr": share * asked.optimizer.learning_rate})
    optimizer = torch.optim.SGD(groups, momentum=asked.optimizer.momentum, weight_decay=asked.optimizer.weight_decay)
    model.eval()
    for name in behind:
        model.get_submodule(name).train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d) and asked.learning.batch_norm == "eval":
            module.eval()
    losses = []
    for step in range(1, count + 1):
        rows = state.batches.rows(step)
        seed_dropout(asked.seed, step)
        optimizer.zero_grad()
        images, labels = training_batches(state)(rows, step)
        loss = functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.usefixtures("tiny_data")
def test_layers_that_only_have_no_gradients_go_on_as_in_the_lesson() -> None:
    state = TrainingState.new(config("resnet18", 9, epochs=1, freezing="gradients"))
    before = {name: tensor.clone() for name, tensor in state.model.state_dict().items()}
    events: list[Event] = list(fine_tune(state))
    moved = {name for name, tensor in state.model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert {name for name in moved if "running" not in name and "num_batches" not in name} == {"fc.weight", "fc.bias"}
    assert any("running_mean" in name for name in moved), "BatchNorm still learns its statistics"
    started = events[0]
    assert isinstance(started, Started)
    assert (started.trainable_parameters, started.keeps_features) == (2 * 513, False)


@pytest.mark.usefixtures("tiny_data")
def test_features_of_any_depth_are_computed_once() -> None:
    for first in (4, 8):
        state, computed = TrainingState.new(config("resnet18", first, epochs=4)), [0]
        assert state.plan.body is not None
        state.plan.body.register_forward_hook(
            lambda _, inputs, features, counted=computed: counted.append(len(features))
        )
        list(fine_tune(state))
        assert computed == [0, 1, 32, 32, 32, 32], "one to see how they lie; 54 and 6 and 20, in whole blocks"


@pytest.mark.usefixtures("tiny_data")
def test_kept_features_lie_in_memory_as_they_were_computed() -> None:
    state = TrainingState.new(config("resnet18", 7, epochs=2))
    inputs = tail_inputs(state)
    batch, _ = inputs.batch(1)
    computed, kept = inputs.for_training(batch), inputs.for_training(batch)
    assert torch.equal(computed, kept)
    assert computed.stride() == kept.stride()


@pytest.mark.usefixtures("tiny_data")
def test_one_core_takes_the_steps_of_a_small_new_layer_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: 5)
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    list(fine_tune(TrainingState.new(config("resnet18", 9, epochs=1, batch_size=27))))
    assert threads == [1, 5] * 4, "two steps, and a block of validation and of test"
    threads.clear()
    list(fine_tune(TrainingState.new(config("resnet18", 8, epochs=1, batch_size=27))))
    assert not threads
    assert (
        not Plans(build.build_empty("alexnet", 1_000), config("alexnet", 7, batch_size=64), "float32")
        .at(0)
        .suits_one_core
    )


def test_all_cores_are_back_after_an_error() -> None:
    before = torch.get_num_threads()
    with pytest.raises(ValueError, match="wrong"), devices.one_core(torch.device("cpu")):
        raise ValueError("wrong")
    assert torch.get_num_threads() == before


@pytest.mark.usefixtures("tiny_data")
@pytest.mark.parametrize("freezing", ["layers", "gradients"])
def test_stages_thaw_one_after_the_other(freezing: str) -> None:
    asked = config("resnet18", 5, epochs=7, thaw_every=2, freezing=freezing, batch_size=27)
    state, seen = TrainingState.new(asked), []
    before = {name: tensor.clone() for name, tensor in state.model.named_parameters()}
    trainable = 0
    for event in fine_tune(state):
        if isinstance(event, Started):
            trainable = event.trainable_parameters
        if isinstance(event, Evaluated) and event.split == "validation":
            now = dict(state.model.named_parameters())
            seen.append({name.split(".")[0] for name, tensor in now.items() if not torch.equal(tensor, before[name])})
    assert trainable == asked.parameters_that_learn(2), "all that ever learns"
    assert seen[0] == seen[1] == {"fc"}
    assert seen[2] == seen[3] == {"fc", "layer4"}
    assert seen[4] == seen[5] == seen[6] == {"fc", "layer4", "layer3"}, "no further than to what learns at all"


@pytest.mark.usefixtures("tiny_data")
def test_run_that_thaws_is_scored_with_all_that_its_best_epoch_had() -> None:
    """Whatever thaws after the best epoch is as it was then."""
    state = TrainingState.new(config("resnet18", 7, epochs=4, thaw_every=2, learning_rate=0.05))
    scores = [event for event in fine_tune(state) if isinstance(event, Evaluated)]
    assert state.best_weights.keys() == state.plans.widest.tail.state_dict().keys()
    state.plans.widest.tail.load_state_dict(state.best_weights)
    with torch.no_grad():
        logits = state.model.eval()(evaluation_batch(state, state.test.gather(slice(None))))
    right = (logits.argmax(dim=1) == state.test.labels).float().mean()
    assert float(right) == pytest.approx(scores[-1].accuracy)
