"""The files of the figures."""

from experiments.figures.registry import all_figures
from experiments.report import drawing
from experiments.report.__main__ import main
from tests.experiments.report.examples import figure_files

FIGURES = dict(all_figures())


def test_each_figure_is_three_files_or_one_line_with_a_command(folder, capsys, monkeypatch):
    monkeypatch.setattr(drawing, "FIGURES", FIGURES)
    assert main(["study=activations"]) == 0
    written = figure_files(folder, "activations")
    missing = [line for line in capsys.readouterr().out.splitlines() if line.startswith("missing")]
    for name in FIGURES:
        assert {f"{name}.png", f"{name}.svg", f"{name}.pdf"} <= written or any(name in line for line in missing)
    assert all(line.endswith(" study=activations") for line in missing)
    assert any("dataset=iris " in line for line in missing)


def test_a_figure_that_a_study_no_longer_has_is_removed(folder):
    stale = folder / "results/activations/report/figures/mse_vs_ce-iris.png"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"old")
    main(["study=activations"])
    assert not stale.exists()


def test_figures_are_the_same_bytes_drawn_by_further_processes(folder, monkeypatch):
    main(["study=activations"])
    before = {path: path.read_bytes() for path in folder.glob("results/activations/report/**/*.*")}
    monkeypatch.setattr(drawing.joblib, "cpu_count", lambda: 2)
    main(["study=activations"])
    assert before == {path: path.read_bytes() for path in folder.glob("results/activations/report/**/*.*")}
