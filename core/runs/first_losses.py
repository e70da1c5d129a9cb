"""Why runs that begin with the same new layer, on the same photos, have different losses at their first step. Pure."""

from collections.abc import Sequence

from core.models import blocks
from core.models.blocks import Block
from core.runs.config import FineTuneConfig
from core.runs.settings import values_of

_ENOUGH = 1e-3  # a share of the loss: below it, sums were only rounded in another order


def are_apart(losses: Sequence[float]) -> bool:
    """Whether these first losses differ by more than rounding does."""
    return bool(losses) and max(losses) - min(losses) > _ENOUGH * max(map(abs, losses))


def reasons(configs: Sequence[FineTuneConfig], precisions: Sequence[str]) -> list[str]:
    """What makes the first losses of these runs differ, as clauses of a sentence; only what is so.

    `precisions` are those that the runs have computed in. What another version knew of networks is not explained.
    """
    networks = {config.architecture for config in configs}
    if not all(config.is_possible for config in configs):
        return []
    found = {
        "the networks differ": len(networks) > 1,
        "they start from different weights": _differ([(config.weights, config.weights_file) for config in configs]),
        "photos are shown at different sizes": _differ([config.image_size for config in configs]),
        "augmentation changes the photos differently": _differ([_augmentation(config) for config in configs]),
        "label smoothing counts in their losses differently": _differ(
            [config.optimizer.label_smoothing for config in configs]
        ),
        "BatchNorm normalises by the batch in layers of one run and by its averages in the same layers of another": (
            _differ_within(configs, [_by_the_batch(config) for config in configs])
        ),
        "dropout is on in layers of one run and off in the same layers of another": (
            _differ_within(configs, [_dropping(config) for config in configs])
        ),
        "training computes in another precision": (
            _differ(precisions)
            or ("bfloat16" in precisions and _differ([_trains_head_alone(config) for config in configs]))
        ),
    }
    return [reason for reason, is_so in found.items() if is_so]


def _differ(values: Sequence[object]) -> bool:
    return len(set(values)) > 1


def _differ_within(configs: Sequence[FineTuneConfig], values: Sequence[object]) -> bool:
    """Whether two runs of the same network have different values."""
    networks = {config.architecture for config in configs}
    return len({*zip((config.architecture for config in configs), values, strict=True)}) > len(networks)


def _augmentation(config: FineTuneConfig) -> tuple[object, ...]:
    """What decides how the photos of a run are changed."""
    changes = values_of(config.augmenting)
    smallest = changes.pop("crop_scale")
    return (config.augmentation, smallest if config.augmentation != "none" else None, *changes.values())


def _in_training(config: FineTuneConfig) -> Sequence[Block]:
    """The blocks that compute as in training at the first step; all others, as in prediction."""
    first = config.first_block_at(0) if config.learning.freezing == "layers" else 0
    return blocks.blocks_of(config.architecture)[first:]


def _trains_head_alone(config: FineTuneConfig) -> bool:
    """Whether only the new layer computes as in training, which it then does in float32."""
    return len(_in_training(config)) == 1


def _by_the_batch(config: FineTuneConfig) -> tuple[str, ...]:
    if config.learning.batch_norm == "eval":
        return ()
    return tuple(block.name for block in _in_training(config) if block.has_batch_norm)


def _dropping(config: FineTuneConfig) -> tuple[str, ...]:
    return tuple(block.name for block in _in_training(config) if block.drops)
