"""The names of ImageNet's thousand classes, in the order of the logits. Never imports torch."""

from pathlib import Path

# As torchvision writes them; a test compares them with the installed one.
CLASSES: tuple[str, ...] = tuple(Path(__file__).with_name("imagenet_classes.txt").read_text("utf-8").splitlines())
