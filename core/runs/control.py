"""What a user asks of a running worker: one small file, replaced whole. Knows neither who asks nor who obeys."""

import json
from pathlib import Path

from core.durable import read_file, replace_file
from core.runs.checked import parse_json

STOP = "stop"
_MAX_BYTES = 1_024


def write(path: Path, command: str) -> None:
    """Leave a command for the worker."""
    replace_file(path, lambda file: file.write(json.dumps({"command": command}).encode()))


def read(path: Path) -> str | None:
    """The command that waits, or None. A damaged file asks for nothing."""
    try:
        values = parse_json(read_file(path, at_most=_MAX_BYTES))
    except (OSError, ValueError):
        return None
    return values.get("command") if isinstance(values, dict) else None
