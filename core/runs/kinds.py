"""Every kind of run there is, declared once: what it is asked, what it records, who does it, how it is spoken of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.runs.config import FineTuneConfig, LinearFitConfig
from core.runs.events import (
    Budgeted,
    EpochDone,
    Evaluated,
    Evaluating,
    Extracting,
    Finished,
    Fitted,
    Fitting,
    RareEvent,
    Started,
    known_events,
)
from core.runs.pack_config import PackConfig
from core.runs.pack_events import Comparing, PackDone, PackStarted, Unreadable
from core.runs.run_config import RunConfig
from core.runs.settings import settings_of
from core.runs.step_format import StepFormat


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of run. Its configuration names it (`RunConfig.KIND`), in files and everywhere else."""

    config: type[RunConfig]
    label: str  # what a person calls such a run, in mid-sentence
    network: Callable[[Mapping[str, Any]], str]  # what is trained, from the settings in a run's file; not Markdown
    steps: StepFormat  # what is recorded of every step
    own_events: tuple[type[RareEvent], ...]  # beside those of any run
    job: str  # "module:class", a `core.job.Job`: named, since whoever starts a run imports no torch
    is_light: bool  # the helper does it at once; others wait for their turn, and a worker does them
    is_resumable: bool  # whether another attempt can go on where one has ended
    is_compared: bool  # side by side with others of its kind, by its test accuracy
    page: str  # the address of the page that shows it
    prepares: str = "Loading the network and the photos"  # what happens before its first step, for the user
    queue: str = ""  # what it waits for its turn in, where it needs no device to train on

    @property
    def name(self) -> str:
        """What stands in files."""
        return self.config.KIND

    @property
    def trains(self) -> bool:
        """Whether it computes with PyTorch, on a device that others wait for."""
        return not self.queue

    @property
    def events(self) -> dict[str, type[RareEvent]]:
        """Whatever may happen in such a run, by its name in a file."""
        return known_events(self.own_events)


def _architecture(values: Mapping[str, Any]) -> str:
    return settings_of(FineTuneConfig)["architecture"].in_words(values.get("architecture"))


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            config=FineTuneConfig,
            label="fine-tuning",
            network=_architecture,
            steps=StepFormat(
                [("step", "<u4"), ("images", "<u4"), ("loss", "<f8"), ("learning_rate", "<f8"), ("seconds", "<f8")]
            ),
            own_events=(Budgeted, Started, Extracting, Evaluating, Evaluated, EpochDone, Finished),
            job="core.training.fine_tuning:FineTuning",
            is_light=False,
            is_resumable=True,
            is_compared=True,
            page="fine_tuning",
        ),
        Kind(
            config=LinearFitConfig,
            label="linear fit",
            network=lambda _: "Linear model",
            steps=StepFormat(
                [("step", "<u4"), ("loss", "<f8"), ("weight", "<f8"), ("bias", "<f8"), ("seconds", "<f8")]
            ),
            own_events=(Fitting, Fitted),
            job="core.training.linear_fit:LinearFit",
            is_light=True,
            is_resumable=False,
            is_compared=False,
            page="linear_fit",
            queue="helper",
        ),
        Kind(
            config=PackConfig,
            label="packing",
            network=lambda _: "Data set",
            steps=StepFormat([("step", "<u4"), ("photos", "<u4"), ("bytes", "<f8"), ("seconds", "<f8")]),
            own_events=(PackStarted, Comparing, Unreadable, PackDone),
            job="core.packing.packing:Packing",
            is_light=False,
            is_resumable=True,
            is_compared=False,
            page="data_set",
            prepares="Looking through the files",
            queue="packing",
        ),
    )
}
