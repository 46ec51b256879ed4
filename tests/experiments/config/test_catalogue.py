"""The catalogue as a part of the configuration: its options, what they are called, and what its files must say."""

import re

import pytest
import yaml

from experiments.config.catalogue import FAMILIES, Entry, _entry, entries, option_of
from experiments.config.choices import CONF, catalogue, options, read_conf
from experiments.config.compose import sweep
from experiments.config.errors import ConfigError
from experiments.config.help import help_text
from experiments.config.settings import from_record
from nets.activations import ACTIVATIONS

FILES = sorted((CONF / "activation/catalogue").glob("*.yaml"))
PAPER = re.compile(r"(?P<authors>[^()]+) \((?P<year>\d{4})\), (?P<title>[A-Z].*\S)")


def test_it_has_more_than_a_hundred_functions():
    """CELU is the one function that is another one's scaling: see test_catalogue_distinct.py."""
    assert len(entries()) - 1 >= 140
    assert len(FILES) == len(catalogue()) >= 119


def test_a_file_is_named_as_its_function_and_has_no_other_keys():
    for path in FILES:
        content = yaml.safe_load(path.read_text("utf-8"))
        assert content["name"] == path.stem
        assert set(content) <= {"defaults", "name", "expression", "parameters", "per", "about"}
        assert set(content["about"]) <= {"paper", "year", "family", "aliases", "note"}


@pytest.mark.parametrize("entry", entries().values(), ids=lambda entry: entry.name)
def test_an_entry_says_where_it_comes_from(entry):
    assert entry.family in FAMILIES
    assert entry.activation.name == entry.name
    if entry.name == "linear":
        return
    found = PAPER.fullmatch(entry.paper)
    assert found, entry.paper
    assert int(found["year"]) == entry.year
    assert 1940 < entry.year < 2030
    for alias in entry.aliases:
        assert not alias.paper or PAPER.fullmatch(alias.paper), alias


def test_every_class_has_an_entry_with_a_paper():
    """Whether it is a paper is tested above."""
    classes = set(options("activation")) - {"formula"}
    assert classes == set(entries()) & set(ACTIVATIONS)
    assert all(set(read_conf(f"activation/{name}")["about"]) >= {"paper", "year", "family"} for name in classes)


def test_a_class_without_a_source_is_told_by_its_docstring(monkeypatch):
    monkeypatch.setattr("experiments.config.catalogue.read_conf", lambda file: {"defaults": []})
    entry = _entry("mish")
    assert entry.paper.startswith("Mish (Misra 2020): h = z t")
    assert (entry.family, entry.year, entry.aliases) == ("other", 0, ())


def test_a_name_or_alias_means_one_function():
    names = [name for entry in entries().values() for name in (entry.name, *(alias.name for alias in entry.aliases))]
    assert sorted(names) == sorted(set(names))
    assert all(re.fullmatch("[a-z][a-z0-9_]*", name) for name in names)


def test_it_is_chosen_by_its_folder_and_called_by_its_name():
    ((settings, _),) = sweep(["activation=catalogue/serf", "dataset=iris"])
    assert settings.activation.name == "serf"
    assert settings.run.startswith("iris-serf-softmax_ce-")


def test_no_result_depends_on_a_citation():
    ((settings, _),) = sweep(["activation=silu", "dataset=iris"])
    assert settings.condition["activation"] == {"name": "silu"}
    assert settings.run == "iris-silu-softmax_ce-813a3f1eef"
    ((settings, _),) = sweep(["activation=catalogue/mpelu", "dataset=iris"])
    assert settings.condition["activation"] == {
        "name": "mpelu",
        "expression": "max(x, 0) + alpha*expm1(beta*min(0, x))",
        "parameters": "alpha=1.0, beta=1.0",
        "per": "unit",
    }


def test_the_same_formula_typed_by_hand_differs_only_in_its_name():
    ((entry, _),) = sweep(["activation=catalogue/serf", "dataset=iris"])
    ((typed, _),) = sweep(["activation=formula", 'formula.expression="x*erf(softplus(x))"', "dataset=iris"])
    assert typed.condition["activation"] | {"name": "serf"} == entry.condition["activation"]
    assert {**typed.condition, "activation": 0} == {**entry.condition, "activation": 0}


def test_a_record_of_an_entry_is_its_run():
    ((entry, _),) = sweep(["activation=catalogue/serf", "dataset=iris"])
    assert from_record(entry.record | {"seeds": [0], "lr": [0.1]}).run == entry.run


def test_where_a_function_comes_from_is_no_setting():
    for word in ("activation.about={year:2000}", "activation.about.year=2000"):
        with pytest.raises(ConfigError, match=r"^activation\.about.* no setting, but a part of the option's file"):
            sweep(["activation=silu", word, "dataset=iris"])
    with pytest.raises(ConfigError, match=r"allowed: name, slope$"):
        sweep(["activation=leaky_relu", "activation.xyz=1", "dataset=iris"])


def test_the_name_of_an_activation_is_its_option():
    with pytest.raises(ConfigError, match="the option itself is chosen"):
        sweep(["activation=formula", "activation.name=serf", "dataset=iris"])


def test_an_entry_keeps_its_formula_because_tables_show_its_name():
    for words in (["activation=catalogue/serf"], ["activation=formula,catalogue/gish"]):
        with pytest.raises(ConfigError, match="has a formula of its own; run: ") as refused:
            sweep([*words, "dataset=iris", "activation.expression=2*x"])
        assert str(refused.value).endswith(" run.py dataset=iris activation=formula 'formula.expression=2*x'")
    ((settings, _),) = sweep(["activation=formula", "activation.expression=x", "dataset=iris"])
    assert settings.activation.name == "formula"
    same = "activation.expression='x*erf(softplus(x))'"  # the report writes commands like this
    ((settings, _),) = sweep(["activation=catalogue/serf", same, "dataset=iris"])
    assert settings.activation.name == "serf"


def test_one_learned_parameter_is_set_by_its_name():
    ((one, _),) = sweep(["activation=catalogue/mpelu", "activation.parameters.beta=2", "dataset=iris"])
    ((all_, _),) = sweep(["activation=catalogue/mpelu", "activation.parameters={beta:2}", "dataset=iris"])
    assert one.condition["activation"]["parameters"] == "alpha=1.0, beta=2.0"
    assert one.run == all_.run
    swept = sweep(["activation=catalogue/mpelu", "activation.parameters.beta=2,3", "dataset=iris"])
    assert [settings.condition["activation"]["parameters"][-8:] for settings, _ in swept] == ["beta=2.0", "beta=3.0"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["activation=catalogue/mpelu"],
            "unknown learned parameter 'activation.parameters.gamma': allowed: alpha, beta",
        ),
        (
            ["activation=catalogue/serf"],
            "unknown learned parameter 'activation.parameters.gamma': this activation learns none",
        ),
        (["activation=relu"], "activation.parameters.gamma: activation=relu has no parameter of this name"),
        ([], "activation.parameters.gamma: activation=relu has no parameter of this name"),
        (
            ["activation=formula", 'formula.expression="gamma*x"'],
            "activation.parameters.gamma: activation=formula has no parameter of this name; "
            "run: python run.py 'formula.expression=\"gamma*x\"' dataset=iris activation=formula "
            "'formula.parameters={gamma:2}'",
        ),
    ],
)
def test_a_parameter_that_is_not_learned_is_refused(words, message):
    with pytest.raises(ConfigError) as refused:
        sweep([*words, "activation.parameters.gamma=2", "dataset=iris"])
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("serf", "catalogue/serf"),
        ("SERF", "catalogue/serf"),
        ("catalogue/serff", "catalogue/serf"),
        ("catalogue/relu", "relu"),
        ("telu", "catalogue/tanhexp"),
        ("catalogue/telu", "catalogue/tanhexp"),
        ("eswish", "silu"),
        ("swish", "silu"),
        ("relu,serf", "relu,catalogue/serf"),
        ("hard-shrink", "catalogue/hard_shrink"),
    ],
)
def test_a_name_without_the_folder_is_answered_with_the_command(typed, meant):
    with pytest.raises(ConfigError) as refused:
        sweep([f"activation={typed}", "dataset=iris"])
    assert str(refused.value).endswith(f" Run: python run.py activation={meant} dataset=iris")
    assert "\n" not in str(refused.value)


def test_a_name_that_no_file_has_is_refused_with_where_they_are_listed():
    with pytest.raises(
        ConfigError, match=r"^unknown activation=catalogue/xyz: python -m experiments\.explain activations"
    ):
        sweep(["activation=catalogue/xyz", "dataset=iris"])


def names_of(glob):
    return [settings.activation.name for settings, _ in sweep([f"activation={glob}", "dataset=iris"])]


def test_all_activations_are_the_built_in_ones():
    assert set(names_of("glob(*)")) == set(options("activation"))


def test_a_glob_over_the_catalogue_leaves_out_what_cannot_learn():
    assert names_of("glob(catalogue/*elish)") == ["elish", "hard_elish"]
    assert set(names_of("glob([catalogue/si*,catalogue/step,tanh])")) == {"tanh", "sign_relu", "sine", "sinlu"}
    assert [entry.name for entry in entries().values() if not entry.trains] == ["sign", "step"]
    with pytest.raises(ConfigError, match="matches nothing"):
        sweep(["activation=glob(catalogue/zzz*)", "dataset=iris"])


def test_the_help_says_in_one_line_how_many_there_are():
    lines = [line for line in help_text(["activation"]).splitlines() if "catalogue" in line]
    assert lines == [f"  catalogue/NAME      {len(catalogue())} more: python -m experiments.explain activations"]


def test_an_entry_is_found_by_its_alias():
    assert option_of("sparse_plus") == "catalogue/smelu"
    assert option_of("nothing") is None
    assert isinstance(entries()["serf"], Entry)
