"""What pages ask of other processes: each question once, with its types and its limit of time. Never imports torch.

Short work with PyTorch goes to a helper, which is warm; a user's file is read in a sandbox.
"""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from core import helper, sandbox
from core.data.sources.looking import Look
from core.data.sources.opening import Dropped
from core.models.description import Description
from core.models.saved import LoadedModel, SavedModel
from core.predict.answers import Answer, NetworkRef

P = ParamSpec("P")
R = TypeVar("R")
_MOST_LONG = helper.MOST - 1
_long = ThreadPoolExecutor(_MOST_LONG, "asks at length")


@dataclass(eq=False)
class Question(Generic[P, R]):
    """Work for a helper. Asking raises what the work raises, or UnfreezeError: it took too long, its process died."""

    target: str  # "module:function" of what does the work
    limit_s: float | None = 60.0  # from when the work begins
    keeps_network: bool = False  # the first argument names a network, which the helper then has in memory
    imports: str = ""  # a module that it only imports when it is asked, and that takes long
    takes_minutes: bool = False  # so no more than `_MOST_LONG` are asked at a time, and nobody else waits for them

    def __call__(self, *arguments: P.args, **_: P.kwargs) -> R:
        about = self._about(arguments)
        answer: R = helper.call(self.target, *arguments, limit_s=self.limit_s, about=about, needs=self.imports)
        return answer

    def later(self, *arguments: P.args, **_: P.kwargs) -> "Future[R]":
        """Ask, and do not wait. What has not begun may be cancelled."""
        about = self._about(arguments)
        if self.takes_minutes:
            ask = partial(helper.call, self.target, *arguments, limit_s=self.limit_s, about=about, needs=self.imports)
            return _long.submit(ask)
        return helper.submit(self.target, *arguments, limit_s=self.limit_s, about=about, needs=self.imports)

    def prepare(self) -> None:
        """Have a helper import what it needs, ahead of the first question. Returns at once."""
        helper.prepare(self.imports or self.target.partition(":")[0])

    def _about(self, arguments: tuple[object, ...]) -> object:
        return arguments[0] if self.keeps_network else None


@dataclass(frozen=True)
class File:
    """The file that a question is about."""

    name: str  # for messages
    num_bytes: int


@dataclass(eq=False)
class FileQuestion(Generic[P, R]):
    """Reading a user's file, in a process of its own and within limits. Asking raises ReadingError beyond them."""

    target: str

    def __call__(self, file: File, *arguments: P.args, **_: P.kwargs) -> R:
        answer: R = sandbox.ask(self.target, *arguments, name=file.name, num_bytes=file.num_bytes)
        return answer


def prepare_reading() -> None:
    """Have the next file read without waiting for PyTorch to be imported. Returns at once."""
    sandbox.prepare()


def stop() -> None:
    """End the processes that answer."""
    global _long
    _long.shutdown(wait=False, cancel_futures=True)
    _long = ThreadPoolExecutor(_MOST_LONG, "asks at length")
    helper.stop()
    sandbox.stop()


# A network of the catalog, before and after its head is replaced: its name, number of classes, mode, image size.
describe = Question[[str, int, str, int], Description]("core.models.architecture:describe")
describe_lesson = Question[[str], Description]("core.models.architecture:describe_lesson")

# What a folder or an archive of photos could be taken for, by its path.
look_at_photos = Question[[str], Look]("core.data.sources.looking:look", limit_s=120.0, takes_minutes=True)
look_at_dropped = Question[[Sequence[tuple[Path, Dropped]]], Look](
    "core.data.sources.looking:look_at_dropped", limit_s=120.0, takes_minutes=True
)

# What a step of a training will see: data set, network, image size, seed, step, and whether crops are random.
crops = Question[[str, str, int, int, int, bool], NDArray[np.uint8]]("core.data.glimpse:crops")

# A fitted line, by its weight and bias, saved in both ways and loaded back.
save_line = Question[[float, float], tuple[SavedModel, ...]]("core.models.saving:save_and_load")
# Such a file of a user's: its name and contents.
load_line = FileQuestion[[str, bytes], LoadedModel]("core.models.saving:load_line")

# A few photos at a time, as pairs of file name and contents: others get their turn in between.
predict = Question[[NetworkRef, Sequence[tuple[str, bytes]]], list[Answer]](
    "core.predict.prediction:predict", keeps_network=True
)
# Have a network ready for the first photo, and name its classes.
warm_network = Question[[NetworkRef], tuple[str, ...]]("core.predict.prediction:warm", keeps_network=True)

# What is wrong with a file, in one sentence, or None: with a network to predict with, and with weights to start from.
network_problem = FileQuestion[[NetworkRef], str | None]("core.predict.prediction:check")
weights_problem = FileQuestion[[str, str], str | None]("core.models.build:check_file")

# A run that does not queue, by the path of its folder. It trains for as long as it takes.
do_light_run = Question[[str], None]("core.driver:work_alone", limit_s=None, imports="core.training.linear_fit")
