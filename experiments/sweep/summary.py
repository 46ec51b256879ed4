"""The table that closes a sweep."""


def _summary(store, runs):
    """Return a table: one row per condition of this sweep, at its selected rate."""
    from rich.table import Table

    from experiments import tables
    from experiments.analysis.labels import labels
    from experiments.analysis.statistics import summarise

    replicas = tables.read(store.folder / "replicas.csv")
    replicas = replicas[replicas["run"].isin(runs)]
    label = labels(replicas, omit=("dataset", "output"))
    replicas = replicas[replicas["selected"]]
    # What is left of a diverged replica may be a number.
    replicas["final_test_error"] = replicas["final_test_error"].where(replicas["status"] == "done")
    history = tables.read(store.folder / "history.csv")
    last = history.sort_values("epoch").groupby(["run", "lr", "seed"]).tail(1)
    gradient = replicas[["run", "lr", "seed"]].merge(last, on=["run", "lr", "seed"])
    gradient = gradient.groupby("run")["gradient_norm"].mean()
    error = summarise(replicas, "run", "final_test_error").set_index("run")

    table = Table(title=f"study {store.folder.name}", title_justify="left")
    for name in ("activation", "dataset", "output"):
        table.add_column(name, overflow="fold")
    for name in ("lr", "seeds", "test error, mean ± 95 %", "gradient norm", "seconds"):
        table.add_column(name, justify="right")
    order = error.loc[list(dict.fromkeys(runs))].reset_index()
    for row in order.itertuples():
        one = replicas[replicas["run"] == row.run].iloc[0]
        seconds = tables.read(store.run_folder(row.run) / "timing.csv")["total"].sum()
        classes = one["task"] == "classification"
        scale, unit = (100, " %") if classes else (1, " RMSE")
        half = (row.high - row.low) / 2 * scale
        text = f"{row.mean * scale:.2f}" + (f" ± {half:.2f}" if row.n > 2 else "") + unit
        if row.diverged:
            text = f"{row.diverged} diverged" + (f"; {text}" if row.n else "")
        table.add_row(
            label[row.run],
            one["dataset"],
            one["output"],
            f"{one['lr']:g}",
            str(row.n + row.diverged),
            text,
            f"{gradient[row.run]:.3g}" if gradient[row.run] == gradient[row.run] else "",
            f"{seconds:.1f}",
        )
    return table
