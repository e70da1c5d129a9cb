"""What the words of training mean, for whoever meets them here first."""

import streamlit as st

_WORDS = {
    "Network": "A function with millions of numbers, its *parameters* or *weights*, from a photo to a class.",
    "Head": "The last layer. It turns what the layers before it have found in a photo into a score for every class.",
    "Block": "Some layers that belong together. A network is a chain of blocks, from the photo to the head.",
    "Stage": "Blocks that work at one resolution. The last one works at the lowest.",
    "Frozen": "Not trained. With a frozen network, only the new head is trained.",
    "Fine-tuning": "To train a network further that was trained before, for classes of one's own.",
    "Batch": "The few photos that the network looks at together before its weights are changed once.",
    "Step": "One such change of the weights.",
    "Epoch": "Once through all training photos.",
    "Loss": "How wrong the network is, as a number. Training makes it smaller.",
    "Seed": "A number that all chance is drawn from: with the same one, a run comes out the same again.",
    "Overfitting": "To learn the training photos by heart: the loss on them falls, and that on other photos rises.",
    "Learning rate": "How far each step changes the weights. Too small is slow, too large makes the loss grow.",
    "Warm-up": "To begin with a small learning rate and let it grow, so that the first steps spoil nothing.",
    "Optimizer": "The rule by which a step changes the weights: SGD and AdamW are the usual ones.",
    "Weight decay": "To make all weights a little smaller in each step, which keeps a network from overfitting.",
    "Augmentation": "To change training photos at random, so that the network never sees quite the same one twice.",
    "View": "What one epoch sees of a photo that is changed at random. A few of them can be kept and used again.",
    "Dropout": "To leave out a random part of the features in each step, so that none is relied on alone.",
    "BatchNorm": "A layer that brings features to one scale: by a batch of photos, or by averages that it has kept.",
    "Validation": "To measure the network on photos that it is not trained on, after every epoch.",
    "Test": "To measure it once, at the end, on photos that were used for nothing else.",
    "Accuracy": "The share of the photos that the network gets right.",
}


def glossary() -> None:
    """The words, to be unfolded. Not over the page: they are looked up while something else is read."""
    with st.expander("What do these words mean?", icon=":material/menu_book:", key="glossary"):
        st.markdown("\n".join(f"- **{word}:** {meaning}" for word, meaning in _WORDS.items()))
