"""What a training went through at which step, for marks on its chart. Pure: from its settings and events."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from core.models.blocks import blocks_of
from core.runs.config import FineTuneConfig
from core.runs.events import Evaluated, Finished, RareEvent, Started


@dataclass(frozen=True, kw_only=True)
class Milestone:
    """Something that happened between two steps."""

    step: int  # the last one before it
    label: str  # a word
    detail: str  # a sentence


def milestones(config: FineTuneConfig, run_events: Sequence[RareEvent]) -> list[Milestone]:
    """Where stages of the network thaw, and where the run was resumed, in the order of their steps."""
    attempts = [event for event in run_events if isinstance(event, Started)]
    found = [
        Milestone(
            step=attempt.first_step - 1, label="resumed", detail=f"Resumed after step {attempt.first_step - 1:,}."
        )
        for attempt in attempts
        if attempt.first_step > 1
    ]
    # A run that ended early, right before a stage would have thawed, has not trained that.
    epochs = [event.epoch for event in run_events if isinstance(event, Evaluated) and event.split == "validation"]
    has_ended = any(isinstance(event, Finished) for event in run_events)
    ended_after = max(epochs, default=0) if has_ended and epochs else math.inf
    if attempts:
        found += [
            Milestone(
                step=epoch * attempts[-1].steps_per_epoch,
                label="thaws",
                detail=f"From epoch {epoch + 1} on, one more stage is trained: all from {layer} on.",
            )
            for epoch, layer in _thaws(config)
            if epoch < ended_after
        ]
    return sorted(found, key=lambda milestone: milestone.step)


@lru_cache(maxsize=64)
def _thaws(config: FineTuneConfig) -> tuple[tuple[int, str], ...]:
    """The epochs, which count from 0, that begin with a thaw, and the first layer that learns from there on."""
    every, found = config.learning.thaw_every, list[tuple[int, str]]()
    if not every:
        return ()
    try:
        blocks = blocks_of(config.architecture)
    except KeyError:  # a network of another version
        return ()
    first = config.first_block_at(0)
    for epoch in range(every, config.epochs, every):
        if first == config.first_block:
            break
        if config.first_block_at(epoch) < first:
            first = config.first_block_at(epoch)
            found.append((epoch, blocks[first].name))
    return tuple(found)
