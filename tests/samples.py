"""Events as the default run writes them, for tests that need no training."""

from core.runs.events import Started

STARTED = Started(
    architecture="efficientnet_lite0",
    mode="frozen",
    device="cpu",
    device_label="A CPU",
    precision="float32",
    parameters=3_383_818,
    trainable_parameters=12_810,
    train_images=1_800,
    validation_images=200,
    test_images=500,
    steps_per_epoch=57,
    total_steps=114,
    first_step=1,
    keeps_features=True,
)
