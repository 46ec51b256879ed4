"""Tests of experiments.figure: one figure on demand, from the command line and from Python."""

import shlex
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

import experiments
import experiments.figure as command
from experiments import ConfigError, run_study
from experiments.figures.registry import all_figures
from tests.experiments.figures.studies import STUDIES, curves

WORDS = ("activation=relu,tanh", "dataset=iris", "epochs=4", "seeds=3", "net.hidden=[8]")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a study."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run_study(*WORDS, "study=mine")
    return folder


@pytest.fixture
def here(trained, monkeypatch):
    """Run commands in this folder."""
    monkeypatch.chdir(trained)
    return trained


def test_without_a_name_every_figure_is_listed_with_a_sentence(capsys):
    assert command.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    named = {line.split()[0]: line for line in lines if line and not line.startswith(" ")}
    assert set(all_figures()) <= set(named)
    assert all(len(named[name].split()) > 4 for name in all_figures())
    assert max(map(len, lines)) <= 100
    assert "{measure}" not in "".join(lines)


def test_a_figure_of_a_study_is_written_and_its_path_is_printed(here, capsys):
    assert command.main(["lu_comparison", "study=mine", "format=svg,png,pdf"]) == 0
    printed = capsys.readouterr().out.split()
    assert printed == [f"results/mine/figures/lu_comparison.{kind}" for kind in ("svg", "png", "pdf")]
    starts = [(here / path).read_bytes()[:4] for path in printed]
    assert starts == [b"<?xm", b"\x89PNG", b"%PDF"]


def test_sizes_and_themes_have_files_of_their_own(here, capsys):
    assert command.main(["leaderboard", "size=12x8cm", "theme=dark", "format=png", "title=Mine"]) == 0
    (path,) = capsys.readouterr().out.split()
    assert path == "results/mine/figures/leaderboard-12x8cm-dark.png"
    png = (here / path).read_bytes()
    width, height = (int.from_bytes(png[place : place + 4]) for place in (16, 20))
    assert width / height == pytest.approx(12 / 8, abs=0.01)


def test_activations_need_no_study(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert command.main(["activation_curves", "sigmoid", "tanh", "swish", "gelu", "format=svg"]) == 0
    assert capsys.readouterr().out == "results/figures/activation_curves.svg\n"
    svg = (tmp_path / "results/figures/activation_curves.svg").read_text()
    assert all(name in svg for name in ("sigmoid", "tanh", "gelu"))


def test_a_demonstration_needs_no_study(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert command.main(["zigzag"]) == 0
    assert capsys.readouterr().out == "results/figures/zigzag.svg\n"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["lu_comparisn"], "no figure 'lu_comparisn': did you mean 'lu_comparison'?"),
        (["lu_comparison", "activations=relu,tan"], "no activation 'tan' in the study: did you mean 'tanh'?"),
        (["activation_curves", "sigmod"], "no activation 'sigmod': did you mean 'sigmoid'?"),
        (["lu_comparison", "size=slides"], "size=slides: did you mean 'slide'?"),
        (["lu_comparison", "font=DejaVu San"], "font=DejaVu San: did you mean 'DejaVu Sans'?"),
        (["lu_comparison", "theme=drak"], "theme=drak: did you mean 'dark'?"),
        (["lu_comparison", "format=jpg"], "format=jpg: "),
        (["lu_comparison", "study=min"], "no study 'min' in results/: did you mean 'mine'?"),
        (["lu_comparison", "sizes=slide"], "unknown argument 'sizes=slide': did you mean 'size'?"),
        (["size=slide"], "no figure is named"),
        (["tanh", "relu"], "no figure 'tanh': it is an activation"),
        (["zigzag", "relu"], "figure 'zigzag' shows a fixed experiment: leave out the activations"),
        (["zigzag", "study=mine"], "figure 'zigzag' shows a fixed experiment: leave out study=mine"),
    ],
)
def test_a_wrong_word_is_refused_in_one_line_and_nothing_is_written(here, capsys, words, line):
    before = sorted(here.rglob("*.*"))
    assert command.main(words) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith(f"figure: {line}")
    assert printed.err.count("\n") == 1
    assert not printed.out
    assert sorted(here.rglob("*.*")) == before


@pytest.mark.parametrize(
    ("words", "works"),
    [
        (
            ["activation_curvs", "relo", "sigmod", "format=pgn,svg"],
            ["activation_curves", "relu", "sigmoid", "format=png,svg"],
        ),
        (
            ["activation_curves", "relo", "title=relo", "theme=drak"],
            ["activation_curves", "relu", "title=relo", "theme=dark"],
        ),
        (["activations=relu,tan", "size=slid"], ["activation_curves", "activations=relu,tanh", "size=slide"]),
        (["lu_comparison", "study=min", "sizes=page", "tan"], ["lu_comparison", "tanh", "study=mine", "size=page"]),
        (["relu", "tan", "format=PNG"], ["activation_curves", "relu", "tanh", "format=PNG"]),
    ],
)
def test_a_refusal_ends_with_the_command_in_which_every_wrong_word_is_mended(here, capsys, words, works):
    assert command.main(words) == 2
    message, _, line = capsys.readouterr().err.strip().rpartition("run: ")
    assert message.startswith("figure: ")
    assert shlex.split(line) == ["python", "-m", "experiments.figure", *works]
    assert command.main(works) == 0


def test_a_word_that_cannot_be_guessed_gets_no_command(here, capsys):
    assert command.main(["activation_curves", "relo", "xxyyzz"]) == 2
    assert "run: " not in capsys.readouterr().err


def test_names_and_formats_may_have_upper_case(here, capsys):
    assert command.main(["Activation_Curves", "ReLU", "tanh", "RELU", "study=mine", "format=PNG"]) == 0
    assert capsys.readouterr().out == "results/mine/figures/activation_curves.png\n"
    assert len(command("activation_curves", activations=["ReLU", "relu", "GELU"]).axes) == 2


def test_what_a_study_lacks_is_said_with_the_command_that_adds_it(here, capsys):
    assert command.main(["depth", "study=mine"]) == 1
    printed = capsys.readouterr().out
    assert printed.startswith("depth is missing: all networks have one depth; run: python run.py -m +experiment=depth")


def test_without_any_study_the_command_says_how_to_train_one(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert command.main(["lu_comparison"]) == 2
    assert "run: python run.py -m activation=relu,tanh" in capsys.readouterr().err


def test_a_figure_from_python_shows_the_chosen_activations():
    tables = STUDIES["three"]
    drawn = command("lu_comparison", tables, activations=["relu", "elu"], size="slide", title="Two rectifiers")
    assert isinstance(drawn, Figure)
    np.testing.assert_allclose(drawn.get_size_inches(), (13.33, 7.5))
    assert drawn.get_suptitle() == "Two rectifiers"
    shown = tables.replicas.set_index("run")["activation"].to_dict()
    assert {shown[run] for run in curves(drawn.axes[0])} == {"relu", "elu"}
    png, facts = drawn._repr_png_()
    assert png.startswith(b"\x89PNG")
    assert facts == {"width": 1333}


def test_one_of_several_pictures_is_named():
    drawn = command("leaderboard", STUDIES["datasets"], part="wine")
    assert "wine" in drawn.axes[0].get_title(loc="left")
    with pytest.raises(ConfigError, match="allowed: digits, wine"):
        command("leaderboard", STUDIES["datasets"])
    with pytest.raises(ConfigError, match="figure 'depth' is missing: all networks have one depth"):
        command("depth", STUDIES["three"])
    with pytest.raises(ConfigError, match="figure 'depth' shows a study: give its tables"):
        command("depth")


def test_the_name_stays_a_function_once_the_command_is_imported():
    assert experiments.figure("activation_curves", activations=["relu"]).axes
    code = "import experiments.figure; from experiments import figure; print(figure('activation_curves').axes[0])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Axes" in done.stdout
