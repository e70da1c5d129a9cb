"""What a user asks of a running worker: one small file, replaced whole. Knows neither who asks nor who obeys."""

import json
from pathlib import Path

from core.durable import replace_file

STOP = "stop"


def write(path: Path, command: str) -> None:
    """Leave a command for the worker."""
    replace_file(path, lambda file: file.write(json.dumps({"command": command}).encode()))


def read(path: Path) -> str | None:
    """The command that waits, or None. A damaged file asks for nothing."""
    try:
        values = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return values.get("command") if isinstance(values, dict) else None
