"""Stations of hidden layers: what a nonlinearity is for, and how it saturates, zigzags, vanishes or dies."""

import numpy as np
import pandas as pd
from matplotlib.colors import to_rgb

from experiments.analysis.statistics import summarise
from experiments.networks import TrainedNetwork
from experiments.tour.drawing import (
    DASHED,
    FAINT,
    FIRST,
    PLAIN,
    SECOND,
    Axis,
    Canvas,
    Look,
    Moving,
    Panel,
    of_activation,
)
from experiments.tour.station import Slider, Station, epochs, percent, scientific, signed, times
from experiments.tour.trained import Group, Tour, forward, slopes
from nets.activations import ACTIVATIONS
from nets.formula import FLAT
from nets.network import Network, Work
from nets.outputs import OUTPUTS

ERROR = Axis(0, 100, (0, 25, 50, 75, 100))
NAMES = {"relu": "ReLU", "leaky_relu": "leaky ReLU", "elu": "ELU", "shifted_relu": "shifted ReLU", "gelu": "GELU"}


def name_of(activation: str) -> str:
    """Return the name of an activation as one writes it."""
    return NAMES.get(activation, activation)


def lines_of(activations: list[str]) -> list[tuple[str, Look]]:
    """Return the legend of activations."""
    return [(name_of(name), of_activation(name)) for name in activations]


# --- 1: collapse ---------------------------------------------------------------------------------------------------


def collapse(tour: Tour) -> Station:
    """Show that linear layers draw the line of logistic regression, and that ReLU layers bend it."""
    logistic, deep = tour.groups["logistic"], tour.groups["moons"]
    networks = {
        "logistic regression": (logistic, "linear", PLAIN),
        "two linear hidden layers": (deep, "linear", Look(dash=2)),
        "two ReLU hidden layers": (deep, "relu", of_activation("relu")),
    }
    data = deep.data
    (left, right), (low, high) = _ends(data.inputs[:, 0]), _ends(data.inputs[:, 1])
    shown = np.random.default_rng(0).permutation(len(data.inputs))[:240]
    last = deep.epochs[-1]
    curve = Panel("Test error (%)", Axis(0, last, (0, 16, 32, 48, 64), "epoch"), Axis(0, 50, (0, 10, 20, 30, 40, 50)))
    panels, final = [], {}
    for title, (group, activation, look) in networks.items():
        rows = _of(group.history, activation)
        errors = rows.set_index("epoch")["test_error"]
        final[title] = float(errors[last])
        panel = Panel(
            title[0].upper() + title[1:],
            Axis(left, right, label="feature 1"),
            Axis(low, high, label="feature 2"),
            left=22,
        )
        panel.picture([_surface(member, (left, right), (low, high)) for member in group.course(activation)])
        for label, of_class in enumerate((FIRST, SECOND)):
            points = data.inputs[shown][data.targets[shown] == label]
            panel.dots(of_class, *points.T, kind="points")
        panel.note(Moving(f"test error {percent(errors[epoch], 1)}" for epoch in deep.epochs))
        panels.append(panel)
        curve.line(look, rows["epoch"], 100 * rows["test_error"])
    curve.cursor(deep.epochs)
    return Station(
        "collapse",
        "Why a nonlinearity?",
        collapse_insight(*final.values()),
        [*panels, curve],
        "medium",
        [(name, look) for name, (_, _, look) in networks.items()],
        "Two classes of the data set moons, and what each network says of the plane: the stronger the colour, the "
        "surer it is. The hidden layers have 16 units. After training, the two linear ones equal one affine map, x "
        f"W₁W₂W₃ + b: its scores differ by at most {scientific(_affine_gap(deep))}.",
        "Which of three activations separates two spirals?",
        "python run.py -m dataset=spirals activation=linear,relu,tanh optimizer.lr=0.2 study=spirals",
        epochs(deep.epochs),
    )


def collapse_insight(logistic: float, linear: float, relu: float) -> str:
    """Return what the test errors show."""
    errors = f"Two linear hidden layers leave {percent(linear, 1)} of the test rows wrong, and logistic regression "
    same = abs(linear - logistic) <= 0.015 and relu < min(linear, logistic) - 0.03
    bent = f"; two ReLU layers bend the line and leave {percent(relu, 1)}" if same else ""
    return f"{errors}{percent(logistic, 1)}{bent}."


def _ends(values: np.ndarray) -> tuple[float, float]:
    margin = 0.05 * (values.max() - values.min())
    return float(values.min() - margin), float(values.max() + margin)


def _surface(member: TrainedNetwork, across: tuple[float, float], up: tuple[float, float]) -> np.ndarray:
    """Return an image of the plane in the colours of two classes, clear where the network is unsure."""
    x, y = np.meshgrid(np.linspace(*across, 72), np.linspace(*up, 54)[::-1])
    second = member.predict_proba(np.column_stack([x.ravel(), y.ravel()]))[:, 1].reshape(x.shape)
    surest = np.round(16 * np.abs(2 * second - 1)) / 16
    colors = np.where(second[..., None] > 0.5, to_rgb(SECOND.color), to_rgb(FIRST.color))
    return np.concatenate([colors, 0.12 + 0.5 * surest[..., None]], axis=-1)


def _affine_gap(group: Group) -> float:
    """Return the largest difference between the scores of the trained linear layers and those of their affine map."""
    member = group.course("linear")[-1]
    work = forward(member, group.data.inputs)
    weight, bias = member.network.collapse()
    return float(np.abs(work.scores - work.inputs @ weight - bias).max())


def _of(table: pd.DataFrame, activation: str, **chosen: object) -> pd.DataFrame:
    """Return the rows of an activation, and of other values of columns."""
    for column, value in {"activation": activation, **chosen}.items():
        table = table[table[column] == value]
    return table


# --- 2: the functions ----------------------------------------------------------------------------------------------

CURVES = ("sigmoid", "tanh", "relu", "softplus", "leaky_relu", "elu", "shifted_relu", "gelu")


def curves(tour: Tour) -> Station:
    """Show each activation with its derivative, and the tangent at a point that the slider moves."""
    z = np.linspace(-6, 6, 241)
    points = np.arange(-6, 6.01, 0.25)
    panels = []
    for name in CURVES:
        activation, look = ACTIVATIONS[name](), of_activation(name)
        panel = Panel(name_of(name), Axis(-6, 6, (-5, 0, 5)), Axis(-1.6, 4.2, (-1, 0, 1, 2, 3, 4)), 210, 170, left=26)
        slope = activation.prime(z).astype(float)
        slope[1:][np.abs(np.diff(slope)) > 0.05] = np.nan  # a line across a jump would show slopes that f does not have
        panel.line(FAINT, z, slope, kind="line thin")
        panel.line(look, z, activation(z))
        value, steep = activation(points), activation.prime(points)
        reach = 1.6 / np.sqrt(1 + steep**2)
        ends = reach[:, None] * [-1, 1]
        panel.line(PLAIN, points[:, None] + ends, value[:, None] + steep[:, None] * ends, kind="line tangent")
        panel.dots(PLAIN, points[:, None], value[:, None])
        panel.note(
            Moving(f"f = {signed(f, '.2f')}, f′ = {signed(s, '.2f')}" for f, s in zip(value, steep, strict=True)),
            "start",
        )
        panels.append(panel)
    sigmoid, relu = (ACTIVATIONS[name]().prime(np.append(z, 5.0)) for name in ("sigmoid", "relu"))
    return Station(
        "activations",
        "The activations and their derivatives",
        f"The sigmoid is never steeper than {sigmoid.max():.2f} and has the slope {sigmoid[-1]:.4f} at z = 5, where "
        f"ReLU has the slope {relu[-1]:.0f}.",
        panels,
        "small",
        [
            ("f(z), in the colour of the activation", Look(of_activation("relu").color)),
            ("f′(z)", FAINT),
            ("tangent", PLAIN),
        ],
        "The short line is the tangent at the point z. What backpropagation sends through a unit is multiplied by its "
        "slope f′(z). ELU has α = 1, leaky ReLU the slope 0.01; both are hyperparameters.",
        "What is known about GELU?",
        "python -m experiments.explain activation=gelu",
        Slider("z", [f"z = {signed(point, '.2f')}" for point in points], list(points).index(2.0)),
    )


# --- 3: saturation -------------------------------------------------------------------------------------------------


def saturation(tour: Tour) -> Station:
    """Show the histograms of z and f′(z) in two hidden layers whose weights were drawn too large, or by Glorot's rule."""
    large, usual = tour.groups["large"], tour.groups["glorot"]
    inputs = large.data.inputs
    rows = {"sigmoid": (large, "sigmoid"), "tanh": (large, "tanh"), "ReLU": (large, "relu")}
    rows["tanh by Glorot"] = (usual, "tanh")
    panels, flat = [], {}
    for title, (group, name) in rows.items():
        works = [(member, forward(member, inputs)) for member in group.course(name)]
        for layer in (0, 1):
            scores = [work.pre[layer][0] for _, work in works]
            derivative = [slopes(member, work, layer) for member, work in works]
            flat[title] = [float((np.abs(values) < FLAT).mean()) for values in derivative]
            panels += _histograms(f"{title}, layer {layer + 1}", name, scores, derivative, flat[title])
    errors = [float(_of(group.history, "tanh")["test_error"].iloc[-1]) for group in (large, usual)]
    return Station(
        "saturation",
        "Saturation",
        saturation_insight(flat["tanh"][-1], flat["tanh by Glorot"][-1], large.epochs[-1]),
        panels,
        "tiny",
        [],
        f"Histograms in per cent of all units and {len(inputs):,} rows of digits. In the shaded range |f′| < {FLAT}, "
        "and almost nothing is passed back: sigmoid and tanh saturate at both sides, ReLU is off at the left only. "
        "The outermost bars hold what lies beyond. Two hidden layers of 64 units, learning rate 0.03, one seed. The "
        f"test error of tanh is {percent(errors[0], 1)} in the end, and {percent(errors[1], 1)} with Glorot’s "
        "weights.",
        "How large may the weights be?",
        "python run.py -m activation=sigmoid,tanh,relu init=normal init.std=0.03,0.1,0.3,1.0 seeds=3 epochs=20 "
        "study=saturation",
        epochs(large.epochs),
    )


def saturation_insight(large: float, usual: float, epoch: int) -> str:
    """Return what the shares of flat slopes show."""
    contrast = "but" if large > usual + 0.1 else "and"
    return (
        f"With weights from N(0, 1), {percent(large)} of the slopes of tanh in layer 2 are almost 0 after {epoch} "
        f"epochs, {contrast} {percent(usual)} with weights by Glorot’s rule."
    )


def _histograms(
    title: str, name: str, scores: list[np.ndarray], derivative: list[np.ndarray], flat: list[float]
) -> list[Panel]:
    """Return the histograms of z and of f′(z) of one layer, in per cent of all units and rows."""
    look, activation = of_activation(name), ACTIVATIONS[name]()
    far = np.linspace(-20, 20, 4001)
    edges = np.linspace(-20, 20, 41)
    heights = np.stack([_shares(np.clip(values, -19.99, 19.99), edges) for values in scores])
    top = 5 * np.ceil(heights.max() / 5)
    z = Panel(f"{title}: z", Axis(-20, 20, (-20, -10, 0, 10, 20)), Axis(0, top, (0, top)), 210, 130, 34)
    for side in (far < 0, far > 0):
        shaded = far[(np.abs(activation.prime(far)) < FLAT) & side]
        if shaded.size:
            z.region(float(shaded.min()), float(shaded.max()))
    z.bars(look, edges, heights)
    most = float(activation.prime(far).max())
    edges = np.linspace(0, most, 21)
    heights = np.stack([_shares(np.clip(values, 0, most * (1 - 1e-6)), edges) for values in derivative])
    slope = Panel(f"{title}: f′(z)", Axis(0, most, (0, most)), Axis(0, 100, (0, 50, 100)), 210, 130, 34)
    slope.bars(look, edges, heights)
    slope.note(Moving(f"{'off' if name == 'relu' else 'flat'}: {percent(share)}" for share in flat))
    return [z, slope]


def _shares(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    counts, _ = np.histogram(values, edges)
    shares: np.ndarray = 100 * counts / values.size
    return shares


# --- 4: zigzag -----------------------------------------------------------------------------------------------------

ROWS = 24
STEPS = (0, 1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50, 80, 120)
GOAL, START = np.array([1.5, -1.5]), np.array([-1.5, 1.5])


def zigzag(tour: Tour) -> Station:
    """Show the signs of a unit's gradients by its incoming weights, and the path of two weights."""
    group = tour.groups["glorot"]
    before = np.random.default_rng(0).normal(0, 1.5, (STEPS[-1], 2))
    panels, one_sign, gaps = [], {}, {}
    paths = []
    for name in ("sigmoid", "tanh"):
        member = group.course(name)[-1]
        signs = np.sign(_gradients(member, group))
        one_sign[name] = float(np.mean([np.unique(row[row != 0]).size == 1 for row in signs]))
        across = Axis(0, signs.shape[1], (0, signs.shape[1]), "incoming weight")
        panel = Panel(f"Behind {name}: sign of the gradient", across, Axis(ROWS, 0, (0, ROWS), "example"), left=34)
        panel.picture([_sign_image(signs[:ROWS])], crisp=True)
        panels.append(panel)
        path = _path(ACTIVATIONS[name]()(before))
        gaps[name] = float(np.linalg.norm(path[-1] - GOAL))
        axis = Axis(-2.6, 2.6, (-2, 0, 2), "weight 1")
        walk = Panel(f"Behind {name}: path of two weights", axis, axis._replace(label="weight 2"), left=34)
        stopped = np.stack([np.where(np.arange(STEPS[-1] + 1)[:, None] <= step, path, path[step]) for step in STEPS])
        walk.line(of_activation(name), stopped[..., 0], stopped[..., 1], kind="line thin")
        walk.dots(of_activation(name), stopped[:, -1:, 0], stopped[:, -1:, 1])
        walk.dots(PLAIN, START[:1], START[1:])
        walk.text(*[float(place[0]) for place in walk.at(START[:1] + 0.15, START[1:])], "start", kind="note")
        walk.text(*[float(place[0]) for place in walk.at(GOAL[:1] + 0.15, GOAL[1:])], "goal", kind="note")
        walk.dots(PLAIN, GOAL[:1], GOAL[1:])
        walk.note(Moving(f"to go: {np.linalg.norm(path[step] - GOAL):.2f}" for step in STEPS))
        paths.append(walk)
    return Station(
        "zigzag",
        "Zero-centring and the zigzag",
        f"Behind sigmoid units {percent(one_sign['sigmoid'])} of the examples push all {signs.shape[1]} weights of a "
        f"unit the same way, behind tanh units {percent(one_sign['tanh'])}.",
        [*panels, *paths],
        "medium",
        [("gradient below 0", FIRST._replace(filled=True)), ("gradient above 0", SECOND._replace(filled=True))],
        f"First: the gradients of {ROWS} examples by the weights into one unit, δ · h. It is a unit of the second "
        f"hidden layer on digits, after {group.epochs[-1]} epochs. Sigmoid units make all h positive, so δ gives all "
        "the sign. Then: two weights, one example a step. Steps with gradients of one sign go up and right or down "
        f"and left only, but the goal is down and right. After {STEPS[-1]} steps {gaps['sigmoid']:.2f} is left "
        f"behind sigmoid units, and {gaps['tanh']:.2f} behind tanh units.",
        "How do both paths look over the contours of their costs?",
        "python -m experiments.report figures=zigzag study=tour",
        Slider("Step", [f"step {step}" for step in STEPS]),
    )


def _gradients(member: TrainedNetwork, group: Group) -> np.ndarray:
    """Return the gradients (rows, 64) of single examples by the weights into a unit of layer 2, where they are not 0."""
    network, data = member.network, group.data
    work = forward(member, data.inputs)
    work.targets[0] = member.output.encode(data.targets, len(data.classes), network.dtype)
    member.output.gradient(work.scores, work.targets, work.delta)
    inputs = work.post[0][0].copy()
    network.backward(work)
    delta = work.pre[1][0]
    unit = int(np.abs(delta).sum(axis=0).argmax())
    rows: np.ndarray = delta[:, unit, None] * inputs
    return rows[np.abs(rows).max(axis=1) > 0]


def _sign_image(signs: np.ndarray) -> np.ndarray:
    colors = np.where(signs[..., None] > 0, to_rgb(SECOND.color), to_rgb(FIRST.color))
    return np.concatenate([colors, (signs != 0)[..., None]], axis=-1)


def _path(inputs: np.ndarray) -> np.ndarray:
    """Return two weights before and after each step (steps + 1, 2) of descent, on one example at a time."""
    output = OUTPUTS["linear_mse"]()
    network = Network(2, (), 1, ACTIVATIONS["linear"](), 1, "float64")
    network.layers[0].weight[0, :, 0] = START
    work = Work(network, 1)
    path = [START]
    for row in inputs:
        work.inputs[:], work.targets[:] = row, row @ GOAL
        output.gradient(network.forward(work), work.targets, work.delta)
        network.backward(work)
        network.layers[0].weight[:] -= 0.4 * network.gradients[0].weight
        path.append(network.layers[0].weight[0, :, 0].copy())
    return np.array(path)


# --- 5: depth ------------------------------------------------------------------------------------------------------


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
        ERROR._replace(label="test error (%)"),
        left=54,
    )
    highest = _of(start, "sigmoid", depth=deepest, layer=deepest)["weight_gradient_norm"].mean()
    norms.line(
        DASHED,
        range(1, deepest + 1),
        [highest / 4 ** (deepest - layer) for layer in range(1, deepest + 1)],
        kind="line thin",
    )
    ratio: dict[str, float] = {}
    error: dict[str, float] = {}
    for name in names:
        look, rows = of_activation(name), _of(start, name)
        mean = rows.groupby(["depth", "layer"])["weight_gradient_norm"].mean()
        norms.line(look, mean[deepest].index, mean[deepest])
        norms.dots(look, mean[deepest].index, mean[deepest])
        quotients = [mean[count, 1] / mean[count, count] for count in depths]
        ratio[name] = quotients[-1]
        ratios.line(look, depths, quotients)
        ratios.dots(look, depths, quotients)
        final = _of(group.history, name, epoch=last).groupby("depth")["test_error"].mean()
        error[name] = final[deepest]
        errors.line(look, depths, 100 * final)
        errors.dots(look, depths, 100 * final)
    return Station(
        "depth",
        "Vanishing gradients by depth",
        depth_insight(ratio, deepest),
        [norms, ratios, errors],
        "wide",
        [*lines_of(names), ("a factor of 4 for each layer", DASHED)],
        "The slope of the sigmoid is at most 1/4: each layer costs a factor of 4 unless its weights make up for it. "
        f"Here each of {deepest} sigmoid layers costs {ratio['sigmoid'] ** (-1 / (deepest - 1)):.1f} on average. "
        "Digits, 32 units a layer, Glorot’s initializer for all, means over 3 seeds. With the most layers the test "
        f"errors are {', '.join(f'{percent(error[name])} ({name_of(name)})' for name in names)}.",
        "Do other initial weights save eight sigmoid layers?",
        "python run.py -m activation=sigmoid init=glorot_uniform,he_normal,critical "
        "net.hidden=[32,32,32,32,32,32,32,32] epochs=10 seeds=3 study=vanishing",
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


# --- 6: dying ReLU -------------------------------------------------------------------------------------------------


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
        final[(final["activation"] == name) & (final["lr"] == top)]["test_error"].mean()
        for name in ("relu", "leaky_relu")
    ]
    return Station(
        "dying",
        "Dying ReLU",
        dying_insight(dict(zip(rates, dead["relu"], strict=True)), float(dead["leaky_relu"][-1]), group.epochs[-1]),
        [share, *maps],
        "medium",
        lines_of(["relu", "leaky_relu"]),
        "Each square is a unit of the first seed, and the fuller its colour, the more rows it is active for. A "
        f"hollow square is dead: |f′(z)| < {FLAT} for each of the {len(group.data.inputs):,} rows, so no example "
        "changes its weights. Digits, two hidden layers of 64 units; the curve has means over 3 seeds. At the "
        f"largest rate the test errors are {percent(errors[0])} (ReLU) and {percent(errors[1])} (leaky ReLU).",
        "Which other activations survive the rate 1?",
        "python run.py -m activation=relu,leaky_relu,elu,gelu optimizer.lr=1.0 epochs=20 seeds=3 study=dying",
        epochs(group.epochs),
    )


def dying_insight(dead: dict[float, float], leaky: float, epoch: int) -> str:
    """Return what the shares of dead units by learning rate show."""
    (low, few), *_, (high, many) = dead.items()
    text = (
        f"After {epoch} epochs {percent(many)} of the ReLU units are dead at the rate {high:g}, and {percent(few)} at "
    )
    return f"{text}{low:g}{'' if leaky else '; no leaky ReLU unit is'}."


def _slopes_by_unit(member: TrainedNetwork, inputs: np.ndarray) -> np.ndarray:
    """Return the share of rows (layers, units) for which a unit's slope is not flat."""
    work = forward(member, inputs)
    return np.stack([(np.abs(slopes(member, work, layer)) >= FLAT).mean(axis=0) for layer in (0, 1)])


def _dead_share(units: dict[tuple[int, float, int], np.ndarray], epoch: int, rate: float) -> float:
    return float(np.mean([active == 0 for (at, of, _), active in units.items() if (at, of) == (epoch, rate)]))


def _unit_map(rate: float, active: list[np.ndarray]) -> Canvas:
    """Return a picture of the units of two layers; `active` are the shares of rows for which they are active."""
    side, gap = 15, 2
    canvas = Canvas(f"Units at rate {rate:g}", 320, 220)
    canvas.text(0, 14, canvas.title, kind="title")
    for layer in (0, 1):
        x0, y0 = 10 + layer * 155, 34
        for unit in range(active[0].shape[1]):
            x, y = x0 + (unit % 8) * (side + gap), y0 + (unit // 8) * (side + gap)
            fill = [shares[layer, unit] for shares in active]
            canvas.add(
                "rect",
                **{"x": x, "y": y, "width": side, "height": side, "style": f"--c:{of_activation('relu').color}"},
                kind=Moving("unit" if share else "dead unit" for share in fill),
                fill_opacity=Moving(f"{0.2 + 0.8 * share:.2f}" if share else "0" for share in fill),
            )
        counts = [int((shares[layer] == 0).sum()) for shares in active]
        canvas.text(
            x0, y0 + 8 * (side + gap) + 18, Moving(f"layer {layer + 1}: {count} dead" for count in counts), kind="note"
        )
    return canvas


# --- 7: which LU ---------------------------------------------------------------------------------------------------


def lus(tour: Tour) -> Station:
    """Show training loss and test error of four rectifiers: the whole course, its start and its end."""
    group = tour.groups["lus"]
    history = group.history
    names = list(dict.fromkeys(job.activation.name for job in group.jobs))
    last = group.epochs[-1]
    loss, error = (
        {name: summarise(_of(history, name), "epoch", column) for name in names}
        for column in ("train_loss", "test_error")
    )
    parts = {"": (0, last), ", start": (0, 5), ", end": (last - 10, last)}
    panels = []
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
    highest = scale * max(table["mean"].max() for table in shown.values())
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
