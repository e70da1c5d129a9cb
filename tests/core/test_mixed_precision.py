"""Depthwise convolutions are trained in float32 beside layers in bfloat16, and nothing else is."""

import pytest
import torch
from torch import Tensor, nn

from core.runs.config import FineTuneConfig
from core.training.fine_tune import fine_tune
from core.training.inputs import evaluation_batch
from core.training.state import TrainingState


def state_of(architecture: str, precision: str) -> TrainingState:
    return TrainingState.new(
        FineTuneConfig.of(
            architecture=architecture, weights="random", mode="full", image_size=32, epochs=1, device="cpu",
            precision=precision,
        )
    )  # fmt: skip


@pytest.mark.usefixtures("tiny_data")
@pytest.mark.parametrize("architecture", ["efficientnet_lite0", "regnet_x_400mf", "convnext_tiny"])
def test_depthwise_layers_alone_are_trained_in_float32(architecture: str) -> None:
    state = state_of(architecture, "bfloat16")
    seen: dict[tuple[bool, bool], set[torch.dtype]] = {}

    def note(module: nn.Conv2d, inputs: tuple[Tensor, ...], outputs: Tensor) -> None:
        is_depthwise = 1 < module.groups == module.in_channels
        seen.setdefault((is_depthwise, module.training and torch.is_grad_enabled()), set()).add(outputs.dtype)

    for module in state.model.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(note)
    list(fine_tune(state))
    assert seen[False, True] == {torch.bfloat16}
    assert seen.get((True, True), {torch.float32}) == {torch.float32}
    assert ((True, True) in seen) == (architecture != "regnet_x_400mf")
    assert all(dtypes == {torch.float32} for (_, trains), dtypes in seen.items() if not trains), "scored in float32"


@pytest.mark.usefixtures("tiny_data")
def test_network_answers_and_is_saved_as_ever() -> None:
    mixed, plain = state_of("efficientnet_lite0", "bfloat16"), state_of("efficientnet_lite0", "float32")
    assert mixed.model.state_dict().keys() == plain.model.state_dict().keys()
    batch = evaluation_batch(plain, plain.test.gather(slice(None)))
    with torch.no_grad():
        assert torch.equal(mixed.model.eval()(batch), plain.model.eval()(batch))
