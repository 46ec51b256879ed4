"""The drawing of a benchmark."""

from experiments.benchmark.drawings import draw


def test_the_picture_shows_each_contestant_once_per_workload():
    figure = draw({"small": {"a": 3.0, "b": 20.0}, "wide": {"b": 400.0}}, "b")
    assert [[text.get_text() for text in ax.texts] for ax in figure.axes] == [["3.0", "20"], ["400"]]
    assert [[text.get_text() for text in ax.get_yticklabels()] for ax in figure.axes] == [["a", "b"], ["b"]]
