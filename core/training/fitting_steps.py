"""Steps that a device or a network cannot take as they are: in pieces where memory is short, or not at all."""

from collections.abc import Callable, Generator

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from core.data.streams import DROPOUT, random_stream
from core.errors import TrainingImpossibleError
from core.runs.events import Noted
from core.training.state import TrainingState


def step_that_fits(
    state: TrainingState, tail: nn.Module, take_step: Callable[[int], Tensor]
) -> Generator[Noted, None, Tensor]:
    """Take a step with as many pieces of the batch as the state says; where memory is short, with twice as many.

    Memory is short before the optimizer changes anything, and what BatchNorm has learnt of the step is taken back, so
    it can be taken again. Later steps have as many pieces, and so has a resumed run.

    Raises:
        TrainingImpossibleError: memory is short for a single photo, too; or BatchNorm has nothing to compare one with.
    """
    statistics = [] if state.has_room else [(buffer, buffer.clone()) for buffer in tail.buffers()]
    while True:
        seed_dropout(state.config.seed, state.step + 1)
        try:
            loss = take_step(state.num_pieces)
        except RuntimeError as error:  # of CUDA, a kind of its own; of Apple's GPUs, told by its words alone
            if not isinstance(error, torch.OutOfMemoryError) and "out of memory" not in str(error):
                raise
        except ValueError as error:
            raise _explained(error, state.num_pieces) from error
        else:
            state.has_room = True
            return loss
        # What was computed is let go with the traceback.
        if state.num_pieces >= state.config.batch_size:
            raise TrainingImpossibleError(
                "The device's memory is too small to train on a single photo. Start again with a smaller image size, "
                "or let fewer layers learn."
            )
        state.num_pieces = min(2 * state.num_pieces, state.config.batch_size)
        state.optimizer.zero_grad()
        for buffer, before in statistics:
            buffer.copy_(before)
        if state.device.type == "cuda":
            torch.cuda.empty_cache()
        yield Noted(message=_message(state))


def seed_dropout(seed: int, step: int) -> None:
    """Make the step's dropout a function of seed and step, whatever else has drawn random numbers."""
    torch.manual_seed(int(random_stream(DROPOUT, seed=seed, position=step).integers(2**63)))


def _explained(error: ValueError, num_pieces: int) -> Exception:
    if "more than 1 value per channel" not in str(error):  # torch's words, by which alone it is known
        return error
    if num_pieces > 1:
        return TrainingImpossibleError(
            f"BatchNorm cannot normalise one photo by itself, and a batch of this run has a single one in some of its "
            f"{num_pieces:,} pieces. Start again with fewer pieces, a larger batch, or “BatchNorm of trainable layers” "
            "set to “By its averages”."
        )
    return TrainingImpossibleError(
        "BatchNorm cannot normalise one photo by itself, and at this image size a batch of this run has a single one. "
        "Start again with a larger image, another batch size, or “BatchNorm of trainable layers” set to “By its "
        "averages”."
    )


def _message(state: TrainingState) -> str:
    photos = -(-state.config.batch_size // state.num_pieces)
    said = (
        f"The device's memory is too small for a batch of {state.config.batch_size:,}. From step {state.step + 1:,} "
        f"on, each batch is computed in {state.num_pieces:,} pieces of at most {photos:,}, and learnt from together as "
        "before."
    )
    normalises = not state.plan.keeps_statistics and any(isinstance(m, _BatchNorm) for m in state.plan.tail.modules())
    return f"{said} BatchNorm's statistics are those of a piece." if normalises else said
