"""Benchmarks say what they measured and how far apart the runs were, and refuse what they do not know."""

import subprocess
import sys

import pytest

from tests.bench import __main__ as bench
from tests.bench.figures import Figure
from tests.conftest import ROOT


def test_figure_of_several_runs_is_their_median_and_tells_their_spread() -> None:
    figure = Figure.median([3.0, 9.0, 4.0], name="a ratio", unit="x", target=3.5, more_is_better=True)
    assert figure.is_met
    assert " 4.000 x " in str(figure)
    assert str(figure).endswith("ok  (3 runs, 3.000 to 9.000)")
    slow = Figure.median([3.0, 9.0, 4.0], name="seconds", unit="s", target=3.5)
    assert not slow.is_met
    assert "target <= 3.5 s  MISSED" in str(slow)


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        (["event_stream", "--seeds", "2"], "none of event_stream takes --seeds"),
        (["plain_loop", "--image-size", "0"], "must be at least 1, got 0"),
        (["plane_loop"], "no such benchmark: plane_loop"),
    ],
)
def test_options_that_nothing_takes_are_refused_before_anything_is_measured(
    words: list[str], refusal: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", *words])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(SystemExit, match="2"):
        bench.main()
    assert refusal in capsys.readouterr().err


def test_benchmarks_that_need_no_page_run_without_a_browser_and_streamlit() -> None:
    """As on a machine that has nothing but a GPU."""
    modules = [f"tests.bench.{name}" for name in sorted({*bench.MEASURES.values()} - {"pages"})]
    code = (
        f"import sys, importlib\nfor name in {modules!r}: importlib.import_module(name)\n"
        "print([m for m in ('playwright', 'streamlit') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert ran.stdout.strip() == "[]"
