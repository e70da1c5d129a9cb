"""How much a file may ask of its reader, and how a refusal is worded. Far beyond every network that there is."""

MAX_TENSORS = 10_000
MAX_MEMBERS = MAX_TENSORS + 100  # of a zip archive: one a tensor, and a few that describe them
MAX_HEADER_BYTES = 4 * 2**20  # of what describes the tensors: a pickle, a JSON header, an archive's directory
MAX_OPCODES = 500_000  # of all pickles of a file; a tensor takes about forty
NAME_COST = 10  # in opcodes: following one that names a class or a function takes so many times as long
MAX_VALUES = 500_000  # of what a pickle describes, shared parts counted each time
MAX_DEPTH = 32  # of dictionaries and lists inside each other
MAX_NAME_LENGTH = 500  # of a tensor, or of what else a dictionary names
MAX_DIMENSIONS = 8
MAX_CLASSES = 100_000
# Tensors may share or repeat what is stored: all of them together are at most this much larger than the file.
MAX_EXPANSION = 2
EXPANSION_FOR_FREE = 64 * 2**20  # bytes

EXPECTED = "A file of plain tensors, as torch.save(model.state_dict(), …) writes it, was expected."
TOO_LONG = "describes more than any network of Unfreeze has. Save its state dict alone."
TOO_MANY = f"holds more than {MAX_TENSORS:,} tensors, which no network of Unfreeze has. Save its state dict alone."


class RefusedError(Exception):
    """Why a file is not read, as the part of a sentence that follows its name."""
