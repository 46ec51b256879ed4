"""The random streams of a replica: which generator draws what.

A stream is named by what it draws. Its key is (entropy, name, seed, index), never the activation or an earlier draw.
So the same seed means the same split, batch order and base draws for every activation: comparisons are *paired*.
The draws of a replica do not depend on the other replicas of its stack. A run is resumed at any epoch without the
saved state of a generator.
"""

from hashlib import sha256
from typing import Any

import numpy as np

STREAMS = ("split", "init", "order", "noise", "dropout", "rows", "trials")

# The number that is a name's SHA-256, as the words into which NumPy would divide it.
_WORDS: dict[str, Any] = {name: np.frombuffer(sha256(name.encode()).digest()[::-1], "<u4") for name in STREAMS}


def stream(entropy: int, name: str, seed: int, index: int = 0) -> np.random.Generator:
    """Return a fresh generator at the start of one stream.

    Parameters
    ----------
    entropy : int
        The root of all streams of a study, at least 0.
    name : str
        What is drawn: "split" (rows of the parts), "init" (weights), "order" (batches), "noise" (masks of
        pre-training), "dropout" (masks of a step's layers), "rows" (rows of a capped data set) or "trials" (points of
        a space; their seed is 0).
    seed : int
        The replica's seed, at least 0.
    index : int
        The layer for "init", the epoch for "order" and "dropout"; for "noise" the epoch, counted through the layers.

    Raises
    ------
    ValueError
        If there is no stream of that name.
    """
    if name not in STREAMS:
        raise ValueError(f"unknown random stream {name!r}: must be one of {', '.join(STREAMS)}")
    return np.random.default_rng([entropy, _WORDS[name], seed, index])
