"""A folder with drawn figures, and the keys of two reports that write at once."""

from experiments.report.shelf import Drawn, Shelf


def test_two_reports_at_once_keep_the_figures_of_both(tmp_path):
    shelves = [Shelf(tmp_path), Shelf(tmp_path)]
    figures = {"zigzag": Drawn("", {"svg": b"<svg/>"}), "saturation": Drawn("of one layer", {"svg": b"<svg></svg>"})}
    for shelf, (stem, drawn) in zip(shelves, figures.items(), strict=True):
        shelf.put(stem, "key", drawn)
    for shelf in shelves:
        shelf.save()
    assert {stem: Shelf(tmp_path).get(stem, "key", ["svg"]) for stem in figures} == figures
