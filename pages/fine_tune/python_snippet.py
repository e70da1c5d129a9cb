"""The few lines of Python that use a downloaded model. Pure."""

from pathlib import Path

_FOLDER = Path(__file__).parents[2]
_LINES = """\
# The model needs Unfreeze's package `core`: this names the folder that holds it.
import sys
from pathlib import Path

sys.path.insert(0, {folder!r})

import torch

from core.predict.answers import percent
from core.data.decoding.photo import read_photo
from core.training.checkpoints import load_network

network = load_network(Path({file_name!r}))  # the downloaded file
photo = Path("photo.jpg")
pixels = read_photo(photo.name, photo.read_bytes()).pixels  # (height, width, 3), upright
with torch.inference_mode():
    probabilities = network.model(network.transform.of_photo(pixels)).softmax(dim=1)[0]
print(network.classes[probabilities.argmax()], percent(probabilities.max().item()))
"""


def python_snippet(file_name: str) -> str:
    """Lines that print what the model in `file_name` takes photo.jpg for, as Predict says it.

    They run in any folder that holds both files.
    """
    return _LINES.format(folder=str(_FOLDER), file_name=file_name)
