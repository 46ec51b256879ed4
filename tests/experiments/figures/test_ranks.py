"""Tests of experiments.figures.ranks: mean ranks, and the groups within the critical difference."""

from tests.experiments.figures.studies import of


def test_ranks_are_drawn_with_the_groups_that_are_not_told_apart():
    (drawn,) = of("critical_difference", "many").values()
    texts = {text.get_text() for text in drawn.axes[0].texts}
    assert any(text.startswith("critical difference 1.66") for text in texts)
    assert {name for name in ("relu", "elu", "tanh") if any(name in text for text in texts)} == {"relu", "elu", "tanh"}
