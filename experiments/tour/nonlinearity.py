"""Stations of the nonlinearity: what it is for, which ones there are, how they saturate and make descent zigzag."""

import numpy as np
from matplotlib.colors import to_rgb

from experiments.networks import TrainedNetwork
from experiments.tour.drawing import FAINT, FIRST, PLAIN, SECOND, Axis, Look, Moving, Panel, of_activation
from experiments.tour.station import Slider, Station, epochs, name_of
from experiments.tour.trained import Group, Tour, forward, rows_of, slopes
from experiments.tour.wording import percent, scientific, signed
from nets.activations import ACTIVATIONS
from nets.formula import FLAT
from nets.network import Network, Work
from nets.outputs import OUTPUTS


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
        rows = rows_of(group.history, activation)
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
            panel.dots(of_class, points[:, 0], points[:, 1], "points")
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


CURVES = ("sigmoid", "tanh", "relu", "softplus", "leaky_relu", "elu", "shifted_relu", "gelu")


def curves(tour: Tour) -> Station:
    """Show each activation with its derivative, and the tangent at a point that the slider moves."""
    z = np.linspace(-6, 6, 241)
    points = np.arange(-6, 6.01, 0.25)
    panels = []
    for name in CURVES:
        activation, look = ACTIVATIONS[name](), of_activation(name)
        panel = Panel(name_of(name), Axis(-6, 6, (-5, 0, 5)), Axis(-1.6, 5.4, (-1, 0, 1, 2, 3, 4)), 210, 190, left=26)
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
        "tiny",
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


def saturation(tour: Tour) -> Station:
    """Show the histograms of z and f′(z) in two hidden layers whose weights were drawn too large, or as Glorot says."""
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
    errors = [float(rows_of(group.history, "tanh")["test_error"].iloc[-1]) for group in (large, usual)]
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
        panel.picture([_sign_image(signs[:ROWS])], "crisp")
        panels.append(panel)
        path = _path(ACTIVATIONS[name]()(before))
        gaps[name] = float(np.linalg.norm(path[-1] - GOAL))
        axis = Axis(-2.6, 2.6, (-2, 0, 2), "weight 1")
        walk = Panel(f"Behind {name}: path of two weights", axis, axis._replace(label="weight 2"), left=34)
        stopped = np.stack([np.where(np.arange(STEPS[-1] + 1)[:, None] <= step, path, path[step]) for step in STEPS])
        walk.line(of_activation(name), stopped[..., 0], stopped[..., 1], kind="line thin")
        walk.dots(of_activation(name), stopped[:, -1:, 0], stopped[:, -1:, 1])
        walk.mark(START[0], START[1], "start", "end")
        walk.mark(GOAL[0], GOAL[1], "goal")
        walk.note(Moving(f"to go: {np.linalg.norm(path[step] - GOAL):.2f}" for step in STEPS))
        paths.append(walk)
    return Station(
        "zigzag",
        "Zero-centring and the zigzag",
        f"Behind sigmoid units {percent(one_sign['sigmoid'])} of the examples push all {signs.shape[1]} weights of a "
        f"unit the same way, behind tanh units {percent(one_sign['tanh'])}.",
        [*panels, *paths],
        "medium",
        [("gradient below 0", FIRST._replace(shape="filled")), ("gradient above 0", SECOND._replace(shape="filled"))],
        f"First: the gradients of {ROWS} examples by the weights into one unit, δ · h. It is a unit of the second "
        f"hidden layer on digits, after {group.epochs[-1]} epochs. Sigmoid units make all h positive, so δ alone "
        "decides the sign. Then: two weights, one example a step. Steps with gradients of one sign go up and right "
        f"or down and left only, but the goal is down and right. After {STEPS[-1]} steps {gaps['sigmoid']:.2f} is "
        f"left behind sigmoid units, and {gaps['tanh']:.2f} behind tanh units.",
        "How do both paths look over the contours of their costs?",
        "python -m experiments.report figures=zigzag study=tour",
        Slider("Step", [f"step {step}" for step in STEPS]),
    )


def _gradients(member: TrainedNetwork, group: Group) -> np.ndarray:
    """Return the gradients (rows, 64) of single examples by the weights into the unit of layer 2 that gets most."""
    network, data = member.network, group.data
    work = forward(member, data.inputs)
    work.targets[0] = member.output.encode(data.targets, len(data.classes), network.dtype)
    member.output.gradient(work.scores, work.targets, work.delta)
    inputs = work.post[0][0].copy()
    network.backward(work)
    delta = work.pre[1][0]
    unit = int(np.abs(delta).sum(axis=0).argmax())
    reached = delta[:, unit] != 0
    rows: np.ndarray = delta[reached, unit, None] * inputs[reached]
    return rows


def _sign_image(signs: np.ndarray) -> np.ndarray:
    colors = np.where(signs[..., None] > 0, to_rgb(SECOND.color), to_rgb(FIRST.color))
    image: np.ndarray = np.concatenate([colors, (signs != 0)[..., None]], axis=-1)
    return image


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
