"""Dropout: in training, random units are replaced by a constant, and the others are scaled to keep the mean.

A mask is 0 where a unit is dropped, and elsewhere a factor. With the constants c and d of `Dropout`, the layer passes
on (h − c) · mask + d.
"""

from math import sqrt
from typing import NamedTuple

import numpy as np

ALPHA = -1.7580993408473766
"""The limit of SELU for z → −∞."""


class Dropout(NamedTuple):
    """How units are dropped.

    Attributes
    ----------
    p
        The probability that a unit is dropped, a multiple of 1/65536.
    factor
        A mask's entry where a unit is kept.
    c, d
        The constants of the formula above.
    """

    p: float
    factor: float
    c: float = 0.0
    d: float = 0.0

    @classmethod
    def of(cls, kind: str, p: float) -> "Dropout":
        """Return dropout of a kind, with a probability in (0, 1).

        `standard` replaces h by 0, and its factor is 1/(1 − p): the inverted form of Srivastava et al. (2014), who
        scale the trained network instead. `alpha` replaces h by SELU's limit, and scales and shifts all units so that
        mean 0 and variance 1 are kept (Klambauer et al. 2017).
        """
        p = min(max(1, round(p * 65536)), 65535) / 65536
        if kind == "standard":
            return cls(p, 1 / (1 - p))
        factor = 1 / sqrt((1 - p) * (1 + p * ALPHA**2))
        return cls(p, factor, ALPHA, factor * ALPHA * (1 - p))

    def fill(self, mask: np.ndarray, bits: np.ndarray) -> None:
        """Fill a mask from 16 random bits for each of its entries, shaped like it."""
        np.copyto(mask, bits >= round(self.p * 65536))
        mask *= self.factor

    def apply(self, h: np.ndarray, mask: np.ndarray, out: np.ndarray) -> None:
        """Write what the layer passes on."""
        if self.c:
            np.subtract(h, self.c, out=out)
            out *= mask
            out += self.d
        else:
            np.multiply(h, mask, out=out)
