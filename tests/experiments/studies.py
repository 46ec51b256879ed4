"""Small studies for tests, and how their files are damaged."""

from experiments.store.reading import STUDY_TABLES

SMALL = ("dataset=moons", "dataset.samples=60", "net.hidden=[4]", "epochs=2", "seeds=2")


LINES = [["activation=tanh"], ["activation=elu", "optimizer=adam"], ["activation=relu"], ["output=linear_hinge"]]


def study_tables(study):
    return {name: (study.folder / f"{name}.csv").read_bytes() for name in STUDY_TABLES}


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
