"""Studies made up for the tests of the report, with names that a page must not take for markup."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from experiments.figures.style import literal, render, sheet
from experiments.report.content import Content, gather
from experiments.report.drawing import Picture
from experiments.store.reading import StudyTables

SMALL = ("dataset=iris", "net.hidden=[4]", "epochs=2", "seeds=2")
HOSTILE = (
    "<script>document.title='owned'</script>",
    "=cmd()|' /C calc'!A0",
    "n" * 300,
    "ünïcödé ☃ \u202e‮",
    '"><img src=x>',
)


def study(activations=("relu", "elu", "tanh"), datasets=("digits", "wine"), seeds=4, epochs=5, rates=(0.1,)):
    """Return history and replicas of a study, the last replica of the last activation diverged."""
    generator = np.random.default_rng(0)
    history, replicas = [], []
    for place, (dataset, activation) in enumerate((d, a) for d in datasets for a in activations):
        for rate in rates:
            for seed in range(seeds):
                names = {"run": f"run-{place}", "dataset": dataset, "activation": activation, "output": "softmax_ce"}
                replica = names | {"lr": rate, "seed": seed}
                lost = activation == activations[-1] and seed == seeds - 1
                curve = 0.5 * np.exp(-np.arange(epochs + 1) / 2) + 0.02 + 0.01 * generator.random(epochs + 1)
                for epoch in range(2 if lost else epochs + 1):
                    parts = {
                        f"{part}_{what}": curve[epoch]
                        for part in ("train", "validation", "test")
                        for what in ("loss", "error")
                    }
                    history.append(replica | {"epoch": epoch} | parts | {"gradient_norm": curve[epoch]})
                outcome = {"task": "classification", "parameters": 9, "status": "diverged" if lost else "done"}
                outcome |= {
                    "diverged_epoch": 1 if lost else None,
                    "final_test_error": curve[-1],
                    "task_id": f"t{datasets.index(dataset)}",
                    "selected": rate == rates[0],
                }
                settings = {"init.name": "he_normal", "split.test": 0.2, "split.validation": 0.15}
                replicas.append(replica | settings | outcome)
    replicas = pd.DataFrame(replicas).astype({"diverged_epoch": "Int64"})
    baselines = pd.DataFrame(
        {"dataset": datasets[0], "baseline": "linear SVM", "seed": [0, 1], "test_error": [0.04, 0.06]}
    )
    return StudyTables(pd.DataFrame(history), pd.DataFrame(), replicas, baselines=baselines)


def records(tables):
    conditions = tables.replicas.drop_duplicates("run")
    return {
        row.run: {
            "config": {
                "dataset": {"name": row.dataset},
                "activation": {"name": row.activation},
                "epochs": 5,
                "seeds": [0],
            },
            "environment": {"finished": "2026-01-01", "git": {"commit": HOSTILE[0]}, "command": ["run.py"]},
        }
        for row in conditions.itertuples()
    }


@cache
def svg(text, width=2):
    """Return a figure's SVG, made by Matplotlib, with a text of the study's in it."""
    drawn = sheet(1.5, width)
    ax = drawn.subplots()
    ax.plot([0, 1], [0.123456789, 1])
    ax.set_title(literal(text))
    return render(drawn, "svg", "title").decode()


def content(tables, failure="Traceback\nValueError: no") -> Content:
    """Return the content of a report with two pictures, a failed run, and a comparison of the study with itself."""
    runs = records(tables) | {"run-lost": {"failure": failure}}
    pictures = [
        Picture("leaderboard", stem, "Leaderboard", "A figure.", svg(stem))
        for stem in ("one", tables.replicas["dataset"].iloc[0][:60])
    ]
    missing = {"depth": "one depth; run: python run.py"}
    return replace(gather("study", tables, runs, ("other", tables)), pictures=pictures, missing=missing)


def figure_files(folder: Path, study: str) -> set[str]:
    """Return the names of the files of a report's figures."""
    return {path.name for path in (folder / "results" / study / "report/figures").iterdir()}
