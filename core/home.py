"""Where everything lives that is kept: runs, data sets, and what was deleted of them."""

import os
from pathlib import Path


def home() -> Path:
    """`UNFREEZE_HOME`, by default `.unfreeze` beside `dashboard.py`."""
    named = os.path.expanduser(os.environ.get("UNFREEZE_HOME", ""))
    return Path(named or Path(__file__).parents[1] / ".unfreeze").absolute()
