"""What a newcomer types: words that cannot be read, or would mean something else, are answered with words that work."""

import re
import shlex

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

from experiments.config.choices import CONF
from experiments.config.compose import error_line, expand
from experiments.config.errors import ConfigError
from experiments.config.flags import options_and_words
from experiments.config.hydra_schema import register_schema
from experiments.config.keys import SYNONYMS
from experiments.config.lines import check_together
from experiments.config.values import PLACEHOLDERS, parts
from experiments.config.words import earlier_names, hydra_words

FILES = (
    "my (1).csv",
    "a#b.csv",
    "a=b.csv",
    "a&b.csv",
    "a[1].csv",
    "ä.csv",
    "a,b.csv",
    "it's.csv",
    "my file.csv",
    "1e3.csv",
)
CSV = ("dataset=csv", "dataset.target=y")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work in a folder with small tables whose names have signs of Hydra's grammar; it is the home folder too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    rows = "".join(f"{row / 10},{'ab'[row % 2]},{row % 7},{row % 5},{row % 3},{row % 4}\n" for row in range(90))
    for name in FILES:
        (tmp_path / name).write_text(f'x,y,a(b),a b,c,","\n{rows}')
    return tmp_path


@pytest.fixture(scope="module")
def sweep():
    """Return a function from a command line's words to its jobs; what all have in common is composed once."""
    register_schema()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        master = loader.load_configuration("config", [], RunMode.MULTIRUN)
    return lambda words: expand(loader, master, hydra_words(words))


@pytest.fixture(scope="module")
def told(sweep):
    """Return a function from a command line to what it is refused with, in one line; None if it is not refused."""

    def refusal(arguments):
        flags, words = [], []
        try:
            flags, words = options_and_words(arguments)
            sweep(words)
        except Exception as error:
            line = error_line(error, words, flags)
            assert "\n" not in line
            return line
        return None

    return refusal


def offered(line):
    """Return the words of the command that a refusal ends with; None if it has none."""
    found = re.search(r"[;?.] [rR]un: python run\.py ?(.*)$", line)
    return found and shlex.split(found[1])


QUOTES = "a text with {} needs quotes of its own"
BLANKS = "blanks separate words; put quotes around the value"
DASHES = "settings have no dashes"
KEY = "allowed are words KEY=VALUE such as epochs=20"
LIST = "allowed is a list such as [{}]"
COUNTS = "numbers of seeds. Seeds themselves stand in brackets"
OTHER = "did you mean '{}'?"
ALL = "every sweep trains on all cores; workers=N sets their number"
WORDS = [
    # paths and other texts
    ([*CSV, "dataset.path=my (1).csv"], QUOTES.format("( )"), [*CSV, 'dataset.path="my (1).csv"']),
    ([*CSV, "dataset.path=a#b.csv"], QUOTES.format("#"), [*CSV, 'dataset.path="a#b.csv"']),
    ([*CSV, "dataset.path=a=b.csv"], QUOTES.format("="), [*CSV, 'dataset.path="a=b.csv"']),
    ([*CSV, "dataset.path=a&b.csv"], QUOTES.format("&"), [*CSV, 'dataset.path="a&b.csv"']),
    ([*CSV, "dataset.path=a[1].csv"], QUOTES.format("[ ]"), [*CSV, 'dataset.path="a[1].csv"']),
    ([*CSV, "dataset.path=ä.csv"], QUOTES.format("ä"), [*CSV, 'dataset.path="ä.csv"']),
    ([*CSV, "dataset.path=it's.csv"], QUOTES.format("'"), [*CSV, 'dataset.path="it\'s.csv"']),
    ([*CSV, "dataset.path=a,b.csv"], "a comma separates values unless", [*CSV, 'dataset.path="a,b.csv"']),
    ([*CSV, "dataset.path=my", "file.csv"], BLANKS, [*CSV, "dataset.path=my file.csv"]),
    ([*CSV, "dataset.path=my", "(1).csv"], BLANKS, [*CSV, 'dataset.path="my (1).csv"']),
    ([*CSV, "dataset.path=[1e3.csv]"], "allowed is one text", [*CSV, "dataset.path=1e3.csv"]),
    (["dataset=csv", "dataset.path=1e3.csv", "dataset.target=,"], QUOTES.format(","),
     ["dataset=csv", "dataset.path=1e3.csv", 'dataset.target=","']),
    ([*CSV, "dataset.path=null"], "dataset.path=null: null is no text", None),
    (["activation=formula", "formula.expression=x*sigmoid(x)"], QUOTES.format("( )"),
     ["activation=formula", 'formula.expression="x*sigmoid(x)"']),
    (["activation=formula", "formula.expression=max(x,0.1*x)"], QUOTES.format("( )"),
     ["activation=formula", 'formula.expression="max(x,0.1*x)"']),
    (["activation=formula", "formula.expression=x*tanh(x),tanh(x)"], QUOTES.format("( )"),
     ["activation=formula", 'formula.expression="x*tanh(x)","tanh(x)"']),
    (["formula.expression=x*x"], "is read by activation=formula only",
     ["activation=formula", "formula.expression=x*x"]),
    (['study="a'], "a quote is not closed", ["study=a"]),
    (["study='a"], "a quote is not closed", ["study=a"]),
    (["study=null"], "null is no text", ['study="null"']),
    (["study=my", "study"], BLANKS, ["study=my_study"]),
    (["study=results/mine"], "study='results/mine': allowed is a name", ["study=mine"]),
    # lists
    ([*CSV, "dataset.path=1e3.csv", "dataset.drop=z"], "dataset.drop='z': " + LIST.format("z"), ...),
    ([*CSV, "dataset.path=1e3.csv", "dataset.drop=0"], LIST.format("0"), ...),
    ([*CSV, "dataset.path=1e3.csv", "dataset.drop=null"], LIST.format(""),
     [*CSV, "dataset.path=1e3.csv", "dataset.drop=[]"]),
    ([*CSV, "dataset.path=1e3.csv", "dataset.drop=true"], LIST.format(""),
     [*CSV, "dataset.path=1e3.csv", "dataset.drop=[]"]),
    ([*CSV, "dataset.path=1e3.csv", "dataset.drop=[[z]]"], "without lists in it", ...),
    ([*CSV, "dataset.path=1e3.csv", "dataset.drop=[a(b),c]"], "quotes of their own",
     [*CSV, "dataset.path=1e3.csv", 'dataset.drop=["a(b)",c]']),
    ([*CSV, "dataset.path=1e3.csv", "dataset.drop=[a b (c)]"], "quotes of their own",
     [*CSV, "dataset.path=1e3.csv", 'dataset.drop=["a b"]']),
    ([*CSV, "dataset.path=1e3.csv", "dataset.drop=[a(b)]"], "quotes of their own",
     [*CSV, "dataset.path=1e3.csv", 'dataset.drop=["a(b)"]']),
    ([*CSV, "dataset.path=1e3.csv", "dataset.drop=a(b)"], "quotes of their own",
     [*CSV, "dataset.path=1e3.csv", 'dataset.drop=["a(b)"]']),
    ([*CSV, "dataset.path=1e3.csv", "dataset.drop="], LIST.format(""),
     [*CSV, "dataset.path=1e3.csv", "dataset.drop=[]"]),
    ([*CSV, "dataset.path=1e3.csv", "dataset.drop=[a", "b,", "c]"], BLANKS,
     [*CSV, "dataset.path=1e3.csv", "dataset.drop=[a b, c]"]),
    (["net.hidden=64"], LIST.format("64"), ["net.hidden=[64]"]),
    (["net.hidden=64,32"], LIST.format("64,32"), ["net.hidden=[64,32]"]),
    (["net.hidden=(64,32)"], "lists stand in brackets []", ["net.hidden=[64,32]"]),
    (["net.hidden=[64,32"], "a bracket is not closed", ["net.hidden=[64,32]"]),
    (["net.hidden=[64,", "32]"], BLANKS, ["net.hidden=[64,32]"]),
    (["net.hidden=[[64,32],[8]]"], "without lists in it", ["net.hidden=[64,32],[8]"]),
    (["schedule=multistep", "schedule.milestones=3"], LIST.format("3"),
     ["schedule=multistep", "schedule.milestones=[3]"]),
    # seeds
    (["seeds=1,2,3"], f"seeds=1,2,3 would be a sweep over 3 {COUNTS}", ["seeds=[1,2,3]"]),
    (["seeds=0,1"], f"seeds=0,1 would be a sweep over 2 {COUNTS}", ["seeds=[0,1]"]),
    (["seeds=range(1,4)"], f"seeds=range(1,4) would be a sweep over 3 {COUNTS}", ["seeds=[1,2,3]"]),
    (["seeds=choice(1,3)"], f"seeds=choice(1,3) would be a sweep over 2 {COUNTS}", ["seeds=[1,3]"]),
    (["tune.seeds=101,102", "optimizer.lr=[0.1,0.2]"], COUNTS, ["tune.seeds=[101,102]", "optimizer.lr=[0.1,0.2]"]),
    # choices and their own settings
    (["activation=[relu,elu]"], "separated by commas, without brackets", ["activation=relu,elu"]),
    (["activation=relu,", "elu"], BLANKS, ["activation=relu,elu"]),
    (["activation=relu", "elu"], KEY, ["activation=relu,elu"]),
    (["activation=ReLU,Tanh"], "unknown activation=ReLU: did you mean relu?", ["activation=relu,tanh"]),
    (["init=he,orthogonal"], "did you mean he_normal or he_uniform?", None),
    (["loss=mse"], "unknown key 'loss': did you mean 'output'? Unknown output=mse: did you mean clipped_mse", None),
    (["init=orthogon"], "did you mean 'orthogonal'?", ["init=orthogonal"]),
    (["study=a/b"], "study='a/b': allowed is a name", ["study=a-b"]),
    ([*CSV, "dataset.path=1e3.csv", "dataset.sep=semicolon"], OTHER.format("dataset.separator"), ...),
    (["activation=swish"], "unknown activation=swish: did you mean silu?", ["activation=silu"]),
    (["schedule=*"], "all options are glob(*)", ["schedule=glob(*)"]),
    (["activation=glob(se*"], "a bracket is not closed", ["activation=glob(se*)"]),
    (["activation@x=relu"], "allowed is a key without @", ["activation=relu"]),
    (["activation.name=elu"], "the option itself is chosen with activation=elu", ["activation=elu"]),
    (["relu"], f"relu: {KEY}", ["activation=relu"]),
    (["+activation=elu"], "activation is there already, so it has no + before it", ["activation=elu"]),
    (["++activation=elu"], "activation is there already, so it has no + before it", ["activation=elu"]),
    (["+epochs=3"], "epochs is there already, so it has no + before it", ["epochs=3"]),
    (["~epochs"], "~epochs: nothing is left out; allowed is epochs=VALUE", None),
    (["activation=elu,relu", "activation.alpha=0.5"], "unknown key 'activation.alpha' of relu: only elu, celu have it",
     ["activation=elu", "activation.alpha=0.5"]),
    (["activation=glob(*)", "activation.alpha=0.5"], "only elu, celu have it", ...),
    (["alpha=0.5"], OTHER.format("activation.alpha"), ["activation=elu", "activation.alpha=0.5"]),
    (["init.gain=0.8"], "unknown key 'init.gain' of auto: only he_normal", ["init=he_normal", "init.gain=0.8"]),
    (["optimizer.momentum=0.9"], "of sgd: only momentum, nesterov have it",
     ["optimizer=momentum", "optimizer.momentum=0.9"]),
    (["output=mse"], "did you mean clipped_mse, linear_mse, sigmoid_mse or softmax_mse?", None),
    (["init=xavier"], "did you mean glorot_uniform?", ["init=glorot_uniform"]),
    (["dataset=1e3.csv"], "a file is the path of the data set csv", ...),
    (["dataset=csv"], "dataset=csv needs dataset.path=…", ...),
    (["pretrain.epochs=3", "net.hidden=[]"], "pretrain.epochs=3 needs hidden layers, such as net.hidden=[64,64]", None),
    (["pretrain.lr=0.1"], "pretrain.lr has no effect without pre-training", ["pretrain.lr=0.1", "pretrain.epochs=20"]),
    # presets
    (["experiment=smoke"], "a preset is added, with a + before it", ["+experiment=smoke"]),
    (["experiment=smoke,mse_vs_ce"], "a preset is added, with a + before it", ["+experiment=smoke,mse_vs_ce"]),
    (["+experiment=[smoke,mse_vs_ce]"], "without brackets", ["+experiment=smoke,mse_vs_ce"]),
    (["+experiment=smoke", "+experiment=mse_vs_ce"], "experiment is given twice", ["+experiment=smoke,mse_vs_ce"]),
    (["smoke"], f"smoke: {KEY}", ["+experiment=smoke"]),
    (["+experiment=smkoe"], "unknown experiment=smkoe: did you mean 'smoke'?", ["+experiment=smoke"]),
    # data sets, suites and spaces
    (["dataset=iris,keel_vowel"], OTHER.format("keel/vowel"), ["dataset=iris,keel/vowel"]),
    (["dataset=vowle"], OTHER.format("keel/vowel"), ["dataset=keel/vowel"]),
    (["dataset=suite_regression", "epochs=1"], "did you mean +experiment=suite_regression?",
     ["epochs=1", "+experiment=suite_regression"]),
    (["dataset=keel", "dataset.table=vowel", "dataset.row=300"], OTHER.format("dataset.rows"),
     ["dataset=keel", "dataset.table=vowel", "dataset.rows=300"]),
    (["net.hiden=[3]"], OTHER.format("net.hidden"), ["net.hidden=[3]"]),
    (["optimizer.lr=log(1e-4,1)"], "a range of values to try is a part of tune.space",
     ["tune.space={optimizer.lr: log(1e-4,1)}", "tune.trials=16", "tune.seeds=2"]),
    (["tune.space=log(1e-4,1)"], "a range needs its key",
     ["tune.space={optimizer.lr: log(1e-4,1)}", "tune.trials=16", "tune.seeds=2"]),
    (["tune.space={optimizer.lr=log(1e-4,1)}", "tune.trials=2"], "a colon stands between a key and its range",
     ["tune.space={optimizer.lr: log(1e-4,1)}", "tune.trials=2", "tune.seeds=2"]),
    (["tune.trials=2", "tune.seeds=2", "tune.space={optimizer.lr: log(1e-4,1), net.dropuot: uniform(0,0.5)}"],
     OTHER.format("net.dropout"),
     ["tune.trials=2", "tune.seeds=2", "tune.space={optimizer.lr: log(0.0001, 1.0), net.dropout: uniform(0.0, 0.5)}"]),
    (["dataset=irsi", "init=orthogon", "epochz=2"], OTHER.format("epochs"),
     ["dataset=iris", "init=orthogonal", "epochs=2"]),
    (["+experiment=glob(x*)"], "+experiment=glob(x*) matches nothing. Allowed: clevert_2015", None),
    # other programs' names
    (["lr=0.1"], OTHER.format("optimizer.lr"), ["optimizer.lr=0.1"]),
    (["learning_rate=0.1"], OTHER.format("optimizer.lr"), ["optimizer.lr=0.1"]),
    (["optimizer.learning_rate=0.1"], OTHER.format("optimizer.lr"), ["optimizer.lr=0.1"]),
    (["n_epochs=3"], OTHER.format("epochs"), ["epochs=3"]),
    (["max_iter=3"], OTHER.format("epochs"), ["epochs=3"]),
    (["training.epochs=3"], OTHER.format("epochs"), ["epochs=3"]),
    (["hidden_layer_sizes=[32]"], OTHER.format("net.hidden"), ["net.hidden=[32]"]),
    (["net=[32]"], OTHER.format("net.hidden"), ["net.hidden=[32]"]),
    (["batch=16"], OTHER.format("batch_size"), ["batch_size=16"]),
    (["seed=3"], OTHER.format("seeds"), ["seeds=[3]"]),
    (["random_state=3"], OTHER.format("seeds"), ["seeds=[3]"]),
    (["loss=cross_entropy"], OTHER.format("output"), ["output=softmax_ce"]),
    (["cost=softmax_mse"], OTHER.format("output"), ["output=softmax_mse"]),
    (["split=0.3"], OTHER.format("split.test"), ["split.test=0.3"]),
    (["n_jobs=2"], OTHER.format("workers"), ["workers=2"]),
    (["epochz=3"], "unknown key 'epochz': did you mean 'epochs'?", ["epochs=3"]),
    (["noise=3"], "did you mean 'pretrain.noise' or 'dataset.noise'?", None),
    (["n_epochs=3", "lr=0.1", "activation=Relu"], OTHER.format("epochs"),
     ["epochs=3", "optimizer.lr=0.1", "activation=relu"]),
    # numbers
    (["seeds=null"], "seeds=null: allowed is a number", None),
    (["seeds=true"], "seeds=true: allowed is a number", None),
    (["optimizer.lr=range(0.1,0.3,0)"], "range(0.1,0.3,0): allowed are finite numbers", None),
    (["~experiment"], "a preset is added, with a + before it", None),
    (["--resolve"], "--resolve needs --cfg job", ["--cfg", "job", "--resolve"]),
    (["epochs=ten"], "epochs=ten: allowed is a whole number from 0 to 1000000", None),
    (["epochs=1e1"], "epochs=1e1: allowed is a whole number from 0 to 1000000", ["epochs=10"]),
    (["workers=1,2"], "workers=1,2: a sweep has one number of workers", ["workers=auto"]),
    (["optimizer.lr=0,1"], "a comma separates values, a point stands before decimals", ["optimizer.lr=0.1"]),
    (["optimizer.lr=interval(0.1,0.2)"], "an interval has no values to try", None),
    (["save=maybe"], "save=maybe: allowed is true or false", None),
    (["activation=elu", "activation.alpha=big"], "activation.alpha=big: allowed is a number in (0, 1e6]", None),
    (["epochs=${other}"], "epochs: Interpolation key 'other' not found", None),
    # options and launchers
    (["--seeds", "5"], f"--seeds: {DASHES}", ["seeds=5"]),
    (["-m", "--seeds=5", "--learning-rate", "0.1", "--plan"], f"--seeds=5: {DASHES}",
     ["-m", "seeds=5", "optimizer.lr=0.1", "plan=true"]),
    (["--activation", "relu", "elu"], f"--activation: {DASHES}", ["activation=relu,elu"]),
    (["--dry-run"], DASHES, ["plan=true"]),
    (["--save-model", "--random-state", "3"], DASHES, ["save=true", "seeds=[3]"]),
    (["file=1e3.csv", "target=y"], "did you mean dataset=csv dataset.path=1e3.csv?",
     ["dataset=csv", "dataset.path=1e3.csv", "dataset.target=y"]),
    (["--seeds"], f"--seeds: {DASHES}; allowed is seeds=VALUE", None),
    (["--fast"], "unknown option --fast", None),
    (["--cfg"], "--cfg: allowed is --cfg job|hydra|all", None),
    (["hydra/launcher=joblib"], ALL, []),
    (["-m", "hydra/launcher=joblib", "activation=relu,elu"], ALL, ["-m", "activation=relu,elu"]),
    (["hydra/launcher=joblib", "hydra.launcher.n_jobs=0", "epochs=3"], ALL, ["epochs=3"]),
    (["hydra/launcher=joblib", "hydra.launcher.n_jobs=-1"], ALL, []),
    (["hydra/launcher=joblib", "hydra.launcher.n_jobs=3", "epochs=3"], ALL, ["epochs=3", "workers=3"]),
    (["hydra/launcher=joblib", "n_jobs=2"], ALL, ["workers=2"]),
    (["hydra/launcher=joblib", "threads=2"], ALL, ["workers=2"]),
    (["hydra.launcher.n_jobs=2"], ALL, ["workers=2"]),
    (["hydra.launcher.ray.init.address=head:6379"], "hydra.launcher.ray.init.address=head:6379 needs a launcher",
     ["hydra/launcher=ray_cluster", "hydra.launcher.ray.init.address=head:6379"]),
    (["workers=0"], "workers=0: allowed is auto or a whole number from 1 up", None),
    (["threads=0"], "workers=0: allowed is auto or a whole number from 1 up", None),
    (["threads=2", "workers=3", "epochs=1"], "threads=2 and workers=3: threads is the earlier name of workers",
     ["workers=3", "epochs=1"]),
    (["--threads", "2"], f"--threads: {DASHES}", ["threads=2"]),
    (["--jobs", "2"], f"--jobs: {DASHES}", ["workers=2"]),
    (["results/mine"], f"results/mine: {KEY}", None),
    (["unheard=3"], "unknown key 'unheard': allowed: dataset, task, activation", None),
]  # fmt: skip


@pytest.mark.parametrize(("words", "message", "meant"), WORDS, ids=[" ".join(words)[:50] for words, *_ in WORDS])
def test_a_wrong_word_is_answered_with_the_words_that_work(words, message, meant, told, sweep, folder):
    before = sorted(path.name for path in folder.iterdir())
    line = told(words)
    assert message in line
    assert not re.search(r"hydra\.cc|full_key|object_type|Lexer|EOF|struct|<class", line)
    better = offered(line)
    if meant is not ...:
        assert better == meant
    if better is not None:
        assert_works(better, sweep)
    assert sorted(path.name for path in folder.iterdir()) == before


@pytest.mark.parametrize("option", ["hydra.launcher.cpus_per_task=4", "+hydra.launcher.partition=gpu"])
def test_an_option_of_slurm_needs_the_launcher_of_slurm(option):
    with pytest.raises(ConfigError, match="needs a launcher") as refused:  # the launcher may not be installed
        check_together([option, "epochs=3"])
    assert refused.value.instead == ["hydra/launcher=slurm", option.lstrip("+"), "epochs=3"]


def assert_works(better, sweep):
    """Compose an offered command; where a word stands for a value, the data cannot be read."""
    _, words = options_and_words(better)
    if PLACEHOLDERS.isdisjoint(word.partition("=")[2] for word in words):
        assert sweep(words)
    else:
        hydra_words(words)


VALUES = {
    "optimizer.lr": ("0.1", "auto"),
    "optimizer.weight_decay": ("0.1", "strong"),
    "optimizer": ("adam", "lbfgs"),
    "epochs": ("3", "ten"),
    "batch_size": ("16", "5000"),
    "seeds": ("3", "None"),
    "net.hidden": ("[64,64]", "64x64"),
    "activation": ("swish", "step_function"),
    "output": ("cross_entropy", "nll"),
    "dataset": ("iris", "xyzzy"),
    "dataset.path": ("1e3.csv", "null"),
    "init": ("xavier", "zeros"),
    "dataset.separator": ('";"', None),
    "dataset.na": ('["?"]', "{a: 1}"),
    "dataset.drop": ("[a]", "{a: 1}"),
    "dataset.groups": ("a", None),
    "net.norm": ("batch", "group"),
    "net.dropout": ("0.5", "50%"),
    "net.residual": ("true", "maybe"),
    "optimizer.clip_norm": ("1", "all"),
    "schedule.warmup": ("1", "half"),
    "output.label_smoothing": ("0.1", "2"),
    "early_stopping.patience": ("5", "ten"),
    "metrics.every_epoch": ("true", "often"),
    "diagnostics.sides": ("true", "left"),
    "schedule": ("step", "plateau"),
    "split.test": ("0.3", "20%"),
    "split.validation": ("0.3", "20%"),
    "study": ("mine", "???"),
    "dtype": ("float64", "16"),
    "activation.slope": ("0.2", "2"),
    "workers": ("2", "all"),
    "experiment": ("smoke", "xyzzy"),
    "plan": ("true", "maybe"),
    "force": ("true", "maybe"),
    "save": ("true", "best"),
}
"""By key, a value of other programs that has a meaning here, and one that has none."""
BY_WORDS = {tuple(words): name for name, words in SYNONYMS.items()}


@pytest.mark.parametrize("templates", BY_WORDS, ids=BY_WORDS.values())
def test_another_programs_name_of_a_setting_is_answered(templates, told, sweep):
    key = parts(templates[-1])[1]
    right, wrong = VALUES[key]
    line = told([f"{BY_WORDS[templates]}={right}"])
    assert "did you mean" in line
    better = offered(line)
    assert key in [parts(word)[1] for word in better]
    assert_works(better, sweep)
    if wrong is None:  # any text may be meant
        return
    line = told([f"{BY_WORDS[templates]}={wrong}"])
    assert "did you mean" in line
    assert offered(line) is None
    assert len(re.findall(r"did you mean|llowed|more than|is no text|cannot|matches nothing", line)) > 1, line


@pytest.mark.parametrize("name", SYNONYMS)
def test_another_programs_name_is_no_key(name):
    with pytest.raises(ConfigError, match="did you mean") as refused:
        hydra_words([f"{name}=[3]"])
    assert refused.value.instead


@pytest.mark.parametrize(
    ("words", "first", "second"),
    [
        (["solver=lbfgs"], "did you mean 'optimizer'?", "Unknown optimizer=lbfgs: allowed: adam"),
        (["tune.seeds=1,2"], COUNTS, "1 and 2 are also in seeds"),
        (["--seeds", "5", "epochs=ten"], DASHES, "epochs=ten: allowed is a whole number"),
        (["layers=3"], "the key is net.hidden, with the width of each layer", "such as net.hidden=[128,128]"),
        (["net.hidden=64x64"], "allowed is a list in brackets", ""),
        (["dataset=csv", "epochs=ten"], "dataset=csv needs dataset.path=…", "epochs=ten: allowed is a whole number"),
        (["dataset=csv", "--seeds", "5", "dataset.path=no.csv", "dataset.target=y"], DASHES, "there is no such file"),
        (["study=1e3,études", "experiment=smoke"], "allowed is a name", ""),
        (["--dry-run", "activation=unheard_of"], DASHES, "unknown activation=unheard_of: allowed: "),
    ],
)  # fmt: skip
def test_a_command_that_would_be_refused_is_not_offered(words, first, second, told):
    line = told(words)
    assert first in line
    assert second in line
    assert offered(line) is None


def test_a_command_without_a_target_is_told_the_columns_of_the_file(told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.csv").write_text("a;b;species\n1;2;x\n3;4;y\n")
    words = ["dataset=csv", "dataset.path=my.csv", "dataset.separator=semicolon"]
    line = told(words)
    assert "dataset=csv needs dataset.target=…; COLUMN is one of a, b, species; run: " in line
    assert offered(line) == [*words, "dataset.target=COLUMN"]
    line = told(["dataset=csv", "dataset.path=no.csv"])
    assert "dataset.path=no.csv: there is no such file: did you mean " in line
    assert offered(line) is None


@pytest.mark.parametrize("name", ["1e3", "007", "1.50", "1_000", "true", "nan", "0x1f", "2024"])
def test_a_name_is_kept_as_it_was_typed(name, sweep):
    ((settings, _),) = sweep(["dataset=iris", f"study={name}"])
    assert settings.study == name
    assert [settings.study for settings, _ in sweep(["dataset=iris", f"study={name},b"])] == [name, "b"]


def test_a_text_that_needs_no_care_is_passed_on_as_it_is():
    words = ["study=2024", "dataset.drop=[a,2020]", 'dataset.path="a b.csv"', "activation=relu,elu"]
    assert hydra_words(["dataset=csv", "dataset.target=y", *words])[2:] == words


def test_the_names_of_columns_are_kept_as_they_were_typed():
    assert hydra_words([*CSV, "dataset.path=x.csv", "dataset.drop=[a,1e3,true]"])[-1] == 'dataset.drop=[a,"1e3","true"]'
    assert hydra_words(["dataset=csv", "dataset.path=x.csv", "dataset.target=1.50"])[-1] == 'dataset.target="1.50"'


@pytest.mark.parametrize("word", ["dataset.path=~/a#b.csv", 'dataset.path="~/a#b.csv"'])
def test_the_home_folder_is_found(word, sweep, told, folder):
    words = [*CSV, word]
    line = told(words)
    if line is not None:
        words = offered(line)
    ((settings, _),) = sweep(words)
    assert settings.path == str(folder / "a#b.csv")


def test_an_options_setting_is_composed_with_the_options_that_are_swept(sweep):
    jobs = sweep(["dataset=iris", "activation=elu,celu", "activation.alpha=0.5"])
    assert [(settings.activation.name, settings.activation.alpha) for settings, _ in jobs] == [
        ("elu", 0.5),
        ("celu", 0.5),
    ]


def test_the_threads_of_earlier_versions_are_workers(sweep):
    words = ["dataset=iris", "threads=3"]
    assert [settings.workers for settings, _ in sweep(words)] == [3]
    assert earlier_names(words) == ["threads is called workers now: workers=3"]
    assert not earlier_names(["workers=3"])


def test_lists_of_seeds_may_be_swept(sweep):
    assert [settings.seeds for settings, _ in sweep(["dataset=iris", "seeds=[0,1],[1,2]"])] == [(0, 1), (1, 2)]
    assert [settings.seeds for settings, _ in sweep(["dataset=iris", "seeds=3,3"])] == [(0, 1, 2)]
