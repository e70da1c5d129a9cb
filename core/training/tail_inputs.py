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
    if not (config.is_augmented and config.augmenting.views):
        return Features(state, body, files)
    views = Views(state, body, files)
    if views.have_room:
        return views
    live = Features(state, body, files)
    live.forgone = (
        f"Memory has no room for {config.augmenting.views:,} views of {len(state.train):,} photos: every epoch "
        "computes new ones, which is slower. Fewer views, or smaller images, may fit."
    )
    return live
