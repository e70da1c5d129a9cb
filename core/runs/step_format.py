"""How a run's steps stand in its binary files. Pure: from the fields that a run declares to records and back."""

import re
from collections.abc import Collection, Sequence
from operator import attrgetter
from struct import Struct
from typing import Self

import numpy as np
from numpy.typing import NDArray

from core.runs.events import AnyStep
from core.runs.quantities import MAX_SECONDS

_CODES = {"<u4": "I", "<u8": "Q", "<f4": "f", "<f8": "d"}  # what a field can be, as NumPy and `struct` call it
_MAX_FIELDS = 64
_FIELD = re.compile("[a-z][a-z0-9_]{0,39}")


class StepFormat:
    """One record of a `steps-<attempt>.bin`: fixed-width, little-endian whatever the machine.

    A run declares its fields itself, so that its steps can be read by versions that record others.
    """

    def __init__(self, fields: Sequence[tuple[str, str]]) -> None:
        self.fields = tuple(fields)
        self.dtype = np.dtype(list(self.fields))
        self._values = attrgetter(*(name for name, _ in self.fields))
        self._struct = Struct("<" + "".join(_CODES[code] for _, code in self.fields))
        assert self._struct.size == self.dtype.itemsize

    @classmethod
    def declared(cls, fields: object, *, needed: Collection[str]) -> Self:
        """The format that a file declares: a list of names and codes, with these numbers among them at least.

        Raises:
            ValueError: it is no such list, or lacks the whole number `step`, or one of the others.
        """
        if not isinstance(fields, list) or not all(map(_is_field, fields)):
            raise ValueError("no list of fields")
        codes: dict[str, str] = dict(fields)
        if len(codes) < len(fields) or len(codes) > _MAX_FIELDS:
            raise ValueError("a field twice, or too many")
        if "u" not in codes.get("step", "") or not all("f" in codes.get(name, "") for name in needed):
            raise ValueError("a field is missing")
        return cls([(name, code) for name, code in fields])

    def pack(self, step: AnyStep) -> bytes:
        """The step's record. What this version does not record is 0."""
        try:
            values = self._values(step)
        except AttributeError:
            values = tuple(getattr(step, name, 0) for name, _ in self.fields)
        return self._struct.pack(*values)

    def aligned(self, records: NDArray[np.void], to: "StepFormat") -> NDArray[np.void]:
        """The records with another format's fields: what they lack is 0, what that one lacks is left out."""
        if self.fields == to.fields:
            return records
        aligned = np.zeros(len(records), to.dtype)
        for name in self.dtype.names or ():
            if name in (to.dtype.names or ()):
                aligned[name] = records[name]
        return aligned

    def num_whole(self, records: NDArray[np.void], *, after: int) -> int:
        """How many records, from the first on, are what a training writes: finite, and numbered on from `after`."""
        good = np.diff(records["step"].astype(np.int64), prepend=after) > 0
        for name, code in self.fields:
            if "f" in code:
                good &= np.isfinite(records[name])
        good &= records["step"] < 2**32
        good &= (records["seconds"] >= 0) & (records["seconds"] <= MAX_SECONDS)
        return len(good) if good.all() else int(np.argmin(good))


def _is_field(field: object) -> bool:
    if not isinstance(field, list) or len(field) != 2 or not all(isinstance(part, str) for part in field):
        return False
    return bool(_FIELD.fullmatch(field[0])) and field[1] in _CODES
