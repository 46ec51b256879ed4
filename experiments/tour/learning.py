"""Stations of what becomes of hidden layers in training: gradients vanish, units die, and rectifiers differ."""

import numpy as np
import pandas as pd

from experiments.analysis.statistics import summarise
from experiments.networks import TrainedNetwork
from experiments.tour.drawing import DASHED, Axis, Canvas, Look, Moving, Panel, of_activation
from experiments.tour.station import Station, epochs, lines_of, name_of
from experiments.tour.trained import Tour, forward, rows_of, slopes
from experiments.tour.wording import percent, times
from nets.formula import FLAT


def depth(tour: Tour) -> Station:
    """Show gradient norms by layer, their ratio by depth, and what becomes of the error."""
    group = tour.groups["depth"]
    names = ["sigmoid", "tanh", "relu"]
    layers = group.layers[group.layers["layer"] <= group.layers["depth"]]
    start = layers[layers["epoch"] == 0]
    deepest = int(start["depth"].max())
    depths = sorted(start["depth"].unique())
    last = group.epochs[-1]
    norms = Panel(
        "‖∂cost/∂W‖ by layer, before training",
        Axis(1, deepest, range(1, deepest + 1), f"hidden layer, of {deepest}"),
        Axis(1e-6, 1, (1e-6, 1e-4, 1e-2, 1), "gradient norm", log=True),
        left=54,
    )
    ratios = Panel(
        "First hidden layer ÷ last hidden layer",
        Axis(1, deepest, depths, "number of hidden layers"),
        Axis(1e-5, 10, (1e-5, 1e-3, 0.1, 10), "ratio of gradients", log=True),
        left=54,
    )
    errors = Panel(
        f"Test error after {last} epochs",
        Axis(1, deepest, depths, "number of hidden layers"),
        Axis(0, 100, (0, 25, 50, 75, 100), "test error (%)"),
        left=54,
    )
    highest = rows_of(start, "sigmoid", depth=deepest, layer=deepest)["weight_gradient_norm"].mean()
    norms.line(
        DASHED,
        range(1, deepest + 1),
        [highest / 4 ** (deepest - layer) for layer in range(1, deepest + 1)],
        kind="line thin",
    )
    ratio: dict[str, float] = {}
    error: dict[str, float] = {}
    for name in names:
        look, rows = of_activation(name), rows_of(start, name)
        mean = rows.groupby(["depth", "layer"])["weight_gradient_norm"].mean()
        norms.line(look, mean[deepest].index, mean[deepest])
        norms.dots(look, mean[deepest].index, mean[deepest])
        quotients = [mean[count, 1] / mean[count, count] for count in depths]
        ratio[name] = quotients[-1]
        ratios.line(look, depths, quotients)
        ratios.dots(look, depths, quotients)
        final = rows_of(group.history, name, epoch=last).groupby("depth")["test_error"].mean()
        error[name] = final[deepest]
        errors.line(look, depths, 100 * final)
        errors.dots(look, depths, 100 * final)
    at_depth = ", ".join(f"{name_of(name)} {ratio[name]:.1f}" for name in names[1:])
    ratios.note(f"with {deepest} layers: {at_depth}", "start", 8)
    return Station(
        "depth",
        "Vanishing gradients by depth",
        depth_insight(ratio, deepest),
        [norms, ratios, errors],
        "wide",
        [*lines_of(names), ("a factor of 4 for each layer", DASHED)],
        "The slope of the sigmoid is at most 1/4: each layer costs a factor of 4 unless its weights make up for it. "
        f"Here each of {deepest} sigmoid layers costs {ratio['sigmoid'] ** (-1 / (deepest - 1)):.1f} on average. "
        "A step of gradient descent is the rate times the gradient: at the start layer 1 of the sigmoid hardly learns. "
        "Digits, 32 units a layer, Glorot’s initializer for all, means over 3 seeds. With the most layers the test "
        f"errors are {', '.join(f'{percent(error[name])} ({name_of(name)})' for name in names)}. Chance leaves 90 % of "
        "ten classes wrong.",
        "Do other initial weights save eight sigmoid layers?",
        "python run.py -m activation=sigmoid init=glorot_uniform,he_normal,critical "
        "'net.hidden=[32,32,32,32,32,32,32,32]' epochs=20 seeds=3 study=vanishing",
    )


def depth_insight(ratio: dict[str, float], deepest: int) -> str:
    """Return what the ratios of the first hidden layer's gradient to the last one's show."""
    factors = {name: 1 / value for name, value in ratio.items()}
    others = max(factors["tanh"], factors["relu"], 1.0)
    if factors["sigmoid"] < 10 * others:
        return f"In {deepest} sigmoid layers the first gradient is {times(factors['sigmoid'])} times smaller."
    end = f"at most {times(others)} times" if others > 1.05 else "no"
    return (
        f"The gradient of the first of {deepest} sigmoid layers is {times(factors['sigmoid'])} times smaller than "
        f"that of the last; with tanh and ReLU it is {end} smaller."
    )


def dying(tour: Tour) -> Station:
    """Show the share of dead units by learning rate, and the units of one network, as training goes on."""
    group = tour.groups["dying"]
    relu, leaky = (
        {key: _slopes_by_unit(member, group.data.inputs) for key, member in group.networks(name).items()}
        for name in ("relu", "leaky_relu")
    )
    rates = sorted({rate for _, rate, _ in relu})
    top = rates[-1]
    share = Panel(
        "Dead units by learning rate",
        Axis(rates[0], top, rates, "learning rate", log=True),
        Axis(0, 100, (0, 25, 50, 75, 100), "dead units (%)"),
    )
    dead = {}
    for name, units in (("relu", relu), ("leaky_relu", leaky)):
        table = np.array([[_dead_share(units, epoch, rate) for rate in rates] for epoch in group.epochs])
        share.line(of_activation(name), rates, 100 * table)
        share.dots(of_activation(name), np.array(rates), 100 * table)
        dead[name] = table[-1]
    maps = [_unit_map(rate, [relu[epoch, rate, 0] for epoch in group.epochs]) for rate in rates[1:]]
    final = group.history[group.history["epoch"] == group.epochs[-1]]
    errors = [
        percent(final[(final["activation"] == name) & (final["lr"] == top)]["test_error"].mean())
        for name in ("relu", "leaky_relu")
    ]
    return Station(
        "dying",
        "Dying ReLU",
        dying_insight(dict(zip(rates, dead["relu"], strict=True)), float(dead["leaky_relu"][-1]), group.epochs[-1]),
        [share, *maps],
        "medium",
        [
            *lines_of(["relu", "leaky_relu"]),
            ("unit, fuller if active for more rows", of_activation("relu")._replace(shape="filled")),
            ("dead unit", Look(shape="hollow")),
        ],
        f"A unit is dead if |f′(z)| < {FLAT} for each of the {len(group.data.inputs):,} rows: no example changes its "
        f"weights. {dying_course(relu)} A dead unit of layer 2 revives only if layer 1 changes what it gets. The "
        "curves have means over 3 seeds, the squares are the units of the first seed. Digits, two hidden layers of 64 "
        f"units. At the largest rate the test errors are {errors[0]} (ReLU) and {errors[1]} (leaky ReLU).",
        "Which other activations survive the rate 1?",
        "python run.py -m activation=relu,leaky_relu,elu,gelu optimizer.lr=1.0 epochs=20 seeds=3 study=dying",
        epochs(group.epochs),
    )


def dying_insight(dead: dict[float, float], leaky: float, epoch: int) -> str:
    """Return what the shares of dead units by learning rate show."""
    (low, few), *_, (high, many) = dead.items()
    text = f"After {epoch} epochs {percent(many)} of the ReLU units are dead at the learning rate {high:g}, and "
    return f"{text}{percent(few)} at {low:g}{'' if leaky else '; no leaky ReLU unit is'}."


def dying_course(units: dict[tuple[int, float, int], np.ndarray]) -> str:
    """Return how many units are dead before training, and how many die and revive at each rate until its end.

    `units` has, by epoch, rate and seed, the share of rows for which each unit is active.
    """
    seeds = sorted({seed for _, _, seed in units})
    first, *_, last = sorted({epoch for epoch, _, _ in units})
    changes = []
    for rate in sorted({rate for _, rate, _ in units}):
        before, after = (np.stack([units[epoch, rate, seed] == 0 for seed in seeds]) for epoch in (first, last))
        changes.append((rate, (after & ~before).sum(), (before & ~after).sum(), percent(after.mean())))
    words = ["{:g}, {} more die and {} revive ({})", *["{:g}, {} and {} ({})"] * (len(changes) - 1)]
    texts = [form.format(*change) for form, change in zip(words, changes, strict=True)]
    begin = f"Of the {before.size} ReLU units of {len(seeds)} networks, {before.sum()} are dead before training."
    return f"{begin} At the rate {'; at '.join(texts)}."


def _slopes_by_unit(member: TrainedNetwork, inputs: np.ndarray) -> np.ndarray:
    """Return the share of rows (layers, units) for which a unit's slope is not flat."""
    work = forward(member, inputs)
    return np.stack([(np.abs(slopes(member, work, layer)) >= FLAT).mean(axis=0) for layer in (0, 1)])


def _dead_share(units: dict[tuple[int, float, int], np.ndarray], epoch: int, rate: float) -> float:
    return float(np.mean([active == 0 for (at, of, _), active in units.items() if (at, of) == (epoch, rate)]))


def _unit_map(rate: float, active: list[np.ndarray]) -> Canvas:
    """Return a picture of the units of two layers; `active` are the shares of rows for which they are active."""
    side, gap = 15, 2
    color = of_activation("relu").attributes["style"]
    canvas = Canvas(f"ReLU units at rate {rate:g}", 320, 220)
    canvas.text(0, 14, canvas.title, kind="title")
    for layer in (0, 1):
        x0, y0 = 10 + layer * 155, 34
        for unit in range(active[0].shape[1]):
            x, y = x0 + (unit % 8) * (side + gap), y0 + (unit // 8) * (side + gap)
            fill = [shares[layer, unit] for shares in active]
            kind = Moving("unit" if share else "dead unit" for share in fill)
            opacity = Moving(f"{0.2 + 0.8 * share:.2f}" if share else "0" for share in fill)
            canvas.add("rect", kind=kind, style=color, fill_opacity=opacity, x=x, y=y, width=side, height=side)
        counts = [int((shares[layer] == 0).sum()) for shares in active]
        words = Moving(f"layer {layer + 1}: {count} dead" for count in counts)
        canvas.text(x0, y0 + 8 * (side + gap) + 18, words, kind="note")
    return canvas


def lus(tour: Tour) -> Station:
    """Show training loss and test error of four rectifiers: the whole course, its start and its end."""
    group = tour.groups["lus"]
    history = group.history
    names = list(dict.fromkeys(job.activation.name for job in group.jobs))
    last = group.epochs[-1]
    loss, error = (
        {name: summarise(rows_of(history, name), "epoch", column) for name in names}
        for column in ("train_loss", "test_error")
    )
    parts = {"": (0, last), ", start": (0, 5), ", end": (last - 10, last)}
    panels: list[Panel] = []
    for title, tables, scale in (("Training loss", loss, 1), ("Test error (%)", error, 100)):
        for part, (begin, end) in parts.items():
            panels.append(_curves(f"({'abcdef'[len(panels)]}) {title}{part}", tables, scale, begin, end))
    return Station(
        "rectifiers",
        "Which LU?",
        lus_insight(loss, error, last),
        panels,
        "wide",
        lines_of(names),
        "Digits, two hidden layers of 64 units, learning rate 0.05, means over 5 seeds with 95 % intervals. One "
        "rate for all is no fair race; docs/sweeps.md says how to tune the rates.",
        "What do ten seeds and wider layers say?",
        "python run.py +experiment=lu_comparison",
    )


def lus_insight(loss: dict[str, pd.DataFrame], error: dict[str, pd.DataFrame], last: int) -> str:
    """Return who is ahead at the start, and whether the test errors at the end tell anybody apart."""
    early = {name: table.set_index("epoch")["mean"][2] for name, table in loss.items()}
    final = {name: table.set_index("epoch").loc[last] for name, table in error.items()}
    lowest, highest = min(early, key=early.__getitem__), max(early, key=early.__getitem__)
    losses = f"{early[lowest]:.2f}; {name_of(highest)} {early[highest]:.2f}"
    ahead = f"After 2 epochs {name_of(lowest)} has the lowest training loss ({losses})"
    overlap = max(row["low"] for row in final.values()) <= min(row["high"] for row in final.values())
    means = sorted(row["mean"] for row in final.values())
    if overlap:
        return f"{ahead}, but after {last} the intervals of all test errors overlap."
    return f"{ahead}; after {last} the test errors are between {percent(means[0], 1)} and {percent(means[-1], 1)}."


def _curves(title: str, tables: dict[str, pd.DataFrame], scale: float, begin: int, end: int) -> Panel:
    """Return the means with their intervals between two epochs, on an axis that fits."""
    shown = {name: table[table["epoch"].between(begin, end)] for name, table in tables.items()}
    top = "mean" if begin == 0 else "high"  # the first intervals are many times as wide as the last ones
    highest = scale * max(table[top].max() for table in shown.values())
    lowest = scale * min(table["low"].min() for table in shown.values())
    low, step, ticks = _scale(0.0 if begin == 0 else max(0.0, lowest), highest)
    panel = Panel(title, Axis(begin, end, np.linspace(begin, end, 6).tolist(), "epoch"), Axis(low, step, ticks))
    for name, table in shown.items():
        panel.band(of_activation(name), table["epoch"], scale * table["low"], scale * table["high"])
    for name, table in shown.items():
        panel.line(of_activation(name), table["epoch"], scale * table["mean"])
    return panel


def _scale(low: float, high: float) -> tuple[float, float, list[float]]:
    """Return the ends and ticks of an axis that holds both values."""
    rough = (high - low) / 4
    size = 10 ** np.floor(np.log10(rough))
    step = next(factor * size for factor in (1, 2, 5, 10) if factor * size >= rough)
    first, last = np.floor(low / step), np.ceil(high / step)
    return (
        float(first * step),
        float(last * step),
        [float(round(step * index, 10)) for index in np.arange(first, last + 1)],
    )
