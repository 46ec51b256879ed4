"""The random streams of a replica: which generator draws what.

A stream is named by what it draws and keyed by (entropy, name, seed, index), never by the activation or
by what was drawn before. So the same seed means the same split, batch order and base draws for every
activation, which makes comparisons *paired*; a replica does not notice which others are in its stack; and
a run resumes at any epoch without a generator's state having been saved.
"""

from hashlib import sha256

import numpy as np

STREAMS = ("split", "init", "order", "noise")


def stream(entropy: int, name: str, seed: int, index: int = 0) -> np.random.Generator:
    """Return a fresh generator at the start of one stream.

    Parameters
    ----------
    entropy : int
        Root shared by all streams of a study, at least 0.
    name : str
        What is drawn: "split" (rows of the parts), "init" (weights), "order" (batches) or "noise".
    seed : int
        The replica's seed, at least 0.
    index : int
        The layer for "init", the epoch for "order" and "noise".

    Raises
    ------
    ValueError
        If there is no stream of that name.
    """
    if name not in STREAMS:
        raise ValueError(f"unknown random stream {name!r}: must be one of {', '.join(STREAMS)}")
    return np.random.default_rng([entropy, int(sha256(name.encode()).hexdigest(), 16), seed, index])
