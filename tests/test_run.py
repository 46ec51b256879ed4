"""The program as a user starts it."""

import itertools
import json
import re

import pandas as pd
import pytest
import yaml

from experiments.store.reading import load_tables
from experiments.tables import (
    CLASS_METRICS,
    CONFUSION,
    CROSSINGS,
    HISTORY,
    IDENTITY,
    LAYERS,
    MEASURED,
    NUMBER_METRICS,
    OUTCOME,
    RECALL,
    RELIABILITY,
    STUDY,
    TIMING,
    sorted_metrics,
)
from nets.outputs import OUTPUTS
from tests.programs import ROOT, python

RUN = ROOT / "run.py"
QUICK = ("epochs=2", "seeds=2", "net.hidden=[8]", "dataset=iris")


def run(*arguments, cwd, code=0):
    return python(RUN, *arguments, cwd=cwd, code=code)


BAD = [
    ("activation=rellu", "unknown activation=rellu: did you mean 'relu'?"),
    ("dataset=digitz", "unknown dataset=digitz: did you mean 'digits'?"),
    ("output=softmaxce", "unknown output=softmaxce: did you mean 'softmax_ce'?"),
    ("optimizer=adm", "unknown optimizer=adm: did you mean 'adam'?"),
    ("activation=leaky_relu activation.slope=2", "activation.slope=2.0 of leaky_relu: allowed is"),
    ("activation=maxout activation.pieces=1", "activation.pieces=1 of maxout: allowed is"),
    ("activation=leaky_relu activation.slop=0.1", "unknown key 'activation.slop': did you mean 'activation.slope'?"),
    ("activation=elu +activation.beta=1", "unknown key 'activation.beta': allowed: name, alpha"),
    ("optimizer.weight_decay=-1", "optimizer.weight_decay=-1.0 of sgd: allowed is"),
    ("output=softmax_ce dataset=diabetes", "output=softmax_ce needs classes, but dataset=diabetes is a regression"),
    ("output=linear_hinge dataset=diabetes", "allowed there: linear_mse"),
    ("net.hidden=[0]", "net.hidden=[0]: allowed is"),
    ("net.hidden=[8,-1]", "net.hidden=[8, -1]: allowed is"),
    ("net.hidden=8", "net.hidden=8: allowed is"),
    ("seeds=0", "seeds=0: allowed is"),
    ("seeds=[0,0]", "or a list of different seeds"),
    ("seeds=many", "seeds='many': allowed is"),
    ("tune.seeds=-1", "tune.seeds=-1: allowed is 0 (off), a number up to 1000000"),
    ("tune.seeds=1.5", "tune.seeds=1.5: allowed is"),
    ("tune.seeds=[7,7]", "or a list of different seeds"),
    ("tune.seeds=[1,7]", "tune.seeds=[1,7]: 1 is also in seeds. A tuning seed cannot be reported."),
    ("tune.seed=3", "unknown key 'tune.seed': did you mean 'seeds'?"),
    ("epochs=abc", "epochs=abc: allowed is a whole number from 0 to 1000000"),
    ("epochs=-1", "epochs=-1: allowed is"),
    ("task=autoencod", "task='autoencod': did you mean 'autoencode'?"),
    ("task=autoencode output=softmax_ce", "output=softmax_ce needs classes, but task=autoencode has numbers"),
    ("task=autoencode output=exp_poisson", "output=exp_poisson needs counts, but task=autoencode has scaled inputs"),
    (
        "output=quantile dataset=iris",
        "output=quantile needs numbers, but dataset=iris is a classification: allowed there:",
    ),
    ("output=exp_poisson dataset=friedman1", "output exp_poisson takes counts (0, 1, 2, …), not "),
    ("output=quantile dataset=diabetes output.levels=[0.1,0.9]", "increasing levels between 0 and 1, 0.5 among them"),
    ("output=quantile dataset=diabetes output.levels=[0.5,0.1]", "output.levels=[0.5, 0.1] of quantile: allowed is"),
    ("output=quantile dataset=diabetes output.levels=[0.5,1.5]", "output.levels=[0.5, 1.5] of quantile: allowed is"),
    (
        "output=gaussian_nll dataset=diabetes output.beta=2",
        "output.beta=2.0 of gaussian_nll: allowed is a number in [0, 1]",
    ),
    ("output=linear_huber dataset=diabetes output.delta=0", "output.delta=0.0 of linear_huber: allowed is"),
    ("output=softmax_focal output.gamma=-1", "output.gamma=-1.0 of softmax_focal: allowed is"),
    ("pretrain.epochs=1 pretrain.noise=1", "pretrain.noise=1.0: allowed is"),
    ("pretrain.epochs=1 activation=maxout", "pretrain.epochs=1: maxout has pieces"),
    ("net.output_bias=1e9", "net.output_bias=1000000000.0: allowed is"),
    ("epochz=3", "unknown key 'epochz': did you mean 'epochs'?"),
    ("+epochz=3", "unknown key 'epochz': did you mean 'epochs'?"),
    ("lr=0.1", "unknown key 'lr': did you mean 'optimizer.lr'?"),
    ("every=5", "unknown key 'every': did you mean 'checkpoint.every'?"),
    ("activation=null", "activation=null: allowed: apl"),
    ("epochs=null", "epochs=null: allowed is a whole number from 0 to 1000000"),
    ("epochs=10000000000", "epochs=10000000000: allowed is a whole number from 0 to 1000000"),
    ("seeds=1000000000000", "seeds=1000000000000: allowed is a number from 1 to 1000000"),
    ("seeds=[4294967296]", "each from 0 to 4294967295"),
    ("optimizer.lr=1e40", "optimizer.lr=1e+40: allowed is a number from 1e-30 to 1e30"),
    ("init=normal init.std=1e200", "init.std=1e+200 of normal: allowed is a number in (0, 1e30]"),
    ("checkpoint.every=-1", "checkpoint.every=-1: allowed is"),
    ("dataset.name=wine", "dataset.name=wine: the option itself is chosen with dataset=wine"),
    ("hydra.mode=RUN", "of Hydra's own settings only the launcher's may be set"),
    ("hydra.searchpath=[file:///tmp]", "of Hydra's own settings only the launcher's may be set"),
    ("hydra/launcher=nope", "unknown hydra/launcher=nope"),
    ("hydra.launcher=${oc.env:CODE}", "of Hydra's own settings only the launcher's may be set"),
    ('+hydra.callbacks.x="${oc.decode:${oc.env:CODE}}"', "of Hydra's own settings only the launcher's may be set"),
    ("optimizer=[1]", "optimizer=[1]: several options are separated by commas, without brackets"),
    ("seeds=range(3,1)", "seeds=range(3,1) matches nothing"),
    ("+split.x=1", "unknown key 'split.x': allowed: test, validation"),
    ("study=../x", "study='../x': allowed is a name"),
    ("study=", "study=''"),
    ("+hydra.callbacks.x={_target_:os.system}", "_target_ in an override"),
    ("batch_size=5000", "batch_size=5000 is more than the 102 training rows of iris"),
    ("optimizer.lr=-1", "optimizer.lr=-1: allowed is"),
    ("optimizer.lr=[0.1,x]", "or a list of numbers"),
    ("epochs=range(1,9,0)", "allowed are finite numbers, and a step that is not 0"),
    ("dtype=float16", "dtype='float16': did you mean"),
    ("split.test=1.5", "split.test=1.5: allowed is a number in (0, 1)"),
    ("workers=0", "workers=0: allowed is auto or a whole number from 1 up"),
    ("hydra/launcher=joblib", "every sweep trains on all cores; workers=N sets their number; run: python run.py"),
    ("reproduce=results/default/runs/RUN", "reproduce=RUN stands alone"),
    ("dataset=moons dataset.noise=-1", "dataset.noise=-1.0 must be"),
    ("activation=glob(x*)", "activation=glob(x*) matches nothing. Allowed: apl, celu, elu"),
    ("activation=relu,rellu", "unknown activation=rellu"),
    ("activation=relu net.hidden=[4],[0]", "net.hidden=[0]: allowed is"),
    ("~activation", "~activation: allowed: apl"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[arguments for arguments, _ in BAD])
def test_bad_input_is_one_line_and_leaves_nothing(arguments, message, tmp_path):
    given = arguments.split(" ")
    defaults = [item for item in QUICK if item.split("=")[0] not in {part.split("=")[0] for part in given}]
    done = run("-m", *given, *defaults, cwd=tmp_path, code=2)
    assert message in done.stderr
    assert done.stderr.startswith("run.py: ")
    assert done.stderr.count("\n") == 1
    assert not done.stdout
    assert not list(tmp_path.iterdir())


def test_a_plan_says_how_a_file_is_read(tmp_path):
    rows = "".join(f"{row / 10},{'ab'[row % 2]}\n" for row in range(90))
    (tmp_path / "t.csv").write_text(f"x,y\n{rows}")
    words = ("dataset=csv", "dataset.path=t.csv", "dataset.target=y", "plan=true")
    first, second, *_ = run(*words, cwd=tmp_path).stdout.splitlines()
    assert first.startswith("t: classification, classes a, b; 90 rows, 1 input")
    assert second.startswith("1 condition, 10 replicas: 0 are there already")


def test_a_plan_is_read_in_a_pipe_while_its_time_is_estimated(tmp_path):
    """The estimate trains for a second; here the process ends instead, and what it has buffered is lost."""
    code = (
        "import os, runpy, sys; from experiments.sweep import planning; planning.probe = lambda job: os._exit(0); "
        "sys.stdout.reconfigure(line_buffering=False, write_through=False); sys.argv[:] = ['run.py', 'plan=true']; "
        f"runpy.run_path({str(RUN)!r}, run_name='__main__')"
    )
    assert python("-c", code, cwd=tmp_path).stdout == "1 condition, 10 replicas: 0 are there already, 10 to train\n"


def test_results_that_cannot_be_written_are_refused(tmp_path):
    (tmp_path / "results").write_text("in the way")
    done = run(*QUICK, cwd=tmp_path, code=2)
    assert "results cannot be written to results/default" in done.stderr
    assert done.stderr.count("\n") == 1


def test_traceback_on_request(tmp_path):
    done = python(RUN, "seeds=0", cwd=tmp_path, code=1, HYDRA_FULL_ERROR="1")
    assert "Traceback" in done.stderr


def test_help_comes_in_two_levels_and_refuses_a_group_that_does_not_exist(tmp_path):
    assert run("--help", "activation=elu", cwd=tmp_path).stdout.startswith("Train NumPy multilayer perceptrons")
    assert "alpha=1.0" in run("-h", "activation", cwd=tmp_path).stdout
    refused = run("--help", "presets", cwd=tmp_path, code=2).stderr
    assert refused.startswith("run.py: --help presets: allowed: activation, ")
    assert refused.count("\n") == 1


def test_cfg_job_prints_the_configuration(tmp_path):
    assert "alpha: 1.0" in run("activation=elu", "--cfg", "job", cwd=tmp_path).stdout
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A folder with a small sweep in it."""
    folder = tmp_path_factory.mktemp("study")
    run("-m", "activation=relu,tanh", "optimizer.lr=[0.05,0.1]", *QUICK, cwd=folder)
    return folder


def test_tables_have_the_documented_columns(study):
    tables = load_tables("default", study / "results")
    assert tuple(tables.history.columns) == HISTORY
    assert tuple(tables.layers.columns) == LAYERS
    assert tuple(tables.replicas.columns[:6]) == IDENTITY
    metrics = sorted_metrics(list(tables.replicas))
    results = (*OUTCOME, *metrics, *STUDY)
    assert tuple(tables.replicas.columns[-len(results) :]) == results
    assert len(tables.replicas) == 2 * 2 * 2
    assert len(tables.history) == 8 * 3
    assert len(tables.layers) == 8 * 3 * 2
    assert not tables.history.isna().any().any()
    hidden = tables.layers[(tables.layers["layer"] == 1) & (tables.layers["epoch"] > 0)]
    assert not hidden.isna().any().any()
    explained = (ROOT / "results" / "README.md").read_text()
    metrics = (*CLASS_METRICS, *NUMBER_METRICS, CROSSINGS, f"{RECALL}CLASS")
    named = [f"final_{part}_{metric}" for part in MEASURED for metric in metrics]
    documented = [*HISTORY, *LAYERS, *OUTCOME, *named, *STUDY, "net.hidden", "epochs", "batch_size", "dtype", "entropy"]
    documented += [*CONFUSION, *RELIABILITY, *TIMING]
    assert not [column for column in documented if f"`{column}`" not in explained]


def test_tables_read_the_same_in_plain_pandas(study):
    ours = load_tables("default", study / "results").history
    pd.testing.assert_frame_equal(pd.read_csv(study / "results/default/history.csv"), ours)


def test_one_rate_is_selected_per_condition(study):
    replicas = load_tables("default", study / "results").replicas
    chosen = replicas[replicas["selected"]]
    assert (chosen.groupby("run")["lr"].nunique() == 1).all()
    columns = ["final_validation_error", "final_validation_loss"]
    means = replicas.groupby(["run", "lr"])[columns].mean().round(12)
    for run_name, rate in chosen.groupby("run")["lr"].first().items():
        assert means.loc[run_name].sort_values(columns, kind="stable").index[0] == rate


def test_run_folders_hold_the_documented_files(study):
    for folder in (study / "results/default/runs").iterdir():
        status = json.loads((folder / "status.json").read_text())
        files = {path.name for path in folder.iterdir()}
        assert files == {*status["files"], "status.json"}
        assert files >= {"config.yaml", "environment.json", "confusion.csv", "reliability.csv", "timing.csv"}


def snapshot(folder):
    clocks = {"timing.csv", "environment.json", "status.json"}
    return {
        path.relative_to(folder): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in clocks and not path.relative_to(folder).as_posix().count("/.")
    }


def test_a_study_grows_and_never_repeats_itself(study, tmp_path):
    arguments = ("-m", "activation=relu,tanh", *QUICK)
    first = run(*arguments, "seeds=1", "optimizer.lr=0.1", cwd=tmp_path).stdout
    assert "2 replicas trained, 0 were there already" in first
    second = run(*arguments, "seeds=[1,0]", "optimizer.lr=0.05,0.1", cwd=tmp_path).stdout
    assert "6 replicas trained, 2 were there already" in second
    third = run(*arguments, "optimizer.lr=[0.1,0.05]", cwd=tmp_path).stdout
    assert "0 replicas trained, 8 were there already" in third
    assert snapshot(tmp_path / "results") == snapshot(study / "results")
    forced = run(*arguments, "optimizer.lr=[0.1,0.05]", "force=true", cwd=tmp_path).stdout
    assert "8 replicas trained, 0 were there already" in forced
    assert snapshot(tmp_path / "results") == snapshot(study / "results")


@pytest.mark.parametrize("damage", [lambda csv: csv[:-7], lambda csv: csv.replace(b"0.1", b"0.2", 1)])
def test_a_damaged_run_is_trained_again(study, tmp_path, damage):
    run("-m", "activation=relu,tanh", "optimizer.lr=[0.05,0.1]", *QUICK, cwd=tmp_path)
    table = next((tmp_path / "results/default/runs").glob("*relu*/history.csv"))
    table.write_bytes(damage(table.read_bytes()))
    done = run("-m", "activation=relu,tanh", "optimizer.lr=[0.05,0.1]", *QUICK, cwd=tmp_path)
    assert "4 replicas trained, 4 were there already" in done.stdout
    assert snapshot(tmp_path / "results") == snapshot(study / "results")


def test_a_divergent_replica_is_a_result(tmp_path):
    done = run("-m", "output=linear_mse", "optimizer.lr=[0.05,1000]", *QUICK, "epochs=40", cwd=tmp_path)
    replicas = load_tables("default", tmp_path / "results").replicas
    assert set(replicas.loc[replicas["lr"] == 1000, "status"]) == {"diverged"}
    assert set(replicas.loc[replicas["lr"] == 0.05, "status"]) == {"done"}
    assert not replicas.loc[replicas["lr"] == 1000, "selected"].any()
    assert "4 replicas trained" in done.stdout
    again = run("-m", "output=linear_mse", "optimizer.lr=[0.05,1000]", *QUICK, "epochs=40", cwd=tmp_path)
    assert "0 replicas trained, 4 were there already" in again.stdout


def test_jobs_that_are_the_same_run_once(tmp_path):
    done = run("-m", "activation=relu,relu", "output=auto,softmax_ce", *QUICK, cwd=tmp_path)
    assert "2 replicas trained, 0 were there already" in done.stdout


def test_processes_give_the_same_tables(study, tmp_path):
    done = run("-m", "threads=2", "activation=relu,tanh", "optimizer.lr=[0.05,0.1]", *QUICK, cwd=tmp_path)
    timings = [pd.read_csv(path) for path in tmp_path.glob("results/default/runs/*/timing.csv")]
    assert [table["threads"].tolist() for table in timings] == [[1], [1]]
    assert done.stderr == "run.py: threads is called workers now: workers=2\n"
    assert snapshot(tmp_path / "results") == snapshot(study / "results")


def test_processes_tune_alike(tmp_path):
    arguments = ("-m", "activation=relu,tanh", "optimizer.lr=[0.05,0.1]", "tune.seeds=3", *QUICK)
    (tmp_path / "one").mkdir()
    (tmp_path / "many").mkdir()
    assert "16 replicas trained, 0 were there already" in run(*arguments, cwd=tmp_path / "one").stdout
    done = run(*arguments, "workers=2", cwd=tmp_path / "many")
    assert "16 replicas trained, 0 were there already" in done.stdout
    assert snapshot(tmp_path / "many") == snapshot(tmp_path / "one")
    refused = run(*arguments, "seeds=[4294967295]", "tune.seeds=0", cwd=tmp_path / "one", code=2)
    assert refused.stderr.startswith("run.py: seeds: 4294967295 is already among the tuning seeds of the run iris-relu")
    assert refused.stderr.count("\n") == 1


def preset_content(preset):
    """Return a preset with the keys and the sweep of those that it begins with."""
    content = yaml.safe_load((ROOT / f"conf/experiment/{preset}.yaml").read_text())
    swept, names = {}, [name for name in content.get("defaults", []) if isinstance(name, str)]
    for name in names if "_self_" in names else [*names, "_self_"]:
        part = content if name == "_self_" else preset_content(name)
        swept |= part["hydra"]["sweeper"]["params"]
        content = part | content
    content["hydra"] = {"sweeper": {"params": swept}}
    return content


@pytest.mark.parametrize("preset", sorted(path.stem for path in (ROOT / "conf/experiment").glob("*.yaml")))
def test_presets_are_whole_sweeps(preset, tmp_path):
    content = preset_content(preset)
    swept = content["hydra"]["sweeper"]["params"]
    quick = [f"epochs={min(1, content.get('epochs', 1))}", "seeds=2", "optimizer.lr=0.01", "batch_size=16"]
    if not {"dataset.pixels", "dataset.of"} & swept.keys():
        outputs = str(swept.get("output", "auto")).split(",")
        classes = all("classification" in OUTPUTS[name].tasks for name in outputs if name in OUTPUTS)
        quick.append(f"dataset={'iris' if classes else 'diabetes'}")
        swept.pop("dataset", None)
    if "net.hidden" in swept:  # as many layers, with few units
        quick.append(f"net.hidden={re.sub(r'[0-9]+', '8', swept['net.hidden'])}")
    if "trials" in content.get("tune", {}):
        quick[2] = "tune.trials=1"
    run(f"+experiment={preset}", *quick, cwd=tmp_path)
    (study,) = (tmp_path / "results").glob("*/replicas.csv")
    assert preset.startswith(study.parent.name)  # the same of another activation goes into the same study
    replicas = load_tables(study.parent.name, tmp_path / "results").replicas
    values = [re.findall(r"\[.*?\]|[^,]+", str(texts)) for texts in swept.values()]
    conditions = [dict(zip(swept, texts, strict=True)) for texts in itertools.product(*values)]
    for condition in conditions:
        if condition.get("pretrain.epochs") == "0":
            del condition["pretrain.lr"]  # without pre-training it has no effect
    assert replicas["run"].nunique() == len({tuple(condition.items()) for condition in conditions})
