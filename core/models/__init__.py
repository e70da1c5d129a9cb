"""Networks: which there are (`catalog`, without torch), how they are built, their heads and their weights."""
