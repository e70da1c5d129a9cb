"""A training whose numbers are numbers no more: seen before anything is made of them, and said in a sentence."""

import torch
from torch import Tensor

from core.errors import TrainingDivergedError
from core.training.state import TrainingState


def check_numbers(state: TrainingState) -> None:
    """See that all that a checkpoint would hold are finite numbers: losses may be, and a BatchNorm's variance not.

    Raises:
        TrainingDivergedError: some are not.
    """
    memory = [value for remembered in state.optimizer.state.values() for value in remembered.values()]
    tensors = [*state.plans.widest.tail.state_dict().values(), *memory]
    found = [tensor.isfinite().all() for tensor in tensors if isinstance(tensor, Tensor)]
    if not torch.stack(found).all():
        raise _diverged(state, f"The network holds infinite numbers after step {state.step}")


def loss_diverged(state: TrainingState, loss: float, where: str) -> TrainingDivergedError:
    """What to say of a loss that is not finite. `where` is a phrase like "after step 5"."""
    return _diverged(state, f"The loss became {loss} {where}")


def _diverged(state: TrainingState, what: str) -> TrainingDivergedError:
    rate = state.config.optimizer.learning_rate
    return TrainingDivergedError(f"{what}: training diverged. Start again with a smaller learning rate than {rate:g}.")
