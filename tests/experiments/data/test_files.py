"""A user's file gives the numbers of a built-in data set, or one line that names its fault."""

import gzip
import hashlib
import io
import json
import os
import shlex
from urllib.error import URLError

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer

from experiments.config.compose import sweep
from experiments.config.errors import ConfigError
from experiments.config.settings import from_record
from experiments.data.frames import from_frame
from experiments.data.sets import load
from experiments.sweep.jobs import Job
from experiments.training.run import train
from tests.experiments.data.examples import OWN, table
from tests.programs import ROOT, python


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Paths are relative to the working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- the same as what is built in


def test_a_built_in_data_set_as_a_file_gives_the_same_tables_bit_for_bit(settings):
    load_breast_cancer(as_frame=True).frame.to_csv("cancer.csv", index=False)
    small = ("net.hidden=[8]", "epochs=3", "seeds=3", "optimizer.lr=[0.05,0.1]")
    own = settings("dataset=csv", "dataset.path=cancer.csv", "dataset.target=target", *small)
    built_in = settings("dataset=breast_cancer", *small)
    assert own.data.features == built_in.data.features
    ours, theirs = (train(each, each.replicas).frames for each in (own, built_in))
    for name in ("history", "layers", "replicas"):
        # A class of the file is called 0 or 1.
        same = [column for column in theirs[name] if column not in ("run", "dataset") and "_recall_" not in column]
        assert ours[name][same].equals(theirs[name][same])


@pytest.mark.parametrize("ending", ["parquet", "npz"])
def test_every_kind_of_file_gives_the_same_run(settings, ending):
    frame = table()
    frame.to_csv("mine.csv", index=False)
    frame.to_parquet("mine.parquet")
    np.savez(
        "mine.npz",
        **{
            name: column.to_numpy().astype("U" if column.dtype == "str" else column.dtype)
            for name, column in frame.items()
        },
    )
    runs = [settings(*OWN, f"dataset.path=mine.{kind}").run for kind in ("csv", ending)]
    assert runs[0] == runs[1]
    assert runs[0].startswith("mine-relu-sigmoid_ce-")


def test_wide_arrays_are_columns_by_number(settings):
    np.savez("wide.npz", X=np.arange(120.0).reshape(40, 3) ** 2, y=np.arange(40) % 2)
    assert settings(*OWN, "dataset.path=wide.npz").data.features == ("X1", "X2", "X3")


def test_what_a_file_holds_is_the_run_not_where_it_lies(settings, folder):
    table().to_csv("mine.csv", index=False)
    before = settings(*OWN, "dataset.path=mine.csv")
    (folder / "deep").mkdir()
    os.rename("mine.csv", "deep/mine.csv")
    moved = settings(*OWN, "dataset.path=deep/mine.csv")
    assert moved.run == before.run
    assert "path" not in str(moved.columns)
    assert moved.record["dataset"]["path"] == "deep/mine.csv"
    table(seed=1).to_csv("deep/mine.csv", index=False)
    assert settings(*OWN, "dataset.path=deep/mine.csv").run != before.run


def test_a_class_that_is_renamed_is_another_run(settings):
    table().to_csv("mine.csv", index=False)
    before = settings(*OWN, "dataset.path=mine.csv").run
    table().replace({"y": {"yes": "yeah"}}).to_csv("mine.csv", index=False)
    assert settings(*OWN, "dataset.path=mine.csv").run != before


def test_a_record_is_loaded_again_or_refused_where_the_data_changed(settings):
    table().to_csv("mine.csv", index=False)
    own = settings(*OWN, "dataset.path=mine.csv", "class_weight=balanced")
    record = own.record | {"seeds": [0], "lr": [0.1]}
    assert from_record(record).run == own.run
    table(seed=1).to_csv("mine.csv", index=False)
    with pytest.raises(ConfigError, match="mine: the data are not those that were recorded"):
        from_record(record)
    os.remove("mine.csv")
    with pytest.raises(ConfigError, match="there is no such file"):
        from_record(record)


def test_an_inferred_task_is_the_same_run_as_a_stated_one_and_is_printed(settings):
    table().to_csv("mine.csv", index=False)
    inferred = settings(*OWN, "dataset.path=mine.csv")
    assert settings(*OWN, "dataset.path=mine.csv", "dataset.task=classification").run == inferred.run
    printed = python(ROOT / "run.py", *OWN, "dataset.path=mine.csv", cwd=".").stdout
    assert printed.startswith("mine: classification, classes no, yes; 60 rows, 7 inputs; one-hot: flag 2, colour 3\n")
    assert "2 replicas trained" in printed
    table().assign(a=[None, *range(59)]).to_csv("mine.csv", index=False)
    printed = python(ROOT / "run.py", *OWN, "dataset.path=mine.csv", "dataset.missing=drop", cwd=".").stdout
    assert "; 59 rows (1 more has missing values), 7 inputs; " in printed


# --- what is wrong with a file


GOOD = "a,b,y\n" + "".join(f"{i},{i * i},{'uv'[i % 2]}\n" for i in range(40))


def lines(*rows):
    return (GOOD + "".join(f"{row}\n" for row in rows)).encode()


def npz(**arrays):
    def write(path):
        np.savez(path, **arrays)

    return write


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def parquet(**columns):
    return lambda path: pd.DataFrame(columns).to_parquet(path)


NUMBERS = np.arange(40.0)

LABELS = np.arange(40) % 2

FAULTS = {
    "a short row": (lines("1,2"), "line 42 has 2 cells, the header has 3"),
    "a long row": (lines("1,2,u,4"), "line 42 has 4 cells, the header has 3"),
    "all rows longer": (b"a,y\n" + b"1,2,u\n" * 40, "line 2 has 3 cells, the header has 2"),
    "an open quote": (lines('1,"2,u'), "line 42: a quote opens here and never closes"),
    "empty": (b"", "is empty: allowed is a line of column names"),
    "a header only": (b"a,b,y\n", "has a header and no rows"),
    "a column without a name": (b"a,,y\n1,2,u\n", "column 2 has no name"),
    "semicolons": (GOOD.replace(",", ";").encode(), "its header is one cell, 'a;b;y': add dataset.separator=semicolon"),
    "decimal commas": (
        b"a;y\n" + b"1,5;u\n2,5;v\n" * 20,
        "its header is one cell, 'a;y': add dataset.separator=semicolon dataset.decimal=comma",
    ),
    "quoted headers": (
        b'"a";"b";"y"\n' + b"1;2;u\n2;3;v\n" * 20,
        "add dataset.separator=semicolon",
    ),
    "a text for each row": (
        b"how much?,b,y\n" + b"".join(b'"so, %d",%d,%d\n' % (i, i % 3, i % 2) for i in range(40)),
        "column 'how much?' has another text in every row: name the rows by 'dataset.index=\"how much?\"', or",
    ),
    "a category like a column": (
        b"a,a=u,y\n" + b"u,1,0\nv,2,1\n" * 20,
        "the column name 'a=u' occurs 2 times",
    ),
    "one class": (GOOD.replace("v", "u").encode(), "the target 'y' is the same in every row: 'u'"),
    "a constant column": (
        GOOD.replace("y\n", "y,c\n", 1).replace("u\n", "u,1\n").replace("v\n", "v,1\n").encode(),
        "column 'c' has one value only: leave out columns by 'dataset.drop=[c]'; run: ",
    ),
    "a missing value": (
        lines("1,,u"),
        "values are missing, by column: b 1: leave out their rows by dataset.missing=drop (40 of 41 rows then remain)",
    ),
    "an empty column": (
        b"a,b,y\n" + b"1,,u\n2,,v\n" * 20,
        "the column 'b' is empty: leave out columns by 'dataset.drop=[b]'; run: ",
    ),
    "nothing but missing values": (
        b"a,b,y\n" + b",,\n" * 20,
        "the target 'y' is empty: choose another column by dataset.target",
    ),
    "another encoding": (
        GOOD.encode() + b"1,2,\xe9\n",
        "line 42 is not utf-8 (byte 0xe9): add dataset.encoding=cp1252",
    ),
    "UTF-16": (GOOD.encode("utf-16-le"), "looks like UTF-16: add dataset.encoding=utf-16-le"),
    "a NUL byte": (lines("1,\0,u"), "line 42 has a NUL byte"),
    "whole numbers of 60 bits": (lines(f"{2**60},2,u"), "column 'a' has whole numbers beyond 2^53"),
    "whole numbers of 100 bits": (lines(f"{2**100},2,u"), "column 'a' has whole numbers beyond 2^53"),
    "an infinite value": (
        lines("1,inf,u"),
        "1 cell is infinite, the first of b in line 42: leave out columns by 'dataset.drop=[b]'",
    ),
    "a name twice": (GOOD.replace("a,b,y", "a,a,y").encode(), "the column name 'a' occurs 2 times"),
    "no target": (
        GOOD.replace("y", "yy", 1).encode(),
        "there is no column 'y': did you mean 'yy'? Allowed: a, b, yy",
    ),
    "only a target": (b"y\n" + b"u\nv\n" * 20, "no column is left for the inputs"),
    "an identifier": (
        b"a,b,y\n" + b"".join(b"name%d,%d,%d\n" % (i // 2, i % 3, i % 2) for i in range(400)),
        "column 'a' has 200 different texts, but at most 100 categories are allowed",
    ),
    "a class with one row": (lines("1,2,w"), "class 'w' has 1 of 41 rows, too few to be stratified"),
    "few rows": (b"a,y\n1,u\n2,v\n3,u\n4,v\n", "of 4 rows leave the"),
    "Python objects.npz": (
        npz(X=NUMBERS, y=np.array([{}] * 40, object)),
        "array 'y' has Python objects, which",
    ),
    "no arrays.npz": (npz(), "holds no arrays"),
    "lengths.npz": (npz(X=NUMBERS, y=LABELS[:9]), "its arrays have different lengths: X 40, y 9"),
    "a scalar.npz": (npz(X=np.array(1.0), y=LABELS), "array 'X' has shape (): allowed are (rows,) and (rows, columns)"),
    "a cube.npz": (npz(X=np.ones((40, 2, 2)), y=LABELS), "array 'X' has shape (40, 2, 2)"),
    "complex.npz": (npz(X=NUMBERS * 1j, b=NUMBERS, y=LABELS), "column 'X' holds complex128, which is no number"),
    "dates.npz": (
        npz(X=NUMBERS.astype("M8[D]"), y=LABELS),
        "column 'X' has dates, such as '1970-01-01 00:00:00': add dataset.dates=numeric to read it",
    ),
    "not one.npz": (b"PK\3\4 and no more", "is no .npz archive of arrays"),
    "a single array.npz": (npy(NUMBERS), "is no .npz archive of arrays"),
    "not one.parquet": (GOOD.encode(), "is no Parquet file: "),
    "lists.parquet": (
        parquet(a=[[1], [2]] * 20, b=[1.5, 2] * 20, y=[0, 1] * 20),
        "column 'a' holds ndarray, which is no number",
    ),
    "unknown.xlsx": (GOOD.encode(), "unknown ending '.xlsx': save the sheet as CSV in your spreadsheet program"),
    "packed.csv.gz": (GOOD.encode(), "unknown ending '.gz': unpack the file"),
    "unknown.json": (GOOD.encode(), "unknown ending '.json': allowed: .csv, .tsv, .txt, .data, .parquet, .npz"),
    "near.cvs": (GOOD.encode(), "unknown ending '.cvs': did you mean '.csv'?"),
    "a folder.csv": (lambda path: path.mkdir(), "is a folder: allowed is a file"),
    "a loop.csv": (lambda path: path.symlink_to(path), "cannot be read: "),
    "absent": (lambda path: path.with_name("absend.csv").write_text(GOOD), "there is no such file: did you mean"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_file_is_one_line_and_leaves_nothing(fault, folder):
    content, message = FAULTS[fault]
    path = folder / f"data/{fault if '.' in fault else f'{fault}.csv'}"
    path.parent.mkdir()
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        content(path)
    with pytest.raises(ConfigError) as refusal:
        sweep([*OWN, f'dataset.path="data/{path.name}"'])
    line = str(refusal.value)
    assert path.stem.replace(" ", "_") in line.replace(" ", "_")
    assert message in line
    assert "\n" not in line
    assert [item.name for item in folder.iterdir()] == ["data"]


def test_the_program_prints_the_line_and_ends_with_2(folder):
    (folder / "empty.csv").touch()
    done = python(ROOT / "run.py", *OWN, "dataset.path=empty.csv", cwd=folder, code=2)
    assert done.stderr.startswith("run.py: dataset.path=empty.csv: is empty")
    assert done.stderr.count("\n") == 1
    assert not done.stdout
    assert [item.name for item in folder.iterdir()] == ["empty.csv"]


CHOICES = [
    (["dataset.task=ranking"], "dataset.task='ranking': allowed: auto, classification, regression"),
    (["dataset.task=regression"], "dataset.task=regression: the target 'y' has no numbers"),
    (["dataset.missing=mean"], "dataset.missing='mean': allowed: refuse, drop, impute, category"),
    (["dataset.drop=[aa]"], "dataset.drop: there is no column 'aa': did you mean 'a'? Allowed: a, b, y"),
    (["dataset.drop=a"], "dataset.drop='a': allowed is a list such as [a]; run: "),
    *(
        ([f"dataset.drop={value}"], f"dataset.drop='{value}': allowed is a list such as [")
        for value in ("0", "null", "true")
    ),
    (["dataset.drop=[[x]]"], "dataset.drop=[[x]]: allowed is one list, without lists in it; "),
    (["dataset.na=x"], "dataset.na='x': allowed is a list such as [x]; run: "),
    (["dataset.categories=[y]"], "column 'y' is the target: dataset.task=classification"),
    (["dataset.index=y"], "dataset.index: column 'y' is also dataset.target"),
    (["dataset.separator=tabs"], "dataset.separator='tabs': did you mean 'tab'?"),
    (["dataset.decimal=x"], "dataset.decimal='x': allowed: point, comma"),
    (["dataset.thousands=point"], "dataset.thousands=point: dataset.decimal is the same character"),
    (["dataset.encoding=utf9"], "dataset.encoding='utf9': allowed is an encoding of text that Python knows"),
    (["dataset.encoding=punycode"], "dataset.encoding='punycode': allowed is an encoding of text that Python knows"),
    (["dataset.encoding=undefined"], "dataset.encoding='undefined': allowed is an encoding of text"),
    (["dataset.header=0"], "dataset.header='0': allowed is auto, none or the number of a line"),
    (["dataset.header=99"], "dataset.header=99: the file has no such line"),
    (["dataset.drop=[y]"], "dataset.target: column 'y' is also in dataset.drop"),
    (["dataset.groups=y"], "dataset.groups: column 'y' is the target"),
    (["dataset.groups=g"], "dataset.groups: there is no column 'g'"),
    (["dataset.target=b", "class_weight=balanced"], "class_weight=balanced needs classes, but good is a regression"),
    (
        ["dataset.target=b", "output=softmax_ce"],
        "output=softmax_ce needs classes, but dataset=csv is a regression: allowed there: linear_mse, linear_mae,",
    ),
    (
        ["output=linear_mae"],
        "output=linear_mae needs numbers, but dataset=csv is a classification: allowed there: linear_mse, softmax_ce,",
    ),
    (["class_weight=balance"], "class_weight='balance': did you mean 'balanced'? Allowed: none, balanced"),
    (["dataset.pathh=x"], "unknown key 'dataset.pathh': did you mean 'dataset.path'?"),
    (["+dataset.sha256=x"], "unknown key 'dataset.sha256'"),
]


@pytest.mark.parametrize(("overrides", "message"), CHOICES, ids=[" ".join(each) for each, _ in CHOICES])
def test_a_choice_that_does_not_fit_the_table_is_refused(overrides, message, folder):
    (folder / "good.csv").write_text(GOOD)
    with pytest.raises(ConfigError) as refusal:
        sweep([*OWN, "dataset.path=good.csv", *overrides])
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(("cell", "shown"), [("-3", "-3"), ("2.5", "2.5")])
def test_a_target_that_is_no_count_is_named_with_its_column(cell, shown, folder, settings):
    rows = [f"{i},{i * 3}\n" for i in range(40)]
    (folder / "counts.csv").write_text("".join(["a,visits\n", *rows]))
    words = ("dataset=csv", "dataset.path=counts.csv", "dataset.target=visits", "output=exp_poisson", "batch_size=8")
    assert settings(*words).output.name == "exp_poisson"
    rows[7] = f"7,{cell}\n"
    (folder / "counts.csv").write_text("".join(["a,visits\n", *rows]))
    with pytest.raises(ConfigError) as refusal:
        sweep([*words])
    assert str(refusal.value) == (
        f"output exp_poisson takes counts (0, 1, 2, …), not {shown}, as in target 'visits' of counts: "
        "allowed there: linear_mse, linear_mae, linear_huber, gaussian_nll, quantile"
    )


def test_numbers_that_were_read_as_classes_can_be_counts(folder):
    (folder / "counts.csv").write_text("a,visits\n" + "".join(f"{i},{i % 7}\n" for i in range(60)))
    words = ["dataset=csv", "dataset.path=counts.csv", "dataset.target=visits", "output=exp_poisson", "batch_size=8"]
    with pytest.raises(ConfigError) as refusal:
        sweep(words)
    assert str(refusal.value) == (
        "output=exp_poisson needs numbers, but the 7 different numbers of its target 'visits' were read as classes; "
        f"run: python run.py {shlex.join(words)} dataset.task=regression"
    )
    assert sweep([*words, "dataset.task=regression"])


@pytest.mark.parametrize("output", ["exp_poisson", "auto"])
def test_a_rare_count_is_no_class_without_rows(folder, output):
    counts = [*range(6)] * 10 + [13]
    (folder / "counts.csv").write_text("a,visits\n" + "".join(f"{i},{count}\n" for i, count in enumerate(counts)))
    words = ["dataset=csv", "dataset.path=counts.csv", "dataset.target=visits", f"output={output}", "batch_size=8"]
    with pytest.raises(ConfigError, match=r"dataset\.task=regression$") as refusal:
        sweep(words)
    assert ("were read as classes" in str(refusal.value)) == (output == "exp_poisson")
    assert ("or a count" in str(refusal.value)) == (output == "auto")
    assert sweep([*words, "dataset.task=regression"])


SPELLINGS = [
    ["dataset.separator=comma"],
    ['dataset.separator=","', "dataset.decimal=point", 'dataset.thousands=""'],
    ["dataset.decimal=."],
    ["dataset.encoding=UTF-8"],
    ["dataset.encoding=latin-1"],
    ["dataset.header=1"],
    ["dataset.na=[]", "dataset.dates=refuse", 'dataset.index=""'],
]


@pytest.mark.parametrize("overrides", SPELLINGS, ids=" ".join)
def test_how_a_file_is_written_is_no_part_of_a_run(overrides, folder, settings):
    (folder / "good.csv").write_text(GOOD)
    usual, other = (settings(*OWN, "dataset.path=good.csv", *more) for more in ([], overrides))
    assert other.run == usual.run
    assert other.record["dataset"]["path"] == "good.csv"


def test_a_file_with_other_separators_is_the_same_run_and_is_read_again_from_its_record(folder, settings):
    (folder / "a").mkdir()
    (folder / "good.csv").write_text(GOOD)
    (folder / "a" / "good.csv").write_text(GOOD.replace(",", "\t"), encoding="utf-16")
    usual = settings(*OWN, "dataset.path=good.csv")
    other = settings(*OWN, "dataset.path=a/good.csv", "dataset.separator=tab", "dataset.encoding=utf-16")
    assert other.run == usual.run
    assert "separator" not in usual.record["dataset"]
    record = json.loads(json.dumps(other.record)) | {"seeds": [0], "lr": [0.05]}
    assert from_record(record).record == other.record


def test_the_record_of_a_reading_option_gives_the_columns_in_the_same_order(folder, settings):
    (folder / "good.csv").write_text(GOOD)
    own = settings(*OWN, "dataset.path=good.csv", 'dataset.na=["-1"]', "dataset.dates=numeric")
    record = json.loads(json.dumps(own.record)) | {"seeds": [0], "lr": [0.05]}
    assert list(from_record(record).columns) == list(own.columns)


def test_lists_of_numbers_are_lists_of_texts_and_the_order_of_markers_has_no_effect(folder, settings):
    (folder / "good.csv").write_text(GOOD)
    ways = ["dataset.na=[-9,x]", 'dataset.na=["-9",x]', 'dataset.na=[x,"-9 ","-9"]']
    runs = {settings(*OWN, "dataset.path=good.csv", way).run for way in ways}
    assert len(runs) == 1
    assert runs != {settings(*OWN, "dataset.path=good.csv").run}


def test_what_a_data_set_needs_is_said():
    for overrides, message in (([], "dataset=csv needs dataset.path=…"), (["dataset=openml"], "needs dataset.id=…")):
        with pytest.raises(ConfigError, match=message):
            sweep(["dataset=csv", *overrides])


def test_a_glob_means_the_data_sets_that_need_nothing_said():
    jobs = sweep(["dataset=glob(c*)"])
    assert [settings.data.name for settings, _ in jobs] == ["circles"]
    with pytest.raises(ConfigError, match="matches nothing"):
        sweep(["dataset=glob(csv)"])


# --- OpenML


@pytest.fixture
def openml(folder, monkeypatch):
    """Put a data set into scikit-learn's cache, where it would be had it been fetched, and cut the network."""
    frame = table(40).drop(columns="flag")
    kinds = {"a": "REAL", "n": "INTEGER", "colour": "{red,blue,green}", "y": "{yes,no}"}
    header = "".join(f"@ATTRIBUTE {name} {kind}\n" for name, kind in kinds.items())
    arff = f"@RELATION mine\n{header}@DATA\n{frame.to_csv(index=False, header=False)}".encode()
    features = [
        {
            "index": str(place),
            "name": name,
            "data_type": "nominal" if kind.startswith("{") else "numeric",
            "is_target": str(name == "y").lower(),
            "is_ignore": "false",
            "is_row_identifier": "false",
            "number_of_missing_values": "0",
        }
        | ({"nominal_value": kind.strip("{}").split(",")} if kind.startswith("{") else {})
        for place, (name, kind) in enumerate(kinds.items())
    ]
    about = {"id": "7", "name": "flowers", "version": "1", "status": "active", "format": "ARFF", "description": "ours"}
    about |= {
        "url": "https://www.openml.org/data/v1/download/7/flowers.arff",
        "md5_checksum": hashlib.md5(arff).hexdigest(),
    }
    answers = {
        "api/v1/json/data/7": json.dumps({"data_set_description": about}).encode(),
        "api/v1/json/data/features/7": json.dumps({"data_features": {"feature": features}}).encode(),
        "api/v1/json/data/qualities/7": json.dumps(
            {"data_qualities": {"quality": [{"name": "NumberOfInstances", "value": "40.0"}]}}
        ).encode(),
        "data/v1/download/7/flowers.arff": arff,
    }
    for place, content in answers.items():
        path = folder / "cache/openml/openml.org" / f"{place}.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content))
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(folder / "cache"))

    def unreachable(*arguments, **options):
        raise URLError("no network here")

    monkeypatch.setattr("sklearn.datasets._openml.urlopen", unreachable)
    monkeypatch.setattr("sklearn.datasets._openml.time.sleep", lambda seconds: None)
    return frame


def test_openml_comes_from_the_cache(openml, settings):
    own = settings("dataset=openml", "dataset.id=7", "batch_size=8")
    assert own.run.startswith("flowers-relu-sigmoid_ce-")
    file = from_frame("flowers", openml, target="y")
    assert (own.data.inputs, own.data.features) == (pytest.approx(file.inputs), file.features)
    assert own.data.classes == ("no", "yes")
    assert settings("dataset=openml", "dataset.id=7", "dataset.target=a", "batch_size=8").data.task == "regression"


@pytest.mark.filterwarnings("ignore:A network error occurred")  # scikit-learn's, before it tries again
def test_openml_that_cannot_be_fetched_is_one_line(openml, settings):
    with pytest.raises(ConfigError, match=r"dataset.id=8: cannot be fetched from OpenML: .*no network here"):
        settings("dataset=openml", "dataset.id=8")


def test_a_job_of_own_data_knows_what_is_finished(settings):
    table().to_csv("mine.csv", index=False)
    assert len(Job.of(settings(*OWN, "dataset.path=mine.csv")).missing) == 2


def test_a_file_that_changes_is_read_again():
    table().to_csv("mine.csv", index=False)
    first = load("csv", path="mine.csv", target="y")
    assert load("csv", path="mine.csv", target="y") is first
    table(59).to_csv("mine.csv", index=False)
    assert len(load("csv", path="mine.csv", target="y").inputs) == 59
