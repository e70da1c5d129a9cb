"""What people read is plain English: none of the words that readers stumbled over, and a help for every setting."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.runs.kinds import KINDS
from core.runs.settings import settings_of
from tests.conftest import ROOT

# What was tried on readers and not understood at once; beside each, what to say instead.
STUMBLED_OVER = {
    r"turn about": "in turn, side by side",
    r"learns? on\b": "is trained, starting from",
    r"pays? off": "needs",
    r"has not arrived": "has not converged",
    r"leave the (CPU|GPU)": "finish",
    r"put away|put aside": "keep",
    r"\bname a file": "type the path of a file",
    r"plain state dict": "state dict",
    r"a device runs": "runs on a device",
    r"\bthat learn\b": "trainable",
    r"costs one sentence": "is refused in a sentence",
    r"\blanes?\b": "run of a race",
    r"in mid-run": "after step N",
    r"\bcannot be[.,:;”]": "is not possible",
    r"\bcalled so\b": "has that name",
    r"taken for": "recognised as",
}


def texts_of(path: Path) -> Iterator[tuple[int, str]]:
    """Every sentence in a file of Python that is no docstring, with its line; what is filled in is left out."""
    tree = ast.parse(path.read_text())
    silent: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):  # a docstring
            silent.add(id(node.value))
        if isinstance(node, ast.JoinedStr):
            silent |= {id(part) for part in node.values if isinstance(part, ast.Constant)}
    for node in ast.walk(tree):
        if id(node) in silent:
            continue
        if isinstance(node, ast.JoinedStr):
            yield node.lineno, "…".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, node.value


@pytest.mark.parametrize("words", STUMBLED_OVER)
def test_no_text_has_words_that_readers_stumbled_over(words: str) -> None:
    sources = [*(ROOT / "pages").rglob("*.py"), *(ROOT / "core").rglob("*.py")]
    texts = [(f"{path.name}:{line}", text) for path in sources for line, text in texts_of(path)]
    texts += [
        (f"{name}:{line}", text)
        for name in ("README.md", "SECURITY.md")
        for line, text in enumerate((ROOT / name).read_text().splitlines(), start=1)
    ]
    found = [(where, text) for where, text in texts if re.search(words, text, re.IGNORECASE)]
    assert not found, f"say instead: {STUMBLED_OVER[words]}"


@pytest.mark.parametrize("kind", KINDS)
def test_every_setting_says_what_it_does(kind: str) -> None:
    for name, about in settings_of(KINDS[kind].config).items():
        assert about.label, name
        assert about.help.endswith("."), name
