"""What numbers and texts of a run can be at all, for annotations that `core.runs.checked` reads. Pure."""

import math
from typing import Annotated

from core.runs.settings import Range


class _HashDigits:
    """The hexadecimal digits of a hash, or nothing."""

    def __contains__(self, text: str) -> bool:
        return len(text) <= 64 and set(text) <= set("0123456789abcdef")

    def __str__(self) -> str:
        return "the digits of a hash"


MOST_EPOCHS, MOST_MINUTES = 1_000, 10_000
MAX_SECONDS = 1e10  # three hundred years
Count = Annotated[int, Range(0, 2**53)]  # a float, and so a browser, holds it exactly
Positive = Annotated[int, Range(1, 2**53)]
NotNegative = Annotated[float, Range(0, math.inf)]
Share = Annotated[float, Range(0, 1)]
BelowOne = Annotated[float, Range(0, math.nextafter(1, 0))]
Epochs = Annotated[int, Range(1, MOST_EPOCHS)]
Minutes = Annotated[float, Range(0, MOST_MINUTES)]
Seconds = Annotated[float, Range(0, MAX_SECONDS)]
Hash = Annotated[str, _HashDigits()]
