"""The files of the figures, and which of them a further report draws again."""

import gc
import json
import multiprocessing
import os
import re
import shutil
import signal
import time
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace

import pytest

from experiments.figures.registry import all_figures
from experiments.figures.style import render
from experiments.report import drawing, showing
from experiments.report.__main__ import main
from experiments.store.collecting import collect
from experiments.store.files import fingerprint, to_json, write_bytes
from experiments.store.study import Study
from experiments.sweep.jobs import Job
from experiments.sweep.runner import run_sweep
from experiments.sweep.scheduling import train_all
from tests.experiments.report.examples import SMALL, figure_files

FIGURES = dict(all_figures())
REPORT = "results/activations/report"


def contents(folder, pattern="**/*.*"):
    """Return the content of the files of a report."""
    paths = [path for path in folder.glob(f"{REPORT}/{pattern}") if not path.name.startswith(".")]
    return {path.relative_to(folder): path.read_bytes() for path in paths}


@pytest.fixture
def drawn(folder, monkeypatch):
    """The names of the figures whose files this process draws, in the order of drawing."""
    titles = []

    def noted(figure, kind, title):
        titles.append(title)
        return render(figure, kind, title)

    monkeypatch.setattr(drawing, "render", noted)
    return titles


def titles(*names):
    """Return the titles of these figures, as `drawn` notes them."""
    return sorted(FIGURES[name].title.replace("{measure}", "error") for name in names)


def train_more(settings, *words):
    """Add a condition to the study."""
    train_all([replace(Job.of(settings(*SMALL, "optimizer.lr=[0.05,0.1]", *words)), study=Study("activations"))])
    collect(Study("activations"))


def test_each_figure_is_drawn_or_the_report_names_a_command(folder, monkeypatch):
    monkeypatch.setattr(drawing, "FIGURES", FIGURES)
    assert main(["study=activations", "formats=pdf,png"]) == 0
    written = figure_files(folder, "activations")
    lines = (folder / REPORT / "report.md").read_text().splitlines()
    missing = [line for line in lines if "; run: `python" in line and "study=activations" in line]
    for name in FIGURES:
        files = {f"{name}.png", f"{name}.svg", f"{name}.pdf"}
        assert files <= written or any(line.startswith("- " + name.replace("_", "\\_")) for line in missing)
    assert any("dataset=moons,circles " in line for line in missing)


def test_a_figure_that_a_study_no_longer_has_is_removed(folder):
    stale = folder / REPORT / "figures/mse_vs_ce-iris.png"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"old")
    main(["study=activations"])
    assert not stale.exists()


def test_files_of_other_formats_are_written_on_request_alone(folder):
    main(["study=activations", "formats=png"])
    assert {"leaderboard.svg", "leaderboard.png"} <= figure_files(folder, "activations")
    assert "leaderboard.png" in (folder / REPORT / "index.html").read_text()
    main(["study=activations"])
    assert not {name for name in figure_files(folder, "activations") if name.endswith((".png", ".pdf"))}
    assert "leaderboard.png" not in (folder / REPORT / "index.html").read_text()


def test_only_the_figures_that_are_asked_for_are_drawn_and_no_page_is_written(folder, drawn, capsys):
    assert main(["study=activations", "figures=leaderboard", "formats=png"]) == 0
    assert drawn == 2 * titles("leaderboard")
    paths = [f"{REPORT}/figures/leaderboard.svg", f"{REPORT}/figures/leaderboard.png"]
    assert capsys.readouterr().out.splitlines() == ["figures of study activations", *paths]
    assert set(map(str, contents(folder))) == set(paths)


def test_figures_that_are_asked_for_are_those_of_the_report_and_remove_nothing(folder, drawn, capsys):
    main(["study=activations", "formats=png"])
    before = contents(folder)
    drawn.clear()
    main(["study=activations", "figures=leaderboard"])
    main(["study=activations", "formats=png"])
    assert not drawn
    assert contents(folder) == before


def test_a_figure_that_is_asked_for_and_missing_has_a_reason(folder, capsys):
    assert main(["study=activations", "figures=depth"]) == 1
    assert "depth is missing: all networks have one depth; run: python run.py" in capsys.readouterr().out


def test_the_same_bytes_are_drawn_by_further_processes_and_taken_from_the_cache(folder, monkeypatch):
    monkeypatch.setattr(drawing, "FIGURES", {name: FIGURES[name] for name in ("leaderboard", "zigzag", "mse_vs_ce")})
    main(["study=activations"])
    before = contents(folder)
    (folder / REPORT / ".report.json").unlink()
    main(["study=activations"])
    assert contents(folder) == before
    shutil.rmtree(folder / REPORT)
    shutil.rmtree(folder / "results/.cache")
    monkeypatch.setattr(showing.joblib, "cpu_count", lambda: 2)
    main(["study=activations"])
    assert contents(folder) == before


def test_nothing_is_drawn_again_if_nothing_changed(folder, drawn, capsys):
    main(["study=activations"])
    assert drawn == titles("leaderboard")
    printed = capsys.readouterr().out
    before = {path: path.stat().st_mtime_ns for path in (folder / REPORT).rglob("*")}
    main(["study=activations"])
    assert drawn == titles("leaderboard")
    assert capsys.readouterr().out == printed
    assert before == {path: path.stat().st_mtime_ns for path in (folder / REPORT).rglob("*")}


def test_a_grown_study_has_the_report_that_it_would_have_without_a_cache(folder, settings, drawn, monkeypatch):
    names = ("leaderboard", "learning_rate_sensitivity", "activation_curves", "output_cost_gradients", "zigzag")
    monkeypatch.setattr(drawing, "FIGURES", {name: FIGURES[name] for name in names})
    main(["study=activations"])
    drawn.clear()
    train_more(settings, "activation=elu")
    main(["study=activations"])
    assert sorted(drawn) == titles(*(name for name in names if name != "zigzag"))
    grown = contents(folder)
    shutil.rmtree(folder / REPORT)
    shutil.rmtree(folder / "results/.cache")
    main(["study=activations"])
    assert contents(folder) == grown


@pytest.mark.parametrize("damage", ["edited", "removed", "list"])
def test_a_damaged_figure_is_drawn_again(folder, drawn, damage):
    main(["study=activations"])
    before = contents(folder)
    path = folder / REPORT / "figures/leaderboard.svg"
    if damage == "removed":
        path.unlink()
    else:
        path.write_text("edited")
    if damage == "list":
        path.with_name(".drawn.json").write_text('{"leaderboard": 1}')
    main(["study=activations"])
    assert contents(folder) == before
    assert drawn == 2 * titles("leaderboard")


def test_a_demonstration_is_drawn_once_for_all_studies(folder, drawn, monkeypatch):
    monkeypatch.setattr(drawing, "FIGURES", {"zigzag": FIGURES["zigzag"]})
    main(["study=activations"])
    main(["study=pairings"])
    assert drawn == titles("zigzag")
    cached = folder / "results/.cache/figures/zigzag.svg"
    assert cached.read_bytes() == (folder / "results/pairings/report/figures/zigzag.svg").read_bytes()
    cached.write_text("damaged")
    shutil.rmtree(folder / REPORT)
    main(["study=activations"])
    assert drawn == 2 * titles("zigzag")


@pytest.mark.parametrize("argument", ["margin=3", "select=loss"])
def test_another_argument_draws_what_it_changes(folder, drawn, argument):
    main(["study=activations"])
    main(["study=activations", argument])
    assert drawn == 2 * titles("leaderboard")


def test_an_interrupted_report_keeps_what_it_has_drawn(folder, drawn, monkeypatch):
    monkeypatch.setattr(drawing, "FIGURES", {name: FIGURES[name] for name in ("leaderboard", "zigzag")})

    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr("experiments.report.content.gather", interrupted)
        assert main(["study=activations"]) == 130
    assert not list(folder.glob(f"{REPORT}/index.html"))
    frozen = gc.get_freeze_count()
    main(["study=activations"])
    assert sorted(drawn) == titles("leaderboard", "zigzag")
    assert gc.isenabled()
    assert bool(gc.get_freeze_count()) == bool(frozen)


def test_a_helper_that_dies_leaves_the_work_to_the_others(folder, monkeypatch):
    main(["study=activations"])
    before = contents(folder)
    shutil.rmtree(folder / REPORT)
    monkeypatch.setattr(showing.joblib, "cpu_count", lambda: 2)

    @contextmanager
    def broken():
        with working() as pool:
            with pytest.raises(BrokenProcessPool):
                pool.submit(_die).result()
            yield pool

    working = showing.helpers
    monkeypatch.setattr("experiments.report.writing.helpers", broken)
    main(["study=activations"])
    assert contents(folder) == before


def test_what_waits_for_a_helper_that_dies_is_done_here(monkeypatch):
    monkeypatch.setattr(showing.joblib, "cpu_count", lambda: 2)
    with showing.helpers() as pool:
        waiting = pool.submit(_die), showing.later(pool, int, "7")
        assert isinstance(waiting[0].exception(), BrokenProcessPool)
        assert waiting[1]() == 7
        assert showing.later(pool, int, "8")() == 8


def _die():
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def plane(folder, settings, monkeypatch):
    """The user's file of a study whose decisions are drawn in the plane of two features."""
    monkeypatch.setattr(drawing, "FIGURES", {"decision_boundary": FIGURES["decision_boundary"]})
    path = folder / "plane.csv"
    path.write_text("x,y,kind\n" + "".join(f"{row},{row * 7 % 13},{'ab'[row % 2]}\n" for row in range(60)))
    words = ("dataset=csv", "dataset.path=plane.csv", "dataset.target=kind", "net.hidden=[4]", "epochs=1", "seeds=1")
    run_sweep([Job.of(settings(*words, "study=mine"))])
    return path


def test_a_figure_of_a_file_is_drawn_when_the_file_is_back_and_then_kept(plane, folder, drawn):
    plane.rename("away.csv")
    main(["study=mine"])
    assert "the data cannot be loaded any more" in (folder / "results/mine/report/report.md").read_text()
    os.rename("away.csv", plane)
    main(["study=mine"])
    assert drawn == titles("decision_boundary")
    expected = figure_files(folder, "mine")
    plane.unlink()
    main(["study=mine"])
    assert figure_files(folder, "mine") == expected
    assert drawn == titles("decision_boundary")


def test_the_figure_of_a_run_without_a_digest_of_its_data_is_drawn_again_for_another_file(plane, drawn):
    (run,) = Study("mine").runs()
    record = re.sub(r"  sha256: .*\n", "", (run.path / "config.yaml").read_text()).encode()
    status = json.loads((run.path / "status.json").read_text())
    status["files"]["config.yaml"] = fingerprint("config.yaml", record)
    write_bytes(run.path / "config.yaml", record)
    write_bytes(run.path / "status.json", to_json(status))
    main(["study=mine"])
    plane.write_text(plane.read_text().replace("10,", "11,"))
    main(["study=mine"])
    assert drawn == 2 * titles("decision_boundary")


def test_a_reason_for_a_missing_figure_is_never_kept(plane, drawn, monkeypatch):
    def gone(**settings):
        raise ValueError("the network drive does not answer")

    with monkeypatch.context() as context:
        context.setattr("experiments.figures.decisions.load", gone)
        main(["study=mine"])
    assert not drawn
    main(["study=mine", "formats=png"])  # another report, with the same decisions
    assert drawn == 2 * titles("decision_boundary")


def test_an_interrupt_ends_the_helpers_though_a_task_was_cancelled(monkeypatch):
    monkeypatch.setattr(showing.joblib, "cpu_count", lambda: 2)
    before = set(multiprocessing.active_children())

    def interrupted():
        with showing.helpers() as pool:
            futures = [pool.submit(time.sleep, 600) for _ in range(9)]
            assert futures[-1].cancel()
            raise KeyboardInterrupt

    try:
        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert set(multiprocessing.active_children()) <= before
    finally:
        for process in set(multiprocessing.active_children()) - before:
            os.kill(process.pid, signal.SIGKILL)


def test_parts_of_a_figure_keep_their_order_whatever_is_drawn_first(folder, settings, monkeypatch):
    monkeypatch.setattr(drawing, "FIGURES", {"confusion": FIGURES["confusion"]})
    words = ("net.hidden=[4]", "epochs=1", "seeds=1", "study=several")
    run_sweep([Job.of(settings(f"dataset={name}", *words)) for name in ("wine", "iris")])
    main(["study=several"])
    pages = [folder / "results/several/report" / name for name in ("index.html", "report.md")]
    before = [page.read_bytes() for page in pages]
    assert before[0].index(b"confusion-iris") < before[0].index(b"confusion-wine")
    (folder / "results/several/report/.report.json").unlink()
    (folder / "results/several/report/figures/confusion-iris.svg").unlink()
    main(["study=several"])
    assert [page.read_bytes() for page in pages] == before


@pytest.mark.parametrize("place", ["cache", "figures"])
def test_a_cache_that_cannot_be_written_is_left_out(folder, capsys, monkeypatch, place):
    monkeypatch.setattr(drawing, "FIGURES", {"zigzag": FIGURES["zigzag"]})
    path = folder / {"cache": "results/.cache", "figures": "results/.cache/figures"}[place]
    path.parent.mkdir(exist_ok=True)
    path.touch()
    assert main(["study=activations"]) == 0
    assert capsys.readouterr().err == ""
    assert "zigzag.svg" in figure_files(folder, "activations")


def test_a_figure_of_many_pictures_is_drawn_on_request_and_kept(folder, monkeypatch):
    monkeypatch.setattr(drawing, "MANY", 0)
    assert main(["study=pairings"]) == 0
    assert {name for name in figure_files(folder, "pairings") if name.endswith(".svg")} == {"leaderboard.svg"}
    text = (folder / "results/pairings/report/report.md").read_text()
    reason = r"its pictures of 1 data set are drawn only on request; run: `python -m \S+ (.*=mse_vs_ce)`"
    (words,) = re.findall(reason, text)
    assert main(words.split()) == 0
    assert main(["study=pairings", "margin=1"]) == 0
    assert {name for name in figure_files(folder, "pairings") if name.endswith(".svg")} == {
        "leaderboard.svg",
        "mse_vs_ce.svg",
    }
