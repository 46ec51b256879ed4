"""Every setting is declared once: what follows from a declaration, for all settings that there are."""

import math
import re

import pytest
import yaml

from experiments.config.choices import CONF, REGISTRIES
from experiments.config.errors import ConfigError
from experiments.config.rules import FormulaName, Name
from experiments.config.schema import Configuration, Off, Unhashed, declared, groups, nearest_key
from experiments.config.settings import from_record
from nets.hyperparameters import Number, OneOf, Whole, rules

DEFAULTS = {
    key: value
    for key, value in yaml.safe_load((CONF / "config.yaml").read_text()).items()
    if key not in ("defaults", "hydra")
}
SETTINGS = [(key, rule) for key, rule in rules(Configuration).items()] + [
    (f"{group}.{key}", rule) for group, declaration in groups().items() for key, rule in rules(declaration).items()
]


def test_the_defaults_have_the_declared_keys_and_no_others():
    assert {*DEFAULTS, *REGISTRIES} == set(declared(Configuration))
    for group, declaration in groups().items():
        assert set(DEFAULTS[group]) == set(declared(declaration)), group


def test_what_can_be_off_is_off_by_default():
    for key, (_, marks) in declared(Configuration).items():
        for mark in marks:
            if isinstance(mark, Off) and key not in groups():
                assert DEFAULTS[key] == mark.value, key
    for group, declaration in groups().items():
        assert not getattr(declaration(**DEFAULTS[group]), "on", False), group


def refused(rule):
    """Return a value that a rule does not accept, as the command line writes it; None for a rule of its own kind."""
    if isinstance(rule, Whole):
        return str(rule.low - 1)
    if isinstance(rule, OneOf):
        return "nothing"
    if isinstance(rule, Number):
        return str(rule.low - 1) if math.isfinite(rule.low) else str(rule.high + 1)
    return None


@pytest.mark.parametrize(("key", "rule"), SETTINGS, ids=[key for key, _ in SETTINGS])
def test_a_value_that_the_declaration_does_not_allow_is_refused_by_its_name(key, rule, settings):
    value = refused(rule) or ("../x" if isinstance(rule, Name | FormulaName) else "[1.5]")
    with pytest.raises(ConfigError, match=rf"^{re.escape(key)}=.*(allowed is|allowed: |Allowed: )"):
        settings(f"{key}={value}")


EXAMPLES = [
    (),
    ("activation=maxout", "activation.pieces=3", "net.hidden=[]"),
    ("activation=formula", "formula.expression=x*beta", "formula.parameters={beta: 1.0}", "optimizer=adam"),
    ("schedule=multistep", "schedule.milestones=[2,3]", "init=normal", "dtype=float64", "entropy=7"),
    ("pretrain.epochs=2", "pretrain.noise=0.5", "activation=tanh", "class_weight=balanced"),
    ("net.norm=batch", "net.dropout=0.2", "net.input_dropout=0.1", "net.residual=true", "early_stopping.patience=3"),
    ("metrics.every_epoch=true",),
    ("diagnostics.sides=true",),
    ("evaluate=last", "diagnostics.sharpness=true"),
    ("optimizer.clip_norm=2", "schedule.warmup=1", "output=softmax_ce", "output.label_smoothing=0.1"),
    ("schedule=warmup_cosine", "schedule.warmup=1"),
    ("task=autoencode", "activation_l1=0.01", "split.test=0.3", "diagnostics.layers=false"),
]


@pytest.mark.parametrize("overrides", EXAMPLES, ids=" ".join)
def test_a_record_gives_the_same_condition_again(overrides, settings):
    original = settings(*overrides, "optimizer.lr=[0.1,0.2]", "seeds=[3,5]")
    record = yaml.safe_load(yaml.safe_dump({**original.record, "seeds": [3, 5], "lr": [0.1, 0.2]}, sort_keys=False))
    again = from_record(record)
    assert again.run == original.run
    assert again.condition == original.condition
    assert again.replicas == original.replicas


def test_a_record_does_not_depend_on_todays_defaults(settings, monkeypatch):
    """A user may change conf/config.yaml; a recorded run stays what it was."""
    original = settings()
    record = {**original.record, "seeds": [0], "lr": [0.05]}
    monkeypatch.setattr("experiments.config.settings.defaults", None)
    again = from_record({**record, "study": "other", "save": True})
    assert (again.run, again.study, again.save) == (original.run, "reproduction", False)


@pytest.mark.parametrize("key", ["task", "net", "epochs", "dtype", "split", "diagnostics"])
def test_a_record_that_lacks_a_setting_is_refused(key, settings):
    record = {**settings().record, "seeds": [0], "lr": [0.05]}
    with pytest.raises(ConfigError, match=f"the key '{key}' is missing"):
        from_record({name: value for name, value in record.items() if name != key})


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("net.norm=batch", "batch_size=1"), "net.norm=batch needs 2 rows or more, such as batch_size=32"),
        (("net.norm=layer", "net.hidden=[8,1]"), "net.norm=layer needs 2 units or more in each hidden layer, such as"),
        (("net.norm=batch", "net.hidden=[]"), "net.norm=batch needs hidden layers, such as net.hidden="),
        (("net.dropout=0.5", "net.hidden=[]"), "net.dropout=0.5 needs hidden layers, such as net.hidden="),
        (
            ("net.residual=true", "net.hidden=[8,4]"),
            "net.residual=true needs two hidden layers in a row of equal width",
        ),
        (("net.norm=layer", "pretrain.epochs=1"), "pretrain.epochs=1 needs net.norm=none"),
        (("net.norm=layer", "diagnostics.sharpness=true"), "diagnostics.sharpness=true needs net.norm=none"),
        (
            ("early_stopping.patience=2", "schedule=cosine"),
            "early_stopping.patience=2 does not go with schedule=cosine",
        ),
        (
            ("schedule=warmup_cosine", "epochs=5"),
            "schedule=warmup_cosine with schedule.warmup=5 needs more than 5 epochs, but epochs is 5: allowed is "
            "schedule.warmup=1, or epochs=6 and more",
        ),
        (("schedule.warmup=2", "epochs=2"), "schedule=constant with schedule.warmup=2 needs more than 2 epochs, but"),
        (("optimizer.clip_norm=0",), "optimizer.clip_norm=0.0 of sgd: allowed is a number above 0"),
        (("output=softmax_ce", "output.label_smoothing=1"), "output.label_smoothing=1.0 of softmax_ce"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_recipe_that_cannot_be_used_is_refused_in_one_line(overrides, message, settings):
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}") as refusal:
        settings(*overrides)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("epochs", [1, 2, 5, 30])
@pytest.mark.parametrize("schedule", ["constant", "multistep", "warmup_cosine"])
def test_the_settings_that_a_refused_warm_up_proposes_are_accepted(schedule, epochs, settings):
    words = (f"schedule={schedule}", "schedule.warmup=40")
    with pytest.raises(ConfigError) as refusal:
        settings(*words, f"epochs={epochs}")
    warmup, more = re.search(
        r"allowed is (schedule\.warmup=\d+), or (epochs=\d+) and more$", str(refusal.value)
    ).groups()
    assert settings(words[0], warmup, f"epochs={epochs}").epochs == epochs
    assert settings(*words, more).schedule.warmup == 40


def test_what_no_result_depends_on_is_in_no_condition(settings):
    plain = settings()
    changed = settings(
        "study=other",
        "seeds=3",
        "tune.seeds=3",
        "checkpoint.every=7",
        "workers=2",
        "save=true",
        "force=true",
        "plan=true",
    )
    assert changed.run == plain.run
    outside = [
        key for key, (_, marks) in declared(Configuration).items() if any(isinstance(m, Unhashed) for m in marks)
    ]
    assert outside
    assert not set(outside) & plain.condition.keys()


def test_a_group_that_is_off_is_in_no_condition(settings):
    assert "pretrain" not in settings("pretrain.lr=0.5").condition
    assert settings("pretrain.lr=0.5").run == settings().run
    assert settings("pretrain.epochs=1").condition["pretrain"] == {"epochs": 1, "lr": 0.01, "noise": 0.25}


def test_an_unknown_key_is_answered_with_the_dotted_key_that_ends_with_it():
    assert nearest_key("noise", ["net", "split"]).startswith("did you mean 'pretrain.noise'?")
    assert nearest_key("lr", ["net"]).startswith("did you mean 'optimizer.lr'?")
    assert nearest_key("epochz", ["epochs"]).startswith("did you mean 'epochs'?")


def test_names_of_runs_of_earlier_versions_stay(settings):
    """A changed name would make every stored study start again."""
    assert settings().run == "digits-relu-softmax_ce-ef7d772230"
    assert settings("activation=elu", "dataset=diabetes", "batch_size=16").run == "diabetes-elu-linear_mse-f500a3f7a1"
    assert (
        settings("pretrain.epochs=2", "activation=tanh", "net.hidden=[32,32]").run
        == "digits-tanh-softmax_ce-dab48ecf4c"
    )
    assert settings("optimizer=adam", "schedule=cosine", "dtype=float64").run == "digits-relu-softmax_ce-7277d34e92"
