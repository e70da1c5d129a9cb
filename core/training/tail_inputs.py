"""Which inputs the part of a network that learns has: images, their features, or those of some views of them."""

from core.feature_files import FeatureFiles
from core.training.features import Features, Images
from core.training.state import TrainingState
from core.training.views import Views


def tail_inputs(state: TrainingState, files: FeatureFiles | None = None) -> Images:
    """Where a run's tail has its inputs from. `files` are where features are kept beyond the run."""
    body, config = state.plan.body, state.config
    if body is None:
        return Images(state)
    kind = Views if config.is_augmented and config.augmenting.views else Features
    return kind(state, body, files)
