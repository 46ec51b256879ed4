"""A study as others read it: a paper's table, TensorBoard's event files, and a formula under a name of one's own."""

import re

import numpy as np
import pandas as pd
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata, plugin_data_pb2

import experiments.export.__main__ as export
import experiments.figure as figure
from experiments import ConfigError, run_study
from experiments.analysis.answer import findings
from experiments.report import drawing
from experiments.report.paper import Paper, PaperCell, PaperRow
from experiments.report.paper import paper as paper_of
from experiments.report.text import latex_paper
from experiments.report.writing import write
from tests.experiments.report.examples import study

NAME = "My a_b"
SMALL = ("dataset=iris,wine", "epochs=3", "seeds=3", "net.hidden=[8]", "study=mine")
FORMULA = "formula.expression='x*sigmoid(1.5*x)'"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a study of a named formula and relu on two data sets, and with its report without figures."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(drawing, "FIGURES", {})
        run_study("activation=formula,relu", FORMULA, f"formula.name={NAME}", *SMALL)
        write("mine")
    return folder


@pytest.fixture(autouse=True)
def here(trained, monkeypatch):
    """Run commands in this folder."""
    monkeypatch.chdir(trained)
    return trained


@pytest.fixture
def replicas(trained):
    return pd.read_csv(trained / "results/mine/replicas.csv")


@pytest.fixture
def paper(trained):
    (path,) = trained.rglob("paper.tex")
    return path.read_text(encoding="utf-8")


def parsed(text):
    """Return the cells of a LaTeX table by line; whatever is not such a table fails."""
    lines = [line for line in text.splitlines() if not line.startswith("%")]
    begin, top, heading, middle, *body, bottom, end = lines
    columns = re.fullmatch(r"\\begin\{tabular\}\{(l r*)\}", begin.replace("{l", "{l ")).group(1).replace(" ", "")
    rules = [top, middle, bottom, end]
    assert rules == ["\\toprule", "\\midrule", "\\bottomrule", "\\end{tabular}"]
    rows = []
    for line in [heading, *body]:
        content, ending = line[:-3], line[-3:]
        assert ending == r" \\"
        cells = re.split(r"(?<!\\)&", content)
        assert len(cells) == len(columns)
        depth = 0
        for character in re.sub(r"\\[\\{}]", "", content):
            depth += {"{": 1, "}": -1}.get(character, 0)
            assert depth >= 0
        assert depth == 0
        outside = re.sub(r"\$(\^\{[-+d]\}|\\[a-z]+|-)\$", "", content)  # marks and symbols are the only mathematics
        assert not re.search(r"(?<!\\)[%$#_]|\^|~", outside)
        rows.append([cell.strip() for cell in cells])
    return rows


def plain(cell):
    return re.sub(r"\\(?=[_%&#$])", "", re.sub(r"\\textbf\{(.*)\}", r"\1", cell))


def test_the_papers_bold_is_the_lowest_mean_and_its_ranks_are_those_of_pandas(paper, replicas):
    (_, *headings, last), *rows = parsed(paper)
    assert last == "mean rank"
    selected = replicas[replicas["selected"]]
    selected = selected.assign(activation=selected["activation"].replace("formula", NAME))
    means = selected.pivot_table(index="activation", columns="dataset", values="final_test_error")
    ranks = means.rank().mean(axis=1)
    assert {plain(row[0]): float(row[-1]) for row in rows} == pytest.approx(ranks.to_dict())
    assert [float(row[-1]) for row in rows] == sorted(ranks)
    for column, heading in enumerate(headings, 1):
        dataset = heading.partition(",")[0]
        bold = {plain(row[0]) for row in rows if row[column].startswith(r"\textbf{")}
        assert bold == set(means.index[means[dataset] == means[dataset].min()])
        for row in rows:
            percent = float(re.match(r"[\d.]+", plain(row[column])).group())
            assert percent == pytest.approx(100 * means.loc[plain(row[0]), dataset], abs=0.005)


def test_the_paper_names_the_reference_of_its_marks(paper):
    assert "% The reference is relu." in paper.splitlines()


def test_each_reference_of_the_paper_is_named_if_there_are_several():
    tables = study(activations=("relu", "tanh"), datasets=("digits",))
    deep = tables.replicas.assign(**{"net.hidden": "[8,8]", "run": tables.replicas["run"] + "-deep"})
    both = pd.concat([tables.replicas.assign(**{"net.hidden": "[8]"}), deep], ignore_index=True)
    both.insert(both.columns.get_loc("seed") + 1, "net.hidden", both.pop("net.hidden"))  # among the settings
    references = paper_of(findings(both), both).references
    assert any(re.fullmatch(r"On digits, the reference of .*tanh.* is relu.*\.", line) for line in references)
    assert len(references) == 2


def test_special_characters_of_the_paper_are_escaped():
    names = ("a_b%", r"{\x}&#$", "~^")
    rows = [PaperRow(name, [PaperCell("1.00 ± 0.5", True, "+d")], "1") for name in names]
    text = latex_paper(Paper(["d_1, %"], rows, True, [f"The reference is {names[1]}."]))
    assert [row[0] for row in parsed(text)[1:]] == [
        r"a\_b\%",
        r"\{\textbackslash{}x\}\&\#\$",
        r"\textasciitilde{}\textasciicircum{}",
    ]
    assert r"% The reference is \{\textbackslash{}x\}\&\#\$." in text
    assert parsed(text)[1][1] == r"\textbf{1.00 $\pm$ 0.5}$^{+}$$^{d}$"


def test_tensorboard_reads_each_replica_with_its_losses_and_hyperparameters(here, replicas, capsys):
    assert export.main(["study=mine", "format=tensorboard"]) == 0
    assert "12 runs" in capsys.readouterr().out
    folder = here / "results/mine/tensorboard"
    history = pd.read_csv(here / "results/mine/history.csv")
    files = {path.parent.relative_to(folder).as_posix() for path in folder.rglob("*tfevents*")}
    assert len(files) == len(replicas) == len(list(folder.rglob("*tfevents*")))
    for replica in replicas.itertuples():
        events = EventAccumulator(str(folder / replica.run / f"lr={replica.lr:g},seed={replica.seed}"), {"scalars": 0})
        events.Reload()
        mine = history[(history["run"] == replica.run) & (history["lr"] == replica.lr)]
        mine = mine[mine["seed"] == replica.seed]
        losses = events.Scalars("loss/train")
        assert [event.step for event in losses] == list(mine["epoch"])
        assert np.array_equal([event.value for event in losses], mine["train_loss"].astype(np.float32))
        (final,) = events.Scalars("final/test_error")
        assert (final.step, final.value) == (3, np.float32(replica.final_test_error))
        content = events.PluginTagToContent(metadata.PLUGIN_NAME)[metadata.SESSION_START_INFO_TAG]
        values = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
        assert values["dataset"].string_value == replica.dataset
        activation = NAME if replica.activation == "formula" else replica.activation
        assert values["activation"].string_value == activation
        assert (values["lr"].number_value, values["seed"].number_value) == (replica.lr, replica.seed)
        assert "net.hidden" in values


def test_a_formula_has_its_name_in_the_report_and_in_a_figure(here, capsys):
    tables = {path.name: path.read_text(encoding="utf-8") for path in here.rglob("report/**/*.tex")}
    assert {"leaderboard.tex", "paper.tex"} <= set(tables)
    assert all(r"My a\_b" in tables[name] for name in ("leaderboard.tex", "paper.tex"))
    assert figure.main(["activation_curves", "study=mine", "format=svg"]) == 0
    assert NAME in (here / capsys.readouterr().out.strip()).read_text(encoding="utf-8")


def test_another_name_of_a_formula_is_shown_and_trains_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ("activation=formula,relu", FORMULA, *SMALL, "dataset=iris", "seeds=2")
    run_study(*words, "formula.name=Mine")
    runs = sorted(tmp_path.glob("results/mine/runs/*"))
    first = capsys.readouterr().out
    assert re.search(r"^ [* ] Mine +\d", first, re.MULTILINE)
    assert "4 replicas trained" in first
    assert set(run_study(*words, "formula.name=Yours").replicas["activation"]) == {"Yours", "relu"}
    second = capsys.readouterr().out
    assert re.search(r"^ [* ] Yours +\d", second, re.MULTILINE)
    assert "Mine" not in second
    assert "0 replicas trained, 4 were there already" in second
    assert sorted(tmp_path.glob("results/mine/runs/*")) == runs


@pytest.mark.parametrize("name", ["relu", "ReLU", "1st", "a%b", "a" * 41, "a/b"])
def test_a_bad_name_of_a_formula_is_refused_in_one_line(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as refused:
        run_study("activation=formula", FORMULA, *SMALL, "dataset=iris", f"formula.name={name}")
    assert str(refused.value).count("\n") == 0
    assert re.search("formula.name=.*first a letter", str(refused.value))
    assert not (tmp_path / "results").exists()
