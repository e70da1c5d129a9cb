"""Training against PyTorch Lightning: the same photos, network and recipe, with the same PyTorch, in turn."""

import subprocess
import sys
import sysconfig
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from core.data.bundled import BUNDLED
from core.runs.config import FineTuneConfig
from core.runs.presets import PRESETS
from tests.bench.figures import Figure, temporary_home
from tests.bench.runs import run_to_end, whole_rate

_ROUNDS = 3
_SCRIPT = Path(__file__).parent / "lightning_script.py"
_PRECISIONS = {"float32": "32-true", "bfloat16": "bf16-mixed"}


class _Comparison(NamedTuple):
    epochs: int
    times: float  # as fast as Lightning, at least


_COMPARISONS = {"full": _Comparison(1, 1.8), "frozen": _Comparison(10, 10)}


def lightning(device: str, *, environment: str | None = None, image_size: int = 224) -> Iterator[Figure]:
    """ResNet-18 by the quick preset's recipe. Ours counts validation and saving; Lightning's does neither.

    `environment` is the folder of a virtual environment, which is made where there is none and can be used again.
    """
    with (
        tempfile.TemporaryDirectory() as photos,
        nullcontext(environment) if environment else tempfile.TemporaryDirectory() as folder,
    ):
        python = _installed(Path(folder))
        if python is None:
            return
        _write_photos(Path(photos))
        ratios = defaultdict[str, list[float]](list)
        for _ in range(_ROUNDS):
            for mode, compared in _COMPARISONS.items():
                config = _config(mode, compared.epochs, device, image_size)
                theirs = _lightning_rate(python, photos, config)
                with temporary_home() as home:
                    ours = whole_rate(run_to_end(home, config))
                print(f"  {mode}: {ours:.1f} images/s, Lightning {theirs:.1f} images/s", file=sys.stderr)
                ratios[mode].append(ours / theirs)
    for mode, compared in _COMPARISONS.items():
        yield Figure.median(
            ratios[mode],
            name=f"{mode} resnet18, epochs: {compared.epochs}, to PyTorch Lightning",
            unit="x",
            target=compared.times,
            more_is_better=True,
        )


def _config(mode: Any, epochs: int, device: str, image_size: int) -> FineTuneConfig:
    """From random weights, which cost what others do."""
    recipe = PRESETS["quick"].settings(mode) | {"epochs": epochs, "image_size": image_size}
    return FineTuneConfig.of(**recipe, architecture="resnet18", weights="random", mode=mode, device=device)


def _lightning_rate(python: Path, photos: str, config: FineTuneConfig) -> float:
    """Images a second."""
    import torch

    from core.devices import default_precision

    options = {
        "photos": photos,
        "mode": config.mode,
        "epochs": config.epochs,
        "learning-rate": config.optimizer.learning_rate,
        "precision": _PRECISIONS[default_precision(torch.device(config.device))],
        "image-size": config.image_size,
        "device": config.device,
    }
    # Without this folder on the path, whose modules have names of their own.
    command = [str(python), "-P", str(_SCRIPT), *(f"--{name}={value}" for name, value in options.items())]
    ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return float(ran.stdout.splitlines()[-1])


def _write_photos(folder: Path) -> None:
    """Those that a run with seed 0 trains on, as files in a folder for each class."""
    data_set = BUNDLED["cifar10_sample"].load()
    manifest = data_set.manifest
    for row in manifest.rows("train", seed=0):
        path = folder / manifest.classes[manifest.labels[row]] / f"{row}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(data_set.pixels[row]).save(path)


def _installed(folder: Path) -> Path | None:
    """The Python of an environment that has Lightning; None, and a sentence, where it cannot be installed.

    It shares the packages of this environment, so that both sides compute with the same build of PyTorch.
    """
    python = folder / "bin" / "python"
    try:
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", folder], check=True, capture_output=True)
            (site,) = folder.glob("lib/python*/site-packages")
            (site / "shared.pth").write_text(sysconfig.get_path("purelib") + "\n")
        if subprocess.run([python, "-P", "-c", "import lightning"], capture_output=True, check=False).returncode:
            subprocess.run([python, "-m", "pip", "install", "-q", "lightning"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        said = (getattr(error, "stderr", None) or str(error).encode()).decode(errors="replace").strip()
        print(f"lightning is skipped: it could not be installed. {said.splitlines()[-1]}", file=sys.stderr)
        return None
    code = "import lightning, torch; print(lightning.__version__, 'with PyTorch', torch.__version__)"
    version = subprocess.run([python, "-P", "-c", code], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    print(f"  PyTorch Lightning {version}", file=sys.stderr)
    return python
