"""Optimizers and schedules are those of PyTorch: a plain loop takes the same steps."""

import itertools
from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional
from torch.optim import lr_scheduler

from core.models.blocks import blocks_of
from core.runs.config import FineTuneConfig
from core.runs.events import Step
from core.runs.optimizer_settings import Algorithm, OptimizerSettings, Schedule
from core.runs.schedules import share_of_rate
from core.training import features
from core.training.fine_tune import fine_tune
from core.training.fitting_steps import seed_dropout
from core.training.inputs import evaluation_batch, training_batches
from core.training.optimizers import Learning, make_optimizer
from core.training.state import TrainingState

OPTIMIZERS = get_args(Algorithm)
SCHEDULES = [name for name in get_args(Schedule) if name != "plateau"]  # which looks at scores, see test_goal.py
RATES = {"sgd": 1e-2, "nesterov": 1e-2, "adamw": 1e-3, "adam": 1e-3}
EXTRAS: dict[str, Any] = {"label_smoothing": 0.1, "gradient_clip": 1.0, "decayed": "weights", "weight_decay": 0.05}
STEPS_PER_EPOCH = 7


def scheduler(name: str, optimizer: torch.optim.Optimizer, steps: int, warm_up: int = 0) -> lr_scheduler.LRScheduler:
    """What PyTorch calls by that name."""
    left = steps - warm_up
    made: dict[str, Any] = {
        "constant": lambda: lr_scheduler.LambdaLR(optimizer, lambda step: 1.0),
        "cosine": lambda: lr_scheduler.CosineAnnealingLR(optimizer, T_max=left),
        "linear": lambda: lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=left),
        "step": lambda: lr_scheduler.LambdaLR(optimizer, lambda step: 0.1 ** (3 * step // left)),
        "one_cycle": lambda: lr_scheduler.OneCycleLR(
            optimizer, [group["lr"] for group in optimizer.param_groups], total_steps=steps, cycle_momentum=False
        ),
    }
    if not warm_up or name == "one_cycle":
        return made[name]()
    rising = lr_scheduler.LinearLR(optimizer, 1 / warm_up, 1.0, total_iters=warm_up - 1)
    return lr_scheduler.SequentialLR(optimizer, [rising, made[name]()], milestones=[warm_up])


@pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")
@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize(("steps", "warm_up"), [(1, 0.0), (5, 0.0), (7, 0.0), (60, 0.0), (60, 0.1), (1_000, 0.05)])
def test_schedules_are_those_of_pytorch(name: Schedule, steps: int, warm_up: float) -> None:
    settings = OptimizerSettings(learning_rate=0.5, schedule=name, warm_up=warm_up)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.5)
    theirs = scheduler(name, optimizer, steps, round(warm_up * steps))
    expected = []
    for _ in range(steps):
        expected.append(optimizer.param_groups[0]["lr"])
        if len(expected) < steps:
            theirs.step()
    assert [0.5 * share_of_rate(settings, step, steps) for step in range(steps)] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", SCHEDULES)
def test_rates_are_possible_however_few_steps_there_are(name: Schedule) -> None:
    for steps, warm_up in itertools.product(range(1, 12), (0.0, 0.1, 0.5, 0.9)):
        settings = OptimizerSettings(schedule=name, warm_up=warm_up)
        shares = [share_of_rate(settings, step, steps) for step in range(steps)]
        assert all(0 <= share <= 1 for share in shares)
        assert max(shares) > 0


# Each optimizer and each schedule for some steps; all of them together, for many, are rare.
CASES = [
    *(
        (OPTIMIZERS[index % len(OPTIMIZERS)], schedule, ("last_stage", "full")[index % 2], 2)
        for index, schedule in enumerate(SCHEDULES)
    ),
    *(
        pytest.param(*case, marks=pytest.mark.long)
        for case in itertools.product(OPTIMIZERS, SCHEDULES, ("last_stage", "full"), [8])
    ),
]


@pytest.mark.usefixtures("tiny_data")
@pytest.mark.parametrize(("optimizer", "schedule", "mode", "epochs"), CASES)
def test_plain_loop_takes_the_same_steps(
    optimizer: str, schedule: str, mode: str, epochs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In float64, so that nothing but another computation can tell them apart."""
    asked = FineTuneConfig.of(
        architecture="shufflenet_v2_x0_5", weights="random", image_size=32, epochs=epochs, batch_size=8, device="cpu",
        precision="float32", mode=mode, algorithm=optimizer, schedule=schedule, learning_rate=RATES[optimizer],
        warm_up=0.1, layer_decay=0.8, **EXTRAS,
    )  # fmt: skip
    monkeypatch.setattr(features, "training_batches", doubled_batches)
    monkeypatch.setattr(features, "evaluation_batch", lambda state, photos: evaluation_batch(state, photos).double())
    state = TrainingState.new(asked)
    state.model.double()
    losses = [event.loss for event in fine_tune(state) if isinstance(event, Step)]
    assert len(losses) == epochs * STEPS_PER_EPOCH
    assert losses == pytest.approx(plain_losses(asked), rel=1e-9)


def doubled_batches(state: TrainingState) -> Callable[[NDArray[np.int64], int], tuple[torch.Tensor, torch.Tensor]]:
    batches = training_batches(state)

    def doubled(rows: NDArray[np.int64], step: int) -> tuple[torch.Tensor, torch.Tensor]:
        images, labels = batches(rows, step)
        return images.double(), labels

    return doubled


def plain_losses(asked: FineTuneConfig) -> list[float]:
    steps = asked.epochs * STEPS_PER_EPOCH
    state, settings = TrainingState.new(asked), asked.optimizer  # for its photos, and the network as it begins
    batches = doubled_batches(state)
    model = state.model.double()
    names = [block.name for block in blocks_of(asked.architecture)][asked.first_block :]
    model.requires_grad_(False)
    model.eval()
    groups: list[dict[str, Any]] = []
    for depth, name in enumerate(reversed(names)):
        rate = settings.learning_rate * asked.learning.layer_decay**depth
        for parameter in model.get_submodule(name).train().requires_grad_(True).parameters():
            decay = settings.weight_decay if parameter.ndim > 1 else 0.0
            groups.append({"params": [parameter], "lr": rate, "weight_decay": decay})
    made = {
        "sgd": lambda: torch.optim.SGD(groups, momentum=0.9),
        "nesterov": lambda: torch.optim.SGD(groups, momentum=0.9, nesterov=True),
        "adamw": lambda: torch.optim.AdamW(groups),
        "adam": lambda: torch.optim.Adam(groups),
    }
    optimizer: torch.optim.Optimizer = made[settings.algorithm]()
    rates = scheduler(settings.schedule, optimizer, steps, round(0.1 * steps))
    losses = []
    for step in range(1, steps + 1):
        rows = state.batches.rows(step)
        seed_dropout(asked.seed, step)
        optimizer.zero_grad()
        images, labels = batches(rows, step)
        loss = functional.cross_entropy(model(images), labels, label_smoothing=0.1)
        loss.backward()
        nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], 1.0)
        optimizer.step()
        if step < steps:
            rates.step()
        losses.append(loss.item())
    return losses


def test_gradients_are_clipped_before_a_step() -> None:
    parameter = nn.Parameter(torch.zeros(4))
    settings = OptimizerSettings(learning_rate=1.0, momentum=0.0, weight_decay=0.0, gradient_clip=0.5)
    optimizer = make_optimizer([Learning(parameter, 1.0)], settings)
    parameter.grad = torch.full((4,), 10.0)
    optimizer.step()
    assert float(parameter.detach().norm()) == pytest.approx(0.5, rel=1e-4)


@pytest.mark.usefixtures("tiny_data")
@pytest.mark.parametrize("architecture", ["resnet18", "convnext_tiny", "vit_b_32", "swin_t"])
def test_only_layers_own_weights_are_weights(architecture: str) -> None:
    """No scale, no position and no class token, however many dimensions they have."""
    size = 224 if architecture == "vit_b_32" else 64
    state = TrainingState.new(
        FineTuneConfig.of(architecture=architecture, weights="random", mode="full", image_size=size, device="cpu")
    )
    named = {id(parameter): name for name, parameter in state.model.named_parameters()}
    found = {named[id(learning.parameter)] for learning in state.plans.learning() if learning.is_weight}
    own = {
        f"{name}.weight"
        for name, module in state.model.named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d) and module.weight is not None
    }
    attention = {name for name in named.values() if name.endswith("in_proj_weight")}
    assert found == own | attention


def test_weights_alone_decay_where_that_is_asked() -> None:
    weight, bias = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2))
    settings = OptimizerSettings(learning_rate=0.1, momentum=0.0, weight_decay=0.5, decayed="weights")
    optimizer = make_optimizer([Learning(weight, 1.0), Learning(bias, 1.0, is_weight=False)], settings)
    for parameter in (weight, bias):
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    assert torch.equal(bias, torch.ones(2))
    assert torch.allclose(weight, torch.full((2, 2), 0.95))
