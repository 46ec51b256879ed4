"""Command lines become jobs: ranges of numbers are what a person means, and equal values are one."""

import math
import shlex

import pytest
from hydra import initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf.errors import OmegaConfBaseException

from experiments import run_study
from experiments.config.choices import CONF
from experiments.config.compose import Composer, plain_values, sweep
from experiments.config.errors import ConfigError
from experiments.config.hydra_schema import register_schema
from experiments.config.values import exact_range
from tests.programs import ROOT, python

LEAKY = ("activation=leaky_relu", "dataset=iris")


def slopes(text):
    return [settings.activation.slope for settings, _ in sweep([*LEAKY, f"activation.slope={text}"])]


@pytest.mark.parametrize(
    ("numbers", "values"),
    [
        ((0.1, 0.4, 0.1), [0.1, 0.2, 0.3]),
        ((0.1, 0.35, 0.1), [0.1, 0.2, 0.3]),
        ((0, 1, 0.3), [0, 0.3, 0.6, 0.9]),
        ((0.3, 0, -0.1), [0.3, 0.2, 0.1]),
        ((1e-3, 3e-3, 1e-3), [0.001, 0.002]),
        ((1.5,), [0, 1]),
        ((0.4, 0.1, 0.1), []),
    ],
)
def test_a_range_is_what_a_person_means(numbers, values):
    assert exact_range(*numbers).list == values


def test_a_range_may_be_sorted_tagged_and_shuffled():
    assert slopes("sort(range(0,1,0.3),reverse=true)") == [0.9, 0.6, 0.3, 0]
    assert slopes("tag(mine,range(start=0.1,stop=0.4,step=0.1))") == [0.1, 0.2, 0.3]
    assert sorted(slopes("shuffle(range(0.1,0.6,0.1))")) == [0.1, 0.2, 0.3, 0.4, 0.5]


def test_a_value_of_a_range_is_the_condition_of_the_value_itself():
    (itself, _), *_ = sweep([*LEAKY, "activation.slope=0.3"])
    *_, (last, words) = sweep([*LEAKY, "activation.slope=range(0.1,0.4,0.1)"])
    assert last.run == itself.run
    assert "activation.slope=0.3" in words


def test_a_range_of_whole_numbers_holds_whole_numbers():
    assert [settings.epochs for settings, _ in sweep(["dataset=iris", "epochs=range(1,10,4)"])] == [1, 5, 9]
    assert [settings.batch_size for settings, _ in sweep(["dataset=iris", "batch_size=range(3,1,-1)"])] == [3, 2]


@pytest.mark.parametrize("numbers", [(0, 1, 0), (0.1, 0.4, 0.0), (0, math.inf, 0.1), (math.nan, 1)])
def test_a_range_without_an_end_is_refused(numbers):
    with pytest.raises(ValueError, match="allowed are finite numbers, and a step that is not 0"):
        exact_range(*numbers)


@pytest.mark.parametrize("numbers", [(0, 1e9, 0.1), (0, 10**10), (1, 0, -1e-300)])
def test_a_range_of_too_many_values_is_refused(numbers):
    with pytest.raises(ValueError, match="allowed are up to 1000000 values"):
        exact_range(*numbers)


def test_a_bad_range_is_refused_in_one_line():
    with pytest.raises(ConfigError, match=r"slope=range\(0,1,0\): allowed are finite numbers") as refused:
        slopes("range(0,1,0)")
    assert "\n" not in str(refused.value)


def test_rates_of_a_range_are_trained_as_they_are_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = ("dataset=iris", "net.hidden=[4]", "epochs=1", "seeds=1")
    run_study("optimizer.lr=range(0.1,0.4,0.1)", *small)
    replicas = run_study("optimizer.lr=[0.1,0.2,0.3]", *small).replicas
    assert replicas["lr"].tolist() == [0.1, 0.2, 0.3]


def test_equal_rates_are_one_rate():
    ((settings, _),) = sweep(["dataset=iris", "optimizer.lr=[0.1,0.1,1e-1]"])
    assert settings.rates == (0.1,)
    assert len(sweep(["dataset=iris", "optimizer.lr=0.1,1e-1,[0.1,0.1]"])) == 1


def test_rates_that_are_equal_to_twelve_digits_are_one_rate_and_a_single_one_keeps_its_value():
    def rates(words):
        return [settings.rates for settings, _ in sweep(["dataset=iris", f"optimizer.lr={words}"])]

    assert rates("[0.3,0.30000000000000004,0.1]") == [(0.3, 0.1)]
    assert rates("0.3,0.30000000000000004") == [(0.3,)]
    assert rates("0.30000000000000004") == [(0.30000000000000004,)]
    assert rates("[0.3,0.300000000001]") == [(0.3, 0.300000000001)]


@pytest.mark.parametrize("rates", ["0.1,0.2,0.3", "range(0.1,0.4,0.1)", "[0.1,0.2],[0.3]"])
def test_rates_that_are_swept_cannot_be_tuned(rates):
    with pytest.raises(ConfigError) as refused:
        sweep(["dataset=iris", "activation=relu,elu", "tune.seeds=3", f"optimizer.lr={rates}"])
    assert str(refused.value) == "tune.seeds needs the learning rates as one list: optimizer.lr=[0.1,0.2,0.3]"


def test_a_list_of_rates_is_tuned_in_every_job_and_one_rate_needs_no_list():
    grids = ["dataset=iris", "activation=relu,elu", "tune.seeds=3", "seeds=[0],[1]", "optimizer.lr=[0.1,0.2]"]
    assert [len(settings.tuning) for settings, _ in sweep(grids)] == [6, 6, 6, 6]
    assert len(sweep(["dataset=iris", "tune.seeds=3", "optimizer.lr=0.1"])) == 1


@pytest.mark.parametrize("values", ["[range(0.1,0.4,0.1)]", "[0.1,choice(0.2,0.3)]", "[glob(*)]", "[interval(0,1)]"])
def test_a_sweep_inside_a_list_is_refused(values):
    with pytest.raises(ConfigError) as refused:
        sweep(["dataset=iris", f"optimizer.lr={values}"])
    reason = "range, choice, interval and glob cannot stand in a list: write out its values"
    assert str(refused.value) == f"optimizer.lr={values}: {reason}"
    assert len(sweep(["dataset=iris", "optimizer.lr=[float(1),0.1]"])) == 1


# --- several presets


def studies(*words):
    """Return by study the names of its jobs' activation and output."""
    jobs = {}
    for settings, _ in sweep(words):
        jobs.setdefault(settings.study, []).append((settings.activation.name, settings.output.name))
    return jobs


SMOKE = [("relu", "softmax_ce"), ("tanh", "softmax_ce")]
OUTPUTS = [(name, output) for name in ("sigmoid", "tanh", "relu") for output in ("sigmoid_ce", "sigmoid_mse")]


def test_each_of_several_presets_has_its_own_sweep_and_study():
    assert studies("+experiment=smoke,mse_vs_ce") == {"smoke": SMOKE, "mse_vs_ce": OUTPUTS}
    assert studies("+experiment=glob(smok*)") == {"smoke": SMOKE}
    assert studies("+experiment=smoke,smoke") == {"smoke": SMOKE}


def test_the_rest_of_the_command_line_goes_to_each_preset():
    assert studies("+experiment=smoke,mse_vs_ce", "study=mine") == {"mine": [*SMOKE, *OUTPUTS]}
    jobs = sweep(["+experiment=smoke,mse_vs_ce", "activation=elu,tanh", "dataset=iris", "epochs=7"])
    assert [settings.activation.name for settings, _ in jobs] == ["elu", "tanh", "elu", "elu", "tanh", "tanh"]
    assert {settings.epochs for settings, _ in jobs} == {7}
    assert {settings.data.name for settings, _ in jobs} == {"iris"}


def test_the_words_of_a_job_name_its_own_preset():
    words = {settings.study: line for settings, line in sweep(["+experiment=smoke,mse_vs_ce", "seeds=1"])}
    assert {"+experiment=smoke", "activation=tanh", "dataset=iris", "seeds=1"} == set(words["smoke"])
    for study, line in words.items():
        ((again, _),) = sweep(line)
        assert again.study == study


def test_presets_with_the_same_conditions_are_one_job():
    words = ("+experiment=clevert_2015,clevert_2015_shifted", "activation=relu", "dataset=iris", "optimizer.lr=0.1")
    assert studies(*words) == {"clevert_2015": [("relu", "softmax_ce")]}


def test_a_seed_that_tunes_in_one_preset_is_not_reported_in_another(tmp_path, monkeypatch):
    for name, text in {"one": "seeds: [7]\ntune: {seeds: [8]}", "two": "seeds: [8]"}.items():
        preset = f"# @package _global_\n# {name}\nstudy: both\noptimizer: {{lr: [0.1, 0.2]}}\n{text}\n"
        (tmp_path / "experiment").mkdir(exist_ok=True)
        (tmp_path / f"experiment/{name}.yaml").write_text(preset)
    for path in CONF.iterdir():
        if path.name != "experiment":
            (tmp_path / path.name).symlink_to(path)
    monkeypatch.setattr("experiments.config.compose.CONF", tmp_path)
    assert len(sweep(["+experiment=one", "dataset=iris"])) == 1
    with pytest.raises(ConfigError, match=r"tune.seeds: 8 is also in seeds of another job of the run iris-relu"):
        sweep(["+experiment=one,two", "dataset=iris"])


@pytest.fixture(scope="module")
def hydra_alone():
    """Return Hydra's loader, what it composes of its own settings, and a function that composes words without us."""
    register_schema()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        master = loader.load_configuration("config", [], RunMode.MULTIRUN)
    return loader, master, lambda words: plain_values(loader.load_sweep_config(master, words))


def test_jobs_are_composed_as_hydra_alone_composes_them(hydra_alone):
    loader, master, alone = hydra_alone
    composer = Composer(loader, master)
    lines = [
        [],
        ["activation=elu", "activation.alpha=0.5"],
        ["activation.alpha=0.7", "activation=elu", "optimizer.lr=[0.1,0.2]"],
        ["activation=elu"],  # nothing is left of the jobs before it
        ["dataset=iris", "optimizer=adam", "activation_l1=${dataset.lr}"],
        ["study=${hydra.job.config_name}", "dataset=iris"],
        ["study=${oc.select:hydra.job.config_name,none}", "dataset=iris"],
        ["activation=formula", "formula.expression=x*beta", "+formula.parameters.beta=1.0"],
        ["activation=formula", "formula.parameters={beta: 1.0}"],
        ["+experiment=glorot_2011", "activation=softplus", "activation_l1=0.001", "net.hidden=[3]"],
        ["+experiment=mse_vs_ce", "optimizer.lr=0.5"],
        ["net.hidden=[2]", "net.hidden=[3]"],
    ]
    for words in lines * 2:
        assert composer.values(words) == alone(words), words


@pytest.mark.parametrize("word", ["epochz=3", "activation=rely", "epochs=many", "~epochz", "activation.alpha=1"])
def test_a_word_is_refused_as_hydra_alone_refuses_it(hydra_alone, word):
    loader, master, alone = hydra_alone
    refusals = []
    for compose in (alone, Composer(loader, master).values):
        with pytest.raises((HydraException, OmegaConfBaseException)) as refused:
            compose(["dataset=iris", word])
        refusals.append((type(refused.value), str(refused.value)))
    assert refusals[0] == refusals[1]


def test_many_jobs_compose_each_choice_of_options_once(hydra_alone, monkeypatch):
    loader, master, _ = hydra_alone
    composed = []
    load = type(loader).load_sweep_config
    monkeypatch.setattr(
        type(loader), "load_sweep_config", lambda self, *values: composed.append(values[1]) or load(self, *values)
    )
    composer = Composer(loader, master)
    for width in range(1, 50):
        for activation in ("elu", "relu"):
            values = composer.values([f"activation={activation}", f"net.hidden=[{width}]"])
            assert (values["activation"]["name"], values["net"]["hidden"]) == (activation, [width])
    assert composed == [["activation=elu"], ["activation=relu"]]


def test_a_registered_class_without_its_file_is_answered_with_the_line_that_writes_it(tmp_path):
    lines = (
        "from nets.activations import ACTIVATIONS, Tanh",
        "from experiments.config.compose import Composer, sweep",
        "class Arctan(Tanh, name='arctan'): pass",
        "try: sweep(['activation=arctan'])",
        "except ValueError as error: print(error)",
    )
    out = python("-c", "\n".join(lines), cwd=tmp_path).stdout
    path = ROOT / "conf/activation/arctan.yaml"
    assert out.startswith("activation=arctan is registered, but its file is missing; run: ")
    assert shlex.split(out.partition("run: ")[2]) == [
        *("echo", "defaults: [/schema/activation/arctan@_here_]", ">", str(path)),
    ]


@pytest.mark.parametrize(
    "words",
    [
        ["activation=relu,prelu,catalogue/serf", "dataset=iris,breast_cancer,diabetes", "init=auto,he_normal"],
        ["optimizer=sgd,adam", "schedule=constant,cosine", "dataset=wine,digits", "optimizer.lr=[0.1,0.2]"],
        ["+experiment=headline", "optimizer=sgd,adam", "dataset.batch_size=16"],
        ["+experiment=suite_regression", "activation=relu,catalogue/serf,prelu", "optimizer=sgd,adam"],
        ["dataset=iris,moons,statsmodels/star98", "activation=relu,elu,tanh", "init=auto,he_normal", "epochs=3"],
    ],
)
def test_jobs_that_are_assembled_are_those_that_hydra_composes(words, monkeypatch):
    def jobs():
        return [(job.run, job.condition, job.rates, line) for job, line in sweep(words)]

    assembled = jobs()
    monkeypatch.setattr(Composer, "_assembled", lambda self, choosing: None)
    assert assembled == jobs()


def test_a_large_sweep_composes_each_option_and_not_each_pair(monkeypatch):
    composed = []
    load = ConfigLoaderImpl.load_sweep_config

    def counted(self, master, words):
        composed.append(words)
        return load(self, master, words)

    monkeypatch.setattr(ConfigLoaderImpl, "load_sweep_config", counted)
    datasets = "iris,wine,moons,circles,spirals,xor"
    jobs = sweep([f"dataset={datasets}", "activation=relu,elu,selu,tanh,sigmoid,softplus,gelu,silu"])
    assert len(jobs) == 48
    assert len(composed) == 6 + 8 - 1
