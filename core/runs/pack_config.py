"""What a packing is asked to do: which photos, how they are kept, and which of them are set aside."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.data.pack_rule import MAX_SIZE, MIN_SIZE, PackRule, Shape
from core.data.sides import Shares
from core.runs.quantities import Count, NotNegative, Positive
from core.runs.run_config import RunConfig
from core.runs.settings import Choice, Number, Range, Text, setting

Unreadable = Literal["ask", "leave_out"]
_PERCENT = Range(0, 80)


@dataclass(frozen=True, kw_only=True)
class PackConfig(RunConfig):
    """Everything that decides what a packing makes.

    Raises:
        ValueError: a setting outside its range; the message names it, its range and the value.
    """

    KIND = "packing"

    data_set: str = setting("", Text(label="Data set", help="The data set's id."))
    name: str = setting("", Text(label="Name", help="What the data set was called when this was begun."))
    version: Positive = setting(
        1, Number(label="Version", help="Of the data set.", allowed=Range(1, 999_999), is_whole=True)
    )
    source: str = setting("", Text(label="Source", help="The folder or archive on the computer that runs Unfreeze."))
    reading: str = setting("", Text(label="Reading", help="What its folders or its table mean."))
    shape: Shape = setting(
        "middle",
        Choice(
            label="Shape",
            help="What becomes of a photo that is no square: networks read squares.",
            options={"middle": "Middle square", "squash": "Squash", "pad": "Pad with black"},
        ),
    )
    size: Positive = setting(
        256,
        Number(
            label="Size",
            help="Pixels each way at which photos are kept. Smaller ones stay as they are. Most networks read 224.",
            allowed=Range(MIN_SIZE, MAX_SIZE),
            is_whole=True,
        ),
    )
    validation: NotNegative = setting(
        10.0,
        Number(
            label="For validation, %",
            help="Of each class. These photos measure the accuracy after every epoch, and choose the best one.",
            allowed=_PERCENT,
        ),
    )
    test: NotNegative = setting(
        20.0,
        Number(
            label="For test, %",
            help="Of each class. These photos are used once, at the end of a training. They never choose anything.",
            allowed=_PERCENT,
        ),
    )
    seed: Count = setting(
        0,
        Number(label="Seed", help="Another seed sets other photos aside.", allowed=Range(0, 2**31 - 1), is_whole=True),
    )
    unreadable: Unreadable = setting(
        "ask",
        Choice(
            label="Unreadable photos",
            help="What to do where more than 1% of the photos cannot be read.",
            options={"ask": "Ask", "leave_out": "Leave them out"},
        ),
    )

    goes_on_from: str = setting("", Text(label="Goes on from", help="The run whose packed photos this one takes over."))

    def check(self) -> None:
        """See `RunConfig.check`."""
        super().check()
        if self.validation + self.test > (most := _PERCENT.maximum):
            raise ValueError(
                f"validation and test must be {most:g}% together at most, got {self.validation + self.test:g}"
            )

    @property
    def source_path(self) -> Path:
        """Where the photos are, if they are no dropped ones."""
        return Path(self.source)

    @property
    def shares(self) -> Shares:
        """How much of each class is set aside."""
        return Shares(validation=self.validation / 100, test=self.test / 100)

    @property
    def rule(self) -> PackRule:
        """How photos are kept."""
        return PackRule(size=self.size, shape=self.shape)

    @property
    def default_name(self) -> str:
        """See `RunConfig.default_name`."""
        return f"{self.name or self.data_set}, packing" + (f", version {self.version}" if self.version > 1 else "")
