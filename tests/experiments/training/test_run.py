"""Training against plain NumPy and scikit-learn, its independence of stacks and parts, divergence, maps."""

import random
from dataclasses import replace
from itertools import count

import numpy as np
import pandas as pd
import pytest
from scipy.special import log_softmax, softmax
from sklearn.metrics import root_mean_squared_error
from sklearn.neural_network import MLPClassifier

from experiments import tables
from experiments.data.split import prepare
from experiments.data.table import Data
from experiments.streams import stream
from experiments.training import run as training
from experiments.training.evaluation import grid
from experiments.training.run import divide, gathered, train, train_part
from nets.outputs import OUTPUTS

LOSSES = ["train_loss", "train_error", "validation_loss", "validation_error", "test_loss", "test_error"]
IDENTITY = ["run", "dataset", "activation", "output", "lr", "seed"]


def trained(settings, replicas=None):
    return train(settings, settings.replicas if replicas is None else replicas)


def frames(settings, replicas=None):
    return trained(settings, replicas).frames


# --- an independent trainer: one replica, float64, ReLU, softmax with cross-entropy or least squares


class Plain:
    """A textbook multilayer perceptron on one seed's data, trained as `settings` say at one learning rate."""

    def __init__(self, settings, lr, seed):
        data = settings.data
        self.settings, self.lr, self.seed = settings, lr, seed
        prepared = prepare(data, [seed], dtype="float64", **settings.division)
        self.prepared, self.x = prepared, prepared.inputs[0]
        self.classes = len(data.classes)
        self.y = np.eye(self.classes)[data.targets] if self.classes else prepared.targets[0]
        self.parts = [part[0] for part in (prepared.split.train, prepared.split.validation, prepared.split.test)]
        shapes = zip((self.x.shape[1], *settings.net.hidden), (*settings.net.hidden, self.y.shape[1]), strict=True)
        draws = [
            settings.init(stream(settings.entropy, "init", seed, layer), *shape) for layer, shape in enumerate(shapes)
        ]
        self.parameters = [array for draw in draws for array in (draw, np.zeros(draw.shape[1]))]
        self.mean, self.square, self.steps = [0.0] * len(self.parameters), [0.0] * len(self.parameters), 0
        self.history = [self.evaluate()]
        self.layers = [self.look_inside(None)]
        for epoch in range(1, settings.epochs + 1):
            before = [parameter.copy() for parameter in self.parameters]
            self.train_epoch(epoch)
            self.history.append(self.evaluate())
            self.layers.append(self.look_inside(before))

    def forward(self, x):
        """Return the input, every hidden layer's activation, and the scores."""
        signals = [x]
        for weight, bias in zip(self.parameters[:-2:2], self.parameters[1:-2:2], strict=True):
            signals.append(np.maximum(signals[-1] @ weight + bias, 0))
        return [*signals, signals[-1] @ self.parameters[-2] + self.parameters[-1]]

    def gradients(self, rows, penalty=0.0):
        """Return the gradients of the mean cost over these rows and the rms of each layer's dcost/dz."""
        *signals, scores = self.forward(self.x[rows])
        delta = (softmax(scores, axis=1) if self.classes else scores) - self.y[rows]
        gradients, sizes = [], []
        for layer in range(len(signals) - 1, -1, -1):
            gradients[:0] = [signals[layer].T @ delta / len(rows), delta.mean(axis=0)]
            sizes.insert(0, np.sqrt((delta**2).mean()))
            if layer:
                delta = (delta @ self.parameters[2 * layer].T + penalty) * (signals[layer] > 0)
        return gradients, sizes

    def train_epoch(self, epoch):
        settings, train = self.settings, self.parts[0]
        order = train[stream(settings.entropy, "order", self.seed, epoch).permutation(len(train))]
        rate = self.lr * settings.schedule.factor(epoch, settings.epochs)
        for batch in range(len(train) // settings.batch_size):
            rows = order[batch * settings.batch_size : (batch + 1) * settings.batch_size]
            gradients, _ = self.gradients(rows, settings.activation_l1)
            self.steps += 1
            for i, gradient in enumerate(gradients):
                if i % 2 == 0:
                    gradient = gradient + settings.optimizer.weight_decay * self.parameters[i]
                if settings.optimizer.name == "adam":
                    self.mean[i] = 0.9 * self.mean[i] + 0.1 * gradient
                    self.square[i] = 0.999 * self.square[i] + 0.001 * gradient**2
                    root = np.sqrt(self.square[i] / (1 - 0.999**self.steps))
                    gradient = self.mean[i] / (1 - 0.9**self.steps) / (root + 1e-8)
                self.parameters[i] = self.parameters[i] - rate * gradient

    def evaluate(self):
        row = []
        for part in self.parts:
            scores, y = self.forward(self.x[part])[-1], self.y[part]
            if self.classes:
                row += [-(y * log_softmax(scores, axis=1)).sum(axis=1).mean(), (scores.argmax(1) != y.argmax(1)).mean()]
            else:
                row += [((scores - y) ** 2).sum(axis=1).mean() / 2, self.regression_error(scores, part)]
        gradients, _ = self.gradients(self.parts[0][:256])
        return [*row, np.sqrt(sum((gradient**2).sum() for gradient in gradients))]

    def regression_error(self, scores, rows):
        """Return the RMSE in the unit of a single target, or the standardised RMSE of several."""
        if scores.shape[1] > 1:
            return np.sqrt(((scores - self.y[rows]) ** 2).mean())
        predicted = scores * self.prepared.target_scale[0] + self.prepared.target_mean[0]
        return root_mean_squared_error(self.settings.data.targets[rows], predicted)

    def look_inside(self, before):
        """Return each layer's norms: of the weights' gradient, dcost/dz, the weights, and their relative change."""
        gradients, sizes = self.gradients(self.parts[0][:256])
        rows = []
        for layer, weight in enumerate(self.parameters[::2]):
            change = np.nan
            if before:
                change = np.linalg.norm(weight - before[2 * layer]) / np.linalg.norm(before[2 * layer])
            rows.append([np.linalg.norm(gradients[2 * layer]), sizes[layer], np.linalg.norm(weight), change])
        return rows


@pytest.mark.parametrize(
    "overrides",
    [
        # Of 121 training rows, batches of 16 leave 9 out, batches of 60 leave 1, one of 121 none.
        ["dataset=wine", "batch_size=16"],
        ["dataset=wine", "batch_size=60", "net.hidden=[]", "entropy=7"],
        ["dataset=wine", "batch_size=121", "net.hidden=[5]"],
        ["dataset=wine", "batch_size=1", "epochs=1"],
        [
            "dataset=wine",
            "optimizer.weight_decay=0.1",
            "activation_l1=0.05",
            "schedule=multistep",
            "schedule.milestones=[2]",
        ],
        ["dataset=wine", "optimizer=adam", "optimizer.weight_decay=0.1", "activation_l1=0.05", "schedule=cosine"],
        # Evaluated in several chunks of rows.
        ["dataset=moons", "output=softmax_ce", "batch_size=64"],
        ["dataset=diabetes"],
        ["dataset=linnerud"],
        ["dataset=wine", "task=autoencode"],
        ["dataset=digits", "task=autoencode", "optimizer.lr=[0.002,0.01]"],
    ],
    ids=" ".join,
)
def test_tables_equal_a_plain_trainers(settings, overrides):
    common = ["dtype=float64", "epochs=4", "net.hidden=[8,6]", "optimizer.lr=[0.02,0.1]", "seeds=2"]
    condition = settings(*common, *overrides)
    result = frames(condition)
    for lr, seed in condition.replicas:
        plain = Plain(condition, lr, seed)
        history, layers = (of(result[name], lr, seed) for name in ("history", "layers"))
        assert history["epoch"].tolist() == list(range(condition.epochs + 1))
        np.testing.assert_allclose(numbers(history, [*LOSSES, "gradient_norm"]), plain.history, rtol=1e-8)
        norms = numbers(layers, ["weight_gradient_norm", "delta_norm", "weight_norm", "update_ratio"])
        np.testing.assert_allclose(norms.reshape(np.shape(plain.layers)), plain.layers, rtol=1e-8)


def of(frame, lr, seed):
    return frame[(frame["lr"] == lr) & (frame["seed"] == seed)]


def numbers(frame, columns):
    return frame[list(columns)].astype(float).to_numpy()


def text(result):
    """Return the tables but the clocks as text, exact in every digit."""
    return {name: tables.to_csv(tables.to_text(frame)) for name, frame in result.items() if name != "timing"}


def joined(results):
    """Return the frames of several trainings as those of one, sorted as a run's are."""
    return {
        name: pd.concat([result[name] for result in results]).sort_values(order, kind="stable", ignore_index=True)
        for name, order in tables.ORDER.items()
        if order
    }


# --- it learns


def test_digits_are_learned_as_well_as_by_scikit_learn(settings):
    # 1,222 training rows are 26 batches of 47: nothing is left over, in which the two would differ.
    condition = settings(
        "net.hidden=[64,64]", "batch_size=47", "optimizer.lr=0.1", "epochs=15", "seeds=3", "dtype=float64"
    )
    ours = frames(condition)["replicas"]["final_test_error"].astype(float)
    theirs = []
    for seed in condition.seeds:
        prepared = prepare(condition.data, [seed], dtype="float64", **condition.division)
        x, y, rows = prepared.inputs[0], prepared.targets, prepared.split
        network = MLPClassifier(
            (64, 64), solver="sgd", alpha=0, batch_size=47, learning_rate_init=0.1, momentum=0, random_state=seed
        )
        for _ in range(condition.epochs):
            network.partial_fit(x[rows.train[0]], y[rows.train[0]], classes=range(10))
        theirs.append(1 - network.score(x[rows.test[0]], y[rows.test[0]]))
    assert ours.max() < 0.07
    assert abs(ours.mean() - np.mean(theirs)) < 0.015


def test_every_sigmoid_layer_shrinks_the_delta_fourfold(settings):
    """Glorot's weights keep the size of what comes back through them; the slope σ′ ≤ 1/4 does not."""
    deep = ["net.hidden=[128,128,128,128,128,128,128,128]", "epochs=1", "seeds=3"]

    def factors(activation):
        layers = frames(settings(*deep, f"activation={activation}", "init=glorot_normal"))["layers"]
        start = layers[(layers["epoch"] == 0) & (layers["layer"] <= 8)]
        delta = start.pivot(index="layer", columns="seed", values="delta_norm").astype(float)
        return (delta.shift(-1) / delta).dropna()

    assert factors("sigmoid").min(axis=None) > 3.5
    assert factors("sigmoid").mean(axis=None) > 4
    assert factors("linear").max(axis=None) < 1.3


# --- a replica does not know its neighbours

CONDITIONS = [
    ["dataset=digits", "activation=prelu", "optimizer=adam", "epochs=1", "net.hidden=[33]"],
    ["dataset=moons", "dataset.samples=300", "activation=maxout", "optimizer=momentum", "schedule=cosine"],
    ["dataset=linnerud", "activation=tanh", "optimizer=rmsprop", "activation_l1=0.01", "pretrain.epochs=2"],
    ["dataset=wine", "activation=glu", "output=linear_hinge", "optimizer=adamw", "dtype=float64"],
    ["dataset=diabetes", "output=quantile", "output.levels=[0.25,0.5]", "diagnostics.sharpness=true"],
    *(
        ["dataset=linnerud", f"output={name}", "batch_size=4", "optimizer.clip_norm=1"]
        for name, output in OUTPUTS.items()
        if output.tasks == ("regression",)
    ),
    ["dataset=wine", "output=softmax_focal"],
]
each_condition = pytest.mark.parametrize("overrides", CONDITIONS, ids=" ".join)
STACK = ["net.hidden=[16,7]", "epochs=3", "seeds=[3,0,11]", "optimizer.lr=[0.01,0.003]"]


@each_condition
def test_parts_and_order_do_not_change_a_bit(settings, overrides):
    condition = settings(*STACK, *overrides)
    one = trained(condition)
    shuffled = random.Random(0).sample(condition.replicas, 6)
    assert shuffled != condition.replicas
    for least, replicas in ((2, condition.replicas), (3, shuffled), (6, shuffled)):
        parts = divide(condition, replicas, least=least)
        assert len(parts) == least
        other = gathered(condition, [train_part(condition, part) for part in parts])
        assert text(other.frames) == text(one.frames)
        if one.boundary:
            for name in ("lr", "seed", "decision"):
                np.testing.assert_array_equal(other.boundary[name], one.boundary[name])


@each_condition
def test_chunks_in_a_queue_change_nothing_and_what_one_has_done_is_kept(settings, overrides, monkeypatch):
    condition = settings(*STACK, *overrides)
    whole = text(frames(condition))
    monkeypatch.setattr(training, "CHUNK_BYTES", 1)
    kept = []
    cut = train(condition, condition.replicas, keep=kept.append)
    assert text(cut.frames) == whole
    assert [arrays["epoch"] for arrays in kept] == [condition.epochs] * len(condition.replicas)
    resumed = train(condition, condition.replicas, resume=kept[::2])
    assert text(resumed.frames) == whole
    for name in cut.boundary or ():
        np.testing.assert_array_equal(resumed.boundary[name], cut.boundary[name])


@each_condition
def test_a_stack_equals_its_replicas_alone(settings, overrides):
    condition = settings(*STACK, *overrides)
    alone = [frames(condition, [replica]) for replica in condition.replicas]
    assert text(joined(alone)) == text(frames(condition))


def test_a_list_of_rates_equals_runs_at_each(settings):
    overrides = ["dataset=wine", "net.hidden=[6]", "epochs=3", "seeds=2"]
    together = frames(settings(*overrides, "optimizer.lr=[0.1,0.01]"))
    apart = [frames(settings(*overrides, f"optimizer.lr={lr}")) for lr in (0.01, 0.1)]
    assert text(joined(apart)) == text(together)


def test_a_seed_means_the_same_start_for_every_activation(settings):
    """Comparisons are paired: He's weights for ReLU are LeCun's for SELU, layer by layer, times √2."""

    def norms(activation):
        layers = frames(settings(f"activation={activation}", "dataset=wine", "epochs=1", "seeds=2"))["layers"]
        return numbers(layers[layers["epoch"] == 0], ["weight_norm"])

    np.testing.assert_allclose(norms("relu"), np.sqrt(2) * norms("selu"), rtol=1e-6)


# --- divergence

SMALL = ["dataset=wine", "net.hidden=[8]", "output=linear_mse"]
DIVERGING = {
    "in the first epoch": (1e6, SMALL),
    "with momentum": (1e6, [*SMALL, "optimizer=momentum"]),
    "later": (0.9, ["dataset=diabetes", "net.hidden=[]"]),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("rate", "overrides"), DIVERGING.values(), ids=DIVERGING)
def test_a_divergent_replica_is_a_result_and_leaves_its_neighbours_alone(settings, rate, overrides, dtype):
    condition = settings(*overrides, "epochs=60", "seeds=3", f"dtype={dtype}", f"optimizer.lr=[0.003,{rate}]")
    calls = []
    side_by_side = [(lr, seed) for seed in condition.seeds for lr in condition.rates]
    result = train(condition, side_by_side, calls.append).frames
    assert sum(calls) == 6 * condition.epochs

    sane = frames(replace(condition, rates=(0.003,)))
    for name in ("history", "layers", "replicas", "confusion", "reliability"):
        kept = {name: result[name][result[name]["lr"] == 0.003]}
        assert text(kept) == text({name: sane[name]})
    assert (sane["replicas"]["status"] == "done").all()

    for seed in condition.seeds:
        replica = of(result["replicas"], rate, seed).iloc[0]
        history, layers = (of(result[name], rate, seed) for name in ("history", "layers"))
        last = replica["diverged_epoch"]
        assert replica["status"] == "diverged"
        assert last == 1 if rate == 1e6 else 1 < last < condition.epochs
        assert history["epoch"].tolist() == list(range(last + 1))
        assert layers["epoch"].max() == last
        losses = numbers(history, LOSSES[::2])
        assert np.isfinite(losses[:-1]).all()
        assert not np.isfinite(losses[-1]).all()
        np.testing.assert_array_equal(np.isnan(numbers(history, LOSSES[1::2])), ~np.isfinite(losses))
        np.testing.assert_array_equal(
            replica[[f"final_{column}" for column in LOSSES]].astype(float), numbers(history, LOSSES)[-1]
        )
        assert replica["best_epoch"] == losses[:-1, 1].argmin()
        assert not len(of(result["confusion"], rate, seed))
        assert not len(of(result["reliability"], rate, seed))


def test_all_may_diverge(settings):
    condition = settings(*SMALL, "optimizer.lr=1e6", "seeds=3", "epochs=5")
    calls = []
    result = train(condition, condition.replicas, calls.append).frames
    assert result["replicas"]["status"].tolist() == ["diverged"] * 3
    assert len(result["history"]) == 6
    assert len(result["confusion"]) == len(result["reliability"]) == 0
    assert sum(calls) == 3 * 5
    lines = text(result)["history"].decode().splitlines()
    assert {tuple(line.split(",")[-7:]) for line in lines[2::2]} <= {("nan",) * 7, ("inf", "nan") * 3 + ("nan",)}


def test_a_start_out_of_range_is_divergence_before_the_first_epoch(settings):
    condition = settings(*SMALL, "init.gain=1e30", "init=he_normal", "seeds=2", "epochs=3")
    calls = []
    result = train(condition, condition.replicas, calls.append).frames
    assert result["replicas"][["diverged_epoch", "best_epoch"]].to_numpy().tolist() == [[0, 0], [0, 0]]
    assert result["history"]["epoch"].tolist() == [0, 0]
    assert sum(calls) == 2 * 3


def test_a_loss_out_of_range_in_any_part_is_divergence(settings):
    """One row lies so far out that its squared cost overflows, unless the inputs were scaled by it."""
    draw = np.random.default_rng(0)
    inputs, targets = draw.normal(size=(40, 2)), draw.normal(size=40)
    inputs[7] = 1e25
    condition = settings(
        "dataset=diabetes", "net.hidden=[]", "epochs=1", "batch_size=8", "seeds=20", "split.validation=0.4"
    )
    condition = replace(condition, data=Data("outlier", "regression", inputs, targets))
    status = frames(condition)["replicas"]["status"]
    split = prepare(condition.data, condition.seeds, dtype="float32", **condition.division).split
    where = {part: (getattr(split, part) == 7).any(axis=1) for part in ("train", "validation", "test")}
    assert all(seeds.any() for seeds in where.values())
    np.testing.assert_array_equal(status == "diverged", ~where["train"])


# --- maps of decisions


def test_two_features_give_a_map_of_decisions(settings):
    condition = settings(
        "dataset=moons", "output=softmax_ce", "net.hidden=[8]", "epochs=3", "seeds=2", "dtype=float64",
        "optimizer.lr=[0.3,0.1]",
    )  # fmt: skip
    boundary = trained(condition, [(0.3, 1), (0.1, 0)]).boundary
    assert (boundary["lr"].tolist(), boundary["seed"].tolist()) == ([0.1, 0.3], [0, 1])
    x, y = grid(condition.data.inputs)
    span = np.ptp(condition.data.inputs, axis=0)
    np.testing.assert_allclose([x[0], y[0]], condition.data.inputs.min(axis=0) - span / 10)
    np.testing.assert_allclose([x[-1], y[-1]], condition.data.inputs.max(axis=0) + span / 10)
    for lr, seed, decision in zip(*boundary.values(), strict=True):
        plain = Plain(condition, lr, seed)
        for i, j in [(0, 0), (0, 99), (99, 0), (25, 60), (50, 30), (80, 75)]:
            point = (np.array([x[j], y[i]]) - plain.prepared.input_mean[0]) / plain.prepared.input_scale[0]
            assert decision[i, j] == plain.forward(point[None])[-1].argmax()
        assert set(np.unique(decision)) == {0, 1}


def test_a_diverged_replica_has_no_map(settings):
    condition = settings("dataset=moons", "output=linear_mse", "epochs=2", "seeds=1", "optimizer.lr=[0.01,1e6]")
    boundary = trained(condition).boundary
    assert (boundary["lr"].tolist(), boundary["decision"].shape) == ([0.01], (1, 100, 100))


# --- starts


def test_without_an_epoch_the_networks_start_is_looked_at(settings):
    result = frames(settings("epochs=0", "seeds=2", "net.hidden=[8]"))
    trained_too = frames(settings("epochs=1", "seeds=2", "net.hidden=[8]"))
    for name in ("history", "layers"):
        start = trained_too[name][trained_too[name]["epoch"] == 0].drop(columns="run").reset_index(drop=True)
        pd.testing.assert_frame_equal(result[name].drop(columns="run"), start)
    assert result["confusion"]["count"].sum() == 2 * 360


def test_the_output_bias_is_where_the_scores_start(settings):
    """Nothing else than the biases reaches the scores of a network without weights to speak of."""
    condition = settings(
        "output=sigmoid_ce", "net.output_bias=4", "epochs=0", "seeds=1", "init=normal", "init.std=1e-20"
    )
    loss = frames(condition)["history"]["train_loss"].item()
    assert loss == pytest.approx(np.log1p(np.exp(-4)) + 9 * np.log1p(np.exp(4)), rel=1e-6)


# --- class weights


def test_weights_of_classes_that_are_balanced_already_change_no_bit(settings):
    plain, weighted = (
        settings("dataset=iris", "epochs=3", "seeds=2", *more) for more in ([], ["class_weight=balanced"])
    )
    assert plain.run != weighted.run
    ours, theirs = frames(weighted), frames(plain)
    for name in ("history", "layers"):
        assert ours[name].drop(columns="run").equals(theirs[name].drop(columns="run"))


def test_a_weighted_step_is_the_gradient_of_the_weighted_mean(settings):
    """And the losses in the tables are not weighted: before the first epoch they are the plain run's."""
    labels = np.repeat([0, 1, 2], [60, 30, 10])
    inputs = np.random.default_rng(0).normal(size=(100, 2)) + labels[:, None]
    shape = ("net.hidden=[]", "epochs=1", "batch_size=68", "dtype=float64", "save=true", "seeds=3")
    weighted = settings(*shape, "class_weight=balanced")
    weighted = replace(weighted, data=Data("uneven", "classification", inputs, labels))
    network = trained(weighted).network
    lr, seeds = weighted.rates[0], weighted.seeds
    prepared = prepare(weighted.data, seeds, dtype="float64", **weighted.division)
    for place, seed in enumerate(seeds):
        rows = prepared.split.train[place]
        x, y = prepared.inputs[place, rows], labels[rows]
        start = weighted.init(stream(0, "init", seed, 0), 2, 3)
        delta = (softmax(x @ start, axis=1) - np.eye(3)[y]) * (len(y) / (3 * np.bincount(y)))[y, None]
        expected = start - lr * x.T @ delta / len(y)
        np.testing.assert_allclose(network["parameters"][place, :6].reshape(2, 3), expected, rtol=1e-12)
        np.testing.assert_allclose(network["parameters"][place, 6:], -lr * delta.mean(axis=0), rtol=1e-12)
    unweighted = replace(weighted, class_weight="none")
    before = [frames(one)["history"].query("epoch == 0").drop(columns="run") for one in (weighted, unweighted)]
    assert before[0].equals(before[1])


def test_seconds_are_those_of_the_processor_so_that_nothing_else_makes_them_longer(settings, monkeypatch):
    seconds = count()
    monkeypatch.setattr(training.time, "thread_time", lambda: next(seconds))
    monkeypatch.setattr(training.time, "perf_counter", lambda: pytest.fail("a clock on the wall"))
    (row,) = frames(settings("dataset=iris", "net.hidden=[4]", "epochs=2", "seeds=1"))["timing"].to_dict("records")
    # pre-training and two epochs; three evaluations and the decisions; three diagnostics
    assert (row["training"], row["evaluation"], row["diagnostics"]) == (3, 4, 3)
    assert row["total"] == 2 * (3 + 4 + 3) + 1
