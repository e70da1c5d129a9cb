"""What a run begins with: a network whose head is new, and how it reads its images."""

from pathlib import Path

from torch import Tensor, nn

from core import hub
from core.data import library
from core.data.transforms import EvaluationTransform
from core.errors import WeightsError, WeightsFileError
from core.models import build, catalog, heads
from core.runs.config import FineTuneConfig


def untrained_weights(config: FineTuneConfig) -> dict[str, Tensor]:
    """Those that a run began with.

    Raises:
        WeightsError: they cannot be had, which says nothing of the run's own files.
    """
    try:
        return untrained(config).state_dict()
    except WeightsFileError as error:
        raise WeightsError(str(error)) from error


def untrained(config: FineTuneConfig) -> nn.Module:
    """The network that a run begins with: its weights, and a new head for the data's classes."""
    known = catalog.ARCHITECTURES[config.architecture]
    if config.weights == "pretrained":
        if known.weights_url:
            hub.fetch(known.label, known.weights_url)
        model = build.build_pretrained(config.architecture)
    elif config.weights == "file":
        model = build.build_from_file(config.architecture, Path(str(config.weights_file)))
    else:
        model = build.build_random(config.architecture, known.num_classes, seed=config.seed)
    num_classes = len(library.load(config.data).manifest.classes)
    heads.replace_head(model, config.architecture, num_classes, seed=config.seed)
    return model


def transform_for(config: FineTuneConfig) -> EvaluationTransform:
    """How a new run reads its images: whole, by the kernel that the network's own weights were measured with."""
    known = catalog.ARCHITECTURES[config.architecture]
    return EvaluationTransform(
        image_size=config.image_size,
        resize_size=config.image_size,
        kernel=known.kernel,
        mean=known.mean,
        std=known.std,
        pack=library.load(config.data).manifest.pack,
    )
