"""What fills missing values is what scikit-learn's imputers give."""

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer

from experiments.data.columns import encode
from experiments.data.imputing import empty, fill, fillable, indicators
from tests.experiments.data.examples import HOLED, holed


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(1, 60), share=st.floats(0, 0.6))
def test_the_fill_is_that_of_scikit_learns_imputers(seed, rows, share):
    frame = holed(rows, seed, share)
    inputs = encode(frame, HOLED)
    names = [name for name in frame if name != "shape" and frame[name].isna().all()]
    assert empty(inputs, HOLED) == names
    assume(not names)
    filled = fill(inputs, HOLED)
    median = SimpleImputer(strategy="median").fit(inputs[:, [0, 1, 9]])
    assert (filled[[0, 1, 9]] == median.statistics_).all()
    # Of several most frequent values SimpleImputer takes the smallest: the categories are in alphabetical order.
    texts = frame["colour"].astype(object).where(frame["colour"].notna(), np.nan).to_frame()
    most_frequent = SimpleImputer(strategy="most_frequent").fit(texts)
    assert HOLED[2].categories[filled[3:6].argmax()] == most_frequent.statistics_[0]
    weekdays = SimpleImputer(strategy="most_frequent").fit(frame["when"].dt.day_of_week.to_frame())
    assert filled[10:17].argmax() == weekdays.statistics_[0]
    assert filled[3:6].sum() == filled[10:17].sum() == 1


def test_inputs_that_may_be_nan_and_indicators_are_known_by_their_index():
    assert fillable(HOLED).tolist() == [True, True, False] + [True] * 3 + [False] * 3 + [True] * 8 + [False]
    assert indicators(HOLED) == {2: 1, 17: 9}
