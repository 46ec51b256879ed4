"""Tests of experiments.figures.likelihoods: a pairing that suits the data has the lower NLL and an even band."""

import re

import numpy as np

from experiments.figures.likelihoods import KINDS
from tests.experiments.figures.studies import of


def test_what_suits_the_data_has_the_lower_nll_and_a_band_that_holds_everywhere():
    (drawn,) = of("likelihoods", "three").values()
    panels = np.array(drawn.axes).reshape(2, len(KINDS))
    for (wrong, right), kind in zip(panels.T, KINDS, strict=True):
        assert [ax.get_title(loc="left").partition(": ")[2] for ax in (wrong, right)] == list(kind.outputs)
        (bad, *_), (good, *even) = (
            [float(number) for number in re.findall(r"[\d.]+", ax.texts[0].get_text())] for ax in (wrong, right)
        )
        assert good < bad - 0.1
        assert all(85 <= share <= 99 for share in even)


def test_a_squared_error_leaves_out_what_varies_more():
    (drawn,) = of("likelihoods", "three").values()
    for ax in (drawn.axes[0], drawn.axes[2]):
        _, left, right = (float(number) for number in re.findall(r"[\d.]+", ax.texts[0].get_text()))
        assert left > 95 > 85 > right
