"""The catalogue as a table and as pages: what is printed is what is computed, and a mistake is answered in one line."""

import re

import matplotlib.image
import pytest

from experiments.config.catalogue import Entry, entries
from experiments.config.errors import ConfigError
from experiments.explain.__main__ import main
from experiments.explain.activations import matching, milliseconds, named, print_page, print_table
from nets import theory
from nets.formula import Formula


def run(capsys, *arguments, code=0):
    assert main(arguments) == code
    captured = capsys.readouterr()
    assert not (code and captured.out)
    return captured.err if code else captured.out


def row(out, name):
    (line,) = [line for line in out.splitlines() if line.startswith(f"│ {name} ")]
    return [cell.strip() for cell in line.strip("│").split("│")]


def test_a_row_says_what_is_computed(capsys):
    out = run(capsys, "activations", "periodic")
    name, formula, year, family, spread, smooth, monotone, saturates, lipschitz, gain = row(out, "sine")
    assert (name, formula, year, family) == ("sine", "sin(x)", "2020", "periodic")
    assert (spread, smooth, monotone, saturates, lipschitz) == ("−1 to 1", "yes", "no", "no", "1")
    assert float(gain) == pytest.approx(theory.gain(entries()["sine"].activation), rel=1e-3)
    assert "relu" not in out


def test_kinks_jumps_and_pieces_are_shown(capsys):
    out = run(capsys, "activations", "shrink")
    assert row(out, "hard_shrink")[5] == "jumps −0.5, 0.5"
    assert row(out, "soft_shrink")[5] == "kinks −0.5, 0.5"
    assert row(run(capsys, "activations", "geglu"), "geglu")[4:] == [*["–"] * 5, "1.534"]


def test_words_are_looked_for_in_names_aliases_families_years_and_papers():
    assert [entry.name for entry in matching(["TELU"])] == ["ptelu", "tanhexp"]
    assert {"isru", "isrlu", "swish_beta", "selu"} <= {entry.name for entry in matching(["2017"])}
    assert {entry.name for entry in matching(["shazeer"])} == {"swiglu", "geglu", "reglu"}
    assert all(entry.family == "bump" for entry in matching(["bump", "ramasinghe"]))
    assert len(matching([])) == len(entries())
    assert matching(["catalogue/serf"]) == matching(["serf"]) != matching([])
    assert "sine" not in {entry.name for entry in matching(["log"])}
    with pytest.raises(ConfigError, match=r"^no activation matches 'nothing': allowed are a name, a year, a family \("):
        matching(["nothing"])


def test_a_function_of_infinite_variance_has_no_gain_and_keeps_the_table(capsys, monkeypatch):
    wild = Entry("wild", "wild", {"name": "formula", "expression": "exp(x*x/3)"}, "other", 2026, "")
    vars(wild)["activation"] = Formula("wild", "exp(x*x/3)")
    print_table([entries()["sine"], wild], with_cost=False)
    out = capsys.readouterr().out
    assert row(out, "wild")[4:] == ["1 to ∞", "yes", "no", "no", "∞", "–"]
    assert row(out, "sine")[4] == "−1 to 1"
    print_page(wild)
    assert "mean of f(z) over z ~ N(0, 1): not computed, since E[f(z)²] is infinite\n" in capsys.readouterr().out


def test_cost_is_measured_only_if_asked_for(capsys):
    assert "ms/million" not in run(capsys, "activations", "isru")
    out = run(capsys, "activations", "isru", "--cost")
    assert float(row(out, "isru")[-1]) > 0
    assert "measured now" in out
    assert milliseconds(entries()["swiglu"].activation, 1 << 12) > 0


def test_a_page_has_paper_aliases_and_properties(capsys):
    out = run(capsys, "activation=tanhexp")
    for text in (
        "tanhexp: activation=catalogue/tanhexp\nf(x) = x*tanh(exp(min(x, 20)))\n",
        "paper            Liu & Di (2020), TanhExp",
        "alias            telu is x*tanh(exp(min(x, 20))), the same function; Fernandez & Mali (2024)",
        "range            −0.3533 (at −1.079) to ∞\n",
        "limits           0 at −∞, ∞ at ∞\n",
        "saturates        on the left\n",
    ):
        assert text in out
    assert "learned          initial values an = −1.05, ap = 0.2033; one value per layer" in run(
        capsys, "activation=xielu"
    )
    assert "one value per unit" in run(capsys, "activation=mpelu")
    assert "trains           no" in run(capsys, "activation=step")
    assert "2 pre-activations per unit" in run(capsys, "activation=catalogue/swiglu")


def test_a_page_is_found_by_alias_and_option(capsys):
    assert named("TeLU") == named("tanhexp") == named("catalogue/tanhexp")
    assert run(capsys, "activation=eswish").startswith("silu: activation=silu\n")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ["activation=serff"],
            "unknown activation 'serff': did you mean serf? Run: python -m experiments.explain activation=serf",
        ),
        (
            ["activation=serf", "x"],
            "'x': activation=NAME stands alone; run: python -m experiments.explain activation=serf",
        ),
        (["serf"], "activation=NAME; run: python -m experiments.explain activation=serf"),
        (["activations", "zzz"], "no activation matches 'zzz': allowed are a name"),
        (["activations", "--speed"], "unknown option --speed"),
    ],
)
def test_a_mistake_is_answered_in_one_line(words, line, capsys):
    err = run(capsys, *words, code=2)
    assert line in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("words", [["activations", "shrinkage"], ["activation=swiglu"], ["activations", "pieces"]])
def test_a_sheet_of_curves_is_drawn(words, capsys, tmp_path):
    file = tmp_path / "sheet.png"
    assert f"wrote {file}" in run(capsys, *words, "--save", str(file))
    assert matplotlib.image.imread(file).std() > 0.01


@pytest.mark.parametrize("name", ["tanhexp", "hard_shrink", "xielu"])
def test_a_page_has_one_kind_of_minus(capsys, name):
    _, _, page = run(capsys, f"activation={name}").partition("range ")
    assert not re.search(r"-[0-9∞]", page)
    assert len(re.findall("−[0-9∞]", page)) > 5
