"""Jobs: train what a study lacks of one condition, store it, and at the end of a sweep say what came out."""

import multiprocessing
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass

from experiments.config import Settings
from experiments.store import Store


@dataclass(frozen=True)
class Outcome:
    """What became of one job: replicas trained now, replicas that were there before, or why it failed."""

    run: str
    trained: int = 0
    reused: int = 0
    failure: str = ""


def run_job(settings: Settings, store: Store) -> Outcome:
    """Train the missing replicas of a condition and store them; an error is recorded and returned, not raised."""
    try:
        with store.lock(settings.run):
            finished = set() if settings.force else store.finished(settings.run)
            missing = [replica for replica in settings.replicas if replica not in finished]
            if missing:
                _train(settings, missing, store)
            return Outcome(settings.run, len(missing), len(settings.replicas) - len(missing))
    except (Exception, SystemExit) as error:
        store.record_failure(settings.run, traceback.format_exc())
        return Outcome(settings.run, failure=f"{type(error).__name__}: {error}")


def _train(settings, missing, store):
    # What is not needed to find out that nothing is missing is imported here: `--help` and a repeated sweep stay fast.
    from experiments.environment import describe
    from experiments.training import train

    with _progress(settings, len(missing)) as on_epoch:
        tables = train(settings, missing, on_epoch)
    store.save(settings, tables, describe(settings))


class _progress:
    """A bar over the epochs of all replicas, on a terminal and in the main process only."""

    def __init__(self, settings, replicas):
        self.settings, self.replicas = settings, replicas

    def __enter__(self):
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(file=sys.stderr)
        main = multiprocessing.current_process().name == "MainProcess"
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("epoch {task.fields[epoch]:.0f} of {task.fields[epochs]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not (console.is_terminal and main),
            transient=True,
        )
        self.bar.start()
        settings = self.settings
        name = f"{settings.data.name} · {settings.activation.name} · {settings.output.name} · {self.replicas} replicas"
        total = self.replicas * settings.epochs
        task = self.bar.add_task(name, total=total, epoch=0, epochs=settings.epochs)

        def on_epoch(count):
            self.bar.update(task, advance=count)
            self.bar.update(task, epoch=self.bar.tasks[0].completed / self.replicas)

        return on_epoch

    def __exit__(self, *exception):
        self.bar.stop()


def finish(outcomes: Sequence[Outcome], store: Store) -> int:
    """Collect the study, print this sweep's table and its failures; return the exit code."""
    from rich.console import Console

    store.collect()
    done = [outcome.run for outcome in outcomes if not outcome.failure]
    console = Console(width=None if sys.stdout.isatty() else 120)
    if done:
        console.print(_summary(store, done))
        trained, reused = (sum(getattr(outcome, name) for outcome in outcomes) for name in ("trained", "reused"))
        console.print(
            f"{trained} replicas trained, {reused} were there already; tables in {store.folder}/",
            markup=False,
        )
    for outcome in outcomes:
        if outcome.failure:
            where = store.run_folder(outcome.run) / "failure.txt"
            print(f"failed: {outcome.run}: {outcome.failure} (traceback in {where})", file=sys.stderr)
    return int(any(outcome.failure for outcome in outcomes))


def _summary(store, runs):
    """Return a table: one row per condition of this sweep, at its selected rate."""
    from rich.table import Table

    from experiments import tables
    from experiments.statistics import labels, summarise

    replicas = tables.read(store.folder / "replicas.csv")
    replicas = replicas[replicas["run"].isin(runs)]
    label = labels(replicas, apart=("dataset", "output"))
    replicas = replicas[replicas["selected"]]
    history = tables.read(store.folder / "history.csv")
    last = history.sort_values("epoch").groupby(["run", "lr", "seed"]).tail(1)
    gradient = replicas[["run", "lr", "seed"]].merge(last, on=["run", "lr", "seed"])
    gradient = gradient.groupby("run")["gradient_norm"].mean()
    error = summarise(replicas, "run", "final_test_error").set_index("run")

    table = Table(title=f"study {store.folder.name}", title_justify="left")
    table.add_column("activation")
    table.add_column("dataset")
    table.add_column("pairing")
    for name in ("lr", "seeds", "test error, mean ± 95 %", "gradient norm", "seconds"):
        table.add_column(name, justify="right")
    order = error.loc[list(dict.fromkeys(runs))].reset_index()
    for row in order.itertuples():
        one = replicas[replicas["run"] == row.run].iloc[0]
        seconds = tables.read(store.run_folder(row.run) / "timing.csv")["total"].sum()
        classes = one["task"] == "classification"
        scale, unit = (100, " %") if classes else (1, " RMSE")
        half = (row.high - row.low) / 2 * scale
        text = f"{row.mean * scale:.2f}" + (f" ± {half:.2f}" if half == half else "") + unit
        if row.diverged:
            text = f"{row.diverged} diverged" + (f"; {text}" if row.n else "")
        table.add_row(
            label[row.run],
            one["dataset"],
            one["output"],
            f"{one['lr']:g}",
            str(row.n + row.diverged),
            text,
            f"{gradient[row.run]:.3g}" if row.n else "",
            f"{seconds:.1f}",
        )
    return table
