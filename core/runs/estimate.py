"""How long a training will take, from how long an earlier one took on this computer. Never imports torch."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from core.data import library
from core.data.batches import num_batches
from core.data.dataset import SIDES
from core.errors import DataSetError, RunNotFoundError
from core.models.catalog import ARCHITECTURES
from core.runs import known_devices, overview, progress, store
from core.runs.config import FineTuneConfig
from core.runs.events import Started
from core.runs.status import Status

_LOOKED_AT = 100  # of the newest runs
# What decides on how long one photo takes.
_COSTLY = (
    "architecture",
    "mode",
    "depth",
    "thaw_every",
    "freezing",
    "image_size",
    "augmentation",
    "views",
    "precision",
    "device",
)


def seconds_of(configs: Sequence[FineTuneConfig], runs_home: Path) -> float | None:
    """How long these runs take together, one after the other or in turns; None where nothing tells of one."""
    estimates = [_seconds_of(config, runs_home) for config in configs]
    return None if None in estimates else sum(filter(None, estimates))


def _seconds_of(config: FineTuneConfig, runs_home: Path) -> float | None:
    """Its minutes, where it has some.

    Otherwise as long as the newest finished run that treats a photo alike, in proportion to the work of both.

    It must have trained on the device that this one would: a folder of runs may have come from another computer.
    """
    if config.minutes:
        return 60 * config.minutes
    name = known_devices.resolve(runs_home, config.device)
    label = next((info.label for info in known_devices.remembered(runs_home) if info.name == name), None)
    for folder in islice(store.newest(runs_home), _LOOKED_AT):
        run = overview.summarize(folder)
        if run.status is not Status.FINISHED or run.seconds is None or run.image_size != config.image_size:
            continue
        if run.device != label or not run.is_whole:
            continue
        try:
            earlier = folder.config_of(FineTuneConfig)
            is_alike = all(earlier.value_of(name) == config.value_of(name) for name in _COSTLY)
            if is_alike and earlier.augmenting.changes == config.augmenting.changes:
                return run.seconds * _work_of(config) / _work_of(earlier)
        except (RunNotFoundError, DataSetError):  # of another kind, or damaged; or its photos are gone
            continue
    return None


def _work_of(config: FineTuneConfig) -> float:
    """The work of a run from its beginning to its end, in forward passes of one photo."""
    manifest = library.load(config.data).manifest
    train, validation, test = (len(manifest.rows(side, seed=config.seed)) for side in SIDES)
    steps_per_epoch = num_batches(train, config.batch_size)
    return progress.total_work(
        Started(
            architecture=config.architecture,
            mode=config.mode,
            device=config.device,
            device_label="",
            precision="float32",
            parameters=ARCHITECTURES[config.architecture].parameters_with(len(manifest.classes)),
            trainable_parameters=config.parameters_that_learn(len(manifest.classes)),
            train_images=train,
            validation_images=validation,
            test_images=test,
            steps_per_epoch=steps_per_epoch,
            total_steps=steps_per_epoch * config.epochs,
            first_step=1,
            keeps_features=config.computing_epochs > 0,
            computing_epochs=max(config.computing_epochs, 1),
        )
    )
