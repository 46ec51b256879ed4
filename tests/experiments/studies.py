"""Small studies for tests, and how their files are damaged."""

import pandas as pd

from experiments.analysis.baselines import of_study
from experiments.analysis.labels import name_tasks
from experiments.store.reading import STUDY_TABLES, load_records, load_tables

SMALL = ("dataset=moons", "dataset.samples=60", "net.hidden=[4]", "epochs=2", "seeds=2")


LINES = [["activation=tanh"], ["activation=elu", "optimizer=adam"], ["activation=relu"], ["output=linear_hinge"]]


def study_tables(study):
    return {name: (study.folder / f"{name}.csv").read_bytes() for name in STUDY_TABLES}


def store_baselines(study, errors):
    """Store simple models of a study as its report does, with these errors by name on every split."""
    results = study.folder.parent
    replicas = name_tasks(load_tables(study.name, results)).replicas
    of_study(study.name, load_records(study.name, results), replicas, results)
    path = study.folder / "baselines.csv"
    stored = pd.read_csv(path)
    stored["test_error"] = stored["baseline"].map(errors).fillna(0.9)
    stored.to_csv(path, index=False)


def halve(content):
    return content[: len(content) // 2]


DAMAGES = {
    "halved": halve,
    "emptied": lambda content: b"",
    "nul": lambda content: content[:-20] + b"\0" * 20,
    "bit flipped": lambda content: content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
    "header repeated": lambda content: content + content.partition(b"\n")[0] + b"\n",
    "a digit lost": lambda content: content[:-2] + b"\n",
}
