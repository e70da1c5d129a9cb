"""Photos as Predict shows them."""

import numpy as np

from core.predict.photos import thumbnail


def test_thumbnail_keeps_the_shape_of_the_photo() -> None:
    assert thumbnail(np.zeros((1000, 2000, 3), np.uint8)).shape == (256, 512, 3)
    assert thumbnail(np.zeros((1, 5000, 3), np.uint8)).shape == (1, 512, 3)
    assert thumbnail(np.zeros((12, 20, 3), np.uint8)).shape == (12, 20, 3)
