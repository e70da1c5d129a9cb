"""A run's folder: the one place where a training and its viewers meet. Knows files, not what trains, nor who reads.

    <home>/runs/<id>/
        config.json          format, kind, name, creation time, and the configuration
        steps-<attempt>.bin  one fixed-width record a step, as the kind declares; a resume opens the next attempt
        events.jsonl         the rare events, one a line, each with its wall-clock time
        checkpoints/         best.pt, to predict with, and what resuming needs (see `core.training.keeper`)
        worker.log           what the worker process printed
        lock                 held by the worker for life (see `core.runs.locks`)
        control              what the user asks of the worker

Nothing is ever truncated: a resumed attempt hides its predecessor's steps from its own first step on.
"""

import errno
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from core.durable import alone_in, open_file, read_file, replace_file, said_plainly
from core.errors import RunNotFoundError, RunUnreadableError
from core.runs.checked import conform, parse_json
from core.runs.config import MAX_LANES, FineTuneConfig
from core.runs.kinds import KINDS, Kind
from core.runs.run_config import RunConfig
from core.runs.step_format import StepFormat

FORMAT = 1
Config = TypeVar("Config", bound=RunConfig)
# The last part is the run's number; runs of earlier versions have six random digits there, and come before.
_ID = re.compile(r"[0-9]{8}-[0-9]{6}-(?:[0-9a-f]{6}|[0-9]{8})")
_QUEUE = re.compile(r"[a-z]{1,20}(:[0-9]{1,4})?")
_STEPS = re.compile(r"steps-([1-9][0-9]{0,8})\.bin")
_MAX_DESCRIPTION_BYTES = 2**20
_MAX_EVENTS_BYTES = 2**27
_NO_FILES = (errno.EISDIR, errno.ENOTDIR, errno.EINVAL, errno.EFBIG, errno.ELOOP)  # what stands there is another thing
_NOT_ALLOWED = (errno.EACCES, errno.EPERM)
_WAY_OUT = "Repair the file, or delete the run on the page Runs."


@dataclass(frozen=True)
class RunFolder:
    """Paths and whole files of one run."""

    path: Path

    @property
    def id(self) -> str:
        """The run's name on disk and in addresses: creation time and number."""
        return self.path.name

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    @property
    def log(self) -> Path:
        return self.path / "worker.log"

    @property
    def events(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def best_checkpoint(self) -> Path:
        return self.checkpoints / "best.pt"

    @property
    def has_model(self) -> bool:
        """Whether there is a network to predict with."""
        return os.path.isfile(self.best_checkpoint)

    @property
    def control(self) -> Path:
        return self.path / "control"

    def steps(self, attempt: int) -> Path:
        return self.path / f"steps-{attempt}.bin"

    def attempts(self) -> list[int]:
        """The attempts that have recorded steps, oldest first."""
        try:
            entries = os.listdir(self.path)
        except FileNotFoundError:  # deleted while somebody looks at it
            return []
        except OSError as error:
            raise self._refused("its folder", error) from error
        return sorted(int(name[1]) for name in map(_STEPS.fullmatch, entries) if name)

    def write_description(
        self, config: RunConfig, *, name: str, created: float, queue: str, race: tuple[str, ...] = ()
    ) -> None:
        """Write `config.json`; from then on the folder is a run. `race` names the runs that it takes turns with."""
        description = {
            "format": FORMAT,
            "kind": config.KIND,
            "name": name,
            "created": created,
            "queue": queue,
            "race": race,
            "step_fields": KINDS[config.KIND].steps.fields,
            "config": config.to_dict(),
        }
        self._replace_description(description)

    def rename(self, name: str) -> None:
        """Give the run another name.

        Raises:
            RunNotFoundError: its description cannot be read.
            StorageError: the disk refuses.
        """
        with said_plainly("The run cannot be renamed", self.path), alone_in(self.path):
            self._replace_description({**self.description(), "name": name})

    def settle(self, config: RunConfig) -> None:
        """Write down settings that are decided only where the run is done."""
        with alone_in(self.path):
            self._replace_description({**self.description(), "config": config.to_dict()})

    def _replace_description(self, description: dict[str, Any]) -> None:
        replace_file(self.path / "config.json", lambda file: file.write(json.dumps(description, indent=2).encode()))

    def description(self) -> dict[str, Any]:
        """What `config.json` says.

        Raises:
            RunNotFoundError: there is no readable one.
        """
        try:
            description = parse_json(read_file(self.path / "config.json", at_most=_MAX_DESCRIPTION_BYTES))
        except FileNotFoundError as error:
            raise RunNotFoundError(f"There is no run {self.id} here.") from error
        except OSError as error:
            raise self._refused("config.json", error) from error
        except ValueError as error:
            raise RunNotFoundError(
                f"The run {self.id} is damaged: its config.json holds no description. {_WAY_OUT}"
            ) from error
        if not isinstance(description, dict) or description.get("format") != FORMAT:
            raise RunNotFoundError(f"The run {self.id} was written by another version of Unfreeze.")
        try:
            name, queue = (conform(description.get(key), str) for key in ("name", "queue"))
        except ValueError as error:
            raise RunNotFoundError(
                f"The run {self.id} is damaged: its config.json lacks a name or a queue. {_WAY_OUT}"
            ) from error
        kind = description.get("kind")
        if not isinstance(kind, str) or kind not in KINDS:
            raise RunNotFoundError(f"The run {self.id} is of a kind that this version of Unfreeze does not know.")
        if not _QUEUE.fullmatch(queue):
            raise RunNotFoundError(
                f"The run {self.id} is damaged: its config.json names a device that is not possible. {_WAY_OUT}"
            )
        return {**description, "name": name}

    @contextmanager
    def open(self, path: Path) -> Iterator[BinaryIO]:
        """Open one of the run's files to read it, and say in a sentence of our own what fails until it is closed.

        Raises:
            FileNotFoundError: there is none.
            RunNotFoundError: it cannot be read.
        """
        try:
            with open_file(path) as file:
                yield file
        except FileNotFoundError:
            raise
        except OSError as error:
            raise self._refused(path.name, error) from error

    def event_lines(self) -> list[bytes]:
        """The lines of `events.jsonl`; none where there is no such file.

        Raises:
            RunNotFoundError: it cannot be read.
        """
        try:
            return self.events_from(0).splitlines()
        except FileNotFoundError:
            return []

    def events_from(self, offset: int) -> bytes:
        """What stands in `events.jsonl` from that byte on.

        Raises:
            FileNotFoundError: there is no such file.
            RunNotFoundError: it cannot be read, or is too large.
        """
        with self.open(self.events) as file:
            size = os.fstat(file.fileno()).st_size
            if size > _MAX_EVENTS_BYTES:
                raise RunNotFoundError(f"The run {self.id} is damaged: its events.jsonl is too large. {_WAY_OUT}")
            return os.pread(file.fileno(), max(size - offset, 0), offset)

    def _refused(self, what: str, error: OSError) -> RunNotFoundError:
        if error.errno in _NO_FILES:
            return RunNotFoundError(
                f"The run {self.id} is damaged: {what} cannot be read: {error.strerror}. {_WAY_OUT}"
            )
        todo = "Make it readable" if error.errno in _NOT_ALLOWED else "Try again"
        return RunUnreadableError(f"The run {self.id} cannot be read at the moment: {error.strerror} ({what}). {todo}.")

    def step_format(self) -> StepFormat:
        """The fields that the run itself declares; those of its kind where it declares none.

        Raises:
            RunNotFoundError: the description cannot be read, or declares what is no format.
        """
        return self.declared_format(self.description())

    def declared_format(self, description: dict[str, Any]) -> StepFormat:
        """What `step_format` finds in the run's description."""
        try:
            fields = description.get("step_fields")
            own = KINDS[description["kind"]].steps
            needed = {"loss", "seconds"}.intersection(name for name, _ in own.fields)
            return own if fields is None else StepFormat.declared(fields, needed=needed)
        except ValueError as error:
            raise RunNotFoundError(
                f"The run {self.id} is damaged: its config.json does not say what its steps hold. {_WAY_OUT}"
            ) from error

    @property
    def kind(self) -> Kind:
        """What kind of run it is.

        Raises:
            RunNotFoundError: the description cannot be read.
        """
        return KINDS[self.description()["kind"]]

    @property
    def kind_or_default(self) -> Kind:
        """What kind of run it is; a fine-tuning where the description cannot be read."""
        try:
            return self.kind
        except RunNotFoundError:
            return KINDS[FineTuneConfig.KIND]

    def config_of(self, kind: type[Config]) -> Config:
        """The configuration that the run was started with, be it one that this version could start or not.

        Raises:
            RunNotFoundError: there is no readable one, or the run is of another kind.
        """
        description = self.description()
        if description["kind"] != kind.KIND:
            raise RunNotFoundError(f"The run {self.id} is no {KINDS[kind.KIND].label}. Open it from the page Runs.")
        try:
            return kind.recorded(description.get("config"))
        except ValueError as error:
            raise RunNotFoundError(
                f"The run {self.id} is damaged: its settings cannot be read: {error}. {_WAY_OUT}"
            ) from error

    def config(self) -> FineTuneConfig:
        """The configuration of a fine-tuning.

        Raises:
            RunNotFoundError: there is no readable one, or the run is of another kind.
        """
        return self.config_of(FineTuneConfig)

    def race(self) -> tuple[str, ...]:
        """The ids of the runs that take turns with this one, itself included; empty where it trains alone.

        Raises:
            RunNotFoundError: the description cannot be read.
        """
        named = self.description().get("race")
        lanes = tuple(dict.fromkeys(named)) if isinstance(named, list) and all(map(is_id, named)) else ()
        return lanes if self.id in lanes and len(lanes) <= MAX_LANES else ()

    def log_tail(self, num_lines: int) -> str:
        """The last lines of the worker's log; empty if there is none."""
        try:
            with open_file(self.log) as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - 64 * 1024))
                return "\n".join(file.read().decode(errors="replace").splitlines()[-num_lines:])
        except FileNotFoundError:
            return ""
        except OSError as error:
            return f"The log cannot be read: {error.strerror}."


def is_id(text: object) -> bool:
    """Whether this has a run id's exact form: only then it may become a path."""
    return isinstance(text, str) and bool(_ID.fullmatch(text))
