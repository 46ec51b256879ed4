"""Training with norms, dropout, residual connections and early stopping: resumed, cut into parts, before epoch 1."""

import numpy as np
import pytest
from scipy.special import log_softmax

from experiments import tables
from experiments.streams import stream
from experiments.training import run as training
from experiments.training.run import divide, gathered, train, train_part
from experiments.training.stack import Stack

COMMON = (
    "dataset=iris",
    "batch_size=30",
    "net.hidden=[6,6]",
    "epochs=5",
    "seeds=2",
    "optimizer.lr=[0.02,0.5]",
    "checkpoint.every=1",
    "save=true",
)
RECIPES = {
    "batch norm": ("net.norm=batch",),
    "layer norm": ("net.norm=layer", "activation=maxout"),
    "dropout": ("net.dropout=0.3", "net.input_dropout=0.1", "activation=prelu"),
    "alpha dropout": ("net.dropout=0.2", "activation=selu"),
    "residual": ("net.residual=true", "activation=tanh"),
    "clipping and a warm-up": ("optimizer=momentum", "optimizer.clip_norm=0.1", "schedule.warmup=3"),
    "early stopping": ("early_stopping.patience=1", "optimizer.lr=[0.02,5]"),
    "metrics of every epoch": ("metrics.every_epoch=true", "early_stopping.patience=1", "optimizer.lr=[0.02,5,1e30]"),
    "metrics of numbers": ("metrics.every_epoch=true", "dataset=diabetes", "optimizer.lr=[0.001,0.3,1e30]"),
    "all": (
        "net.norm=batch",
        "net.dropout=0.25",
        "net.residual=true",
        "early_stopping.patience=2",
        "optimizer=adam",
        "optimizer.clip_norm=1",
        "schedule.warmup=2",
        "output=softmax_ce",
        "output.label_smoothing=0.1",
        "dataset=moons",  # with a map of decisions
        "dataset.samples=100",
    ),
    "a diverging replica": (
        "net.norm=batch",
        "early_stopping.patience=2",
        "output=linear_mse",
        "optimizer.lr=[0.02,1e30]",
    ),
}
each_recipe = pytest.mark.parametrize("overrides", RECIPES.values(), ids=RECIPES)


def everything(result):
    """Return all that is written of a run, exact in every digit."""
    content = {name: tables.to_csv(tables.to_text(frame)) for name, frame in result.frames.items() if name != "timing"}
    for name, arrays in (("boundary", result.boundary), ("network", result.network)):
        content |= {f"{name}.{key}": values.tobytes() for key, values in (arrays or {}).items()}
    return content


def whole(condition):
    """Return all of an uninterrupted training, and its checkpoints."""
    kept = []

    def keep(arrays):
        kept.append({name: values.copy() for name, values in arrays.items()})

    return everything(train(condition, condition.replicas, keep=keep)), kept


@each_recipe
def test_a_training_that_is_resumed_after_any_epoch_is_that_without_a_break(settings, overrides):
    condition = settings(*COMMON, *overrides)
    expected, kept = whole(condition)
    assert [int(arrays["epoch"]) for arrays in kept][:2] == [1, 2]
    for arrays in kept:
        assert everything(train(condition, condition.replicas, resume=[arrays])) == expected


@each_recipe
def test_checkpoints_of_other_parts_are_resumed_without_a_difference(settings, overrides, monkeypatch):
    """One part becomes a part for each replica, as with many workers, and these become one again."""
    condition = settings(*COMMON, *overrides)
    expected, kept = whole(condition)
    parts = divide(condition, condition.replicas, kept[1:2], least=4)
    assert len(parts) == 4
    assert everything(gathered(condition, [train_part(condition, part) for part in parts])) == expected
    with monkeypatch.context() as patch:
        patch.setattr(training, "CHUNK_BYTES", 1)
        apart, by_replica = whole(condition)
    assert apart == expected
    for epoch in (1, 3):
        cut = [arrays for arrays in by_replica if int(arrays["epoch"]) <= epoch]
        for resume in (cut, cut[::-1], cut[: len(cut) // 2]):  # the last one without checkpoints of some replicas
            assert everything(train(condition, condition.replicas, resume=resume)) == expected


@each_recipe
def test_a_training_that_is_stopped_and_resumed_again_and_again_is_that_without_a_break(settings, overrides):
    condition = settings(*COMMON, *overrides, "checkpoint.every=0")
    expected, _ = whole(condition)
    resume, rounds, done = [], 0, None
    while not done:
        part, kept, asked = divide(condition, condition.replicas, resume)[0], [], iter([False])
        done = train_part(condition, part, keep=kept.append, stopped=lambda asked=asked: next(asked, True))
        resume = kept
        rounds += 1
        assert rounds < 9
    assert rounds > 1
    assert everything(gathered(condition, [done])) == expected


def test_a_part_that_has_ended_is_finished_though_it_is_asked_to_stop(settings):
    condition = settings(*COMMON, "early_stopping.patience=1", "optimizer.lr=1e-30", "checkpoint.every=0")
    (part,) = divide(condition, condition.replicas)
    asked = iter([False])  # after epoch 0; after epoch 1 all replicas have ended
    done = train_part(condition, part, stopped=lambda: next(asked, True))
    assert everything(gathered(condition, [done])) == whole(condition)[0]


@each_recipe
def test_a_stack_equals_its_replicas_alone(settings, overrides):
    condition = settings(*COMMON, *overrides)
    expected = whole(condition)[0]
    alone = [train_part(condition, part) for part in divide(condition, condition.replicas[::-1], least=4)]
    assert everything(gathered(condition, alone)) == expected


# --- before the first epoch


@pytest.mark.parametrize("overrides", [(), ("net.dropout=0.5", "net.input_dropout=0.25")], ids=["", "dropout"])
def test_epoch_0_is_evaluated_with_the_statistics_of_the_first_batch(settings, overrides):
    condition = settings(*COMMON, "net.norm=batch", "dtype=float64", *overrides)
    started, first = (Stack(condition, condition.replicas) for _ in range(2))
    started.start_statistics()
    next(first.train_steps(1))
    np.testing.assert_array_equal(started.network.statistics, first.network.statistics)
    history = train(condition, condition.replicas).frames["history"]
    for index, (rate, seed) in enumerate(condition.replicas):
        # By hand: a plain pass of the first batch, layer by layer, and one of the test part.
        rows = next(started.batches(1))[index]
        inputs, labels = started.prepared.inputs[started.seed_index[index]], started.prepared.targets
        network, bits = started.network, stream(condition.entropy, "dropout", seed, 1).bit_generator
        masks = [np.ones((len(rows), width)) for width in (4, 6, 6)]
        if overrides:
            words = bits.random_raw(-(-len(rows) * 16 // 4)).astype("<u8").view("<u2")
            ends = np.cumsum([0, *(mask.size for mask in masks)])
            for mask, low, high, p in zip(masks, ends[:-1], ends[1:], (0.25, 0.5, 0.5), strict=True):
                mask[:] = (words[low:high].reshape(mask.shape) >= p * 65536) / (1 - p)
        signal, test = inputs[rows] * masks[0], inputs[started.prepared.split.test[started.seed_index[index]]]
        for layer, mask in zip(network.layers[:-1], masks[1:], strict=True):
            z = signal @ layer.weight[index]
            mean, variance = z.mean(axis=0), z.var(axis=0)
            signal = np.maximum((z - mean) / np.sqrt(variance + 1e-5), 0) * mask
            unbiased = z.var(axis=0, ddof=1)
            test = np.maximum((test @ layer.weight[index] - mean) / np.sqrt(unbiased + 1e-5), 0)
        scores = test @ network.layers[-1].weight[index]
        y = labels[started.prepared.split.test[started.seed_index[index]]]
        start = history[(history["lr"] == rate) & (history["seed"] == seed)].iloc[0]
        assert start["epoch"] == 0
        assert start["test_error"] == (scores.argmax(axis=1) != y).mean()
        cost = -log_softmax(scores, axis=1)[np.arange(len(y)), y]
        assert start["test_loss"] == pytest.approx(cost.mean(), rel=1e-9)


def test_statistics_are_no_parameters_and_are_kept_with_the_network(settings):
    plain, normed = (train(one := settings(*COMMON, f"net.norm={norm}"), one.replicas) for norm in ("layer", "batch"))
    assert plain.network["parameters"].shape == normed.network["parameters"].shape
    assert "statistics" not in plain.network
    assert normed.network["statistics"].shape == (4, 2 * (6 + 6))
    parameters = [result.frames["replicas"]["parameters"].unique().tolist() for result in (plain, normed)]
    assert parameters == [[4 * 6 + 6 * 6 + 6 * 3 + 15 + 12]] * 2


@pytest.mark.parametrize(
    "overrides", [("net.dropout=0.5", "net.input_dropout=0.25"), ("net.dropout=0.2",)], ids=" ".join
)
def test_masks_do_not_depend_on_the_activation_and_begin_anew_in_each_epoch(settings, overrides):
    def masks(activation, epoch):
        condition = settings(*COMMON, *overrides, f"activation={activation}")
        stack, found = Stack(condition, condition.replicas), []
        rows = next(stack.batches(epoch))
        for _ in stack.train_steps(epoch):
            found.append([mask.copy() > 0 for mask in stack.gather(rows, training=True).masks if mask is not None])
        return found

    base = masks("relu", 2)
    for activation in ("maxout", "selu", "prelu"):
        for step, other in zip(base, masks(activation, 2), strict=True):
            assert all(np.array_equal(*pair) for pair in zip(step, other, strict=True))
    assert not np.array_equal(base[0][0], base[1][0])
    assert not np.array_equal(base[0][0], masks("relu", 3)[0][0])
    for mask in base[0]:  # replicas (0.02, seed), then (0.5, seed): one seed, one mask
        np.testing.assert_array_equal(mask[:2], mask[2:])
        assert not np.array_equal(mask[0], mask[1])


def test_prediction_drops_nothing(settings):
    """At a rate of next to nothing the losses of all epochs are those of the start, though masks change."""
    condition = settings(*COMMON, "net.dropout=0.5", "net.input_dropout=0.5", "optimizer.lr=1e-12")
    history = train(condition, condition.replicas).frames["history"]
    for _, rows in history.groupby("seed"):
        np.testing.assert_allclose(rows["train_loss"].astype(float), float(rows["train_loss"].iloc[0]), rtol=1e-6)


@each_recipe
def test_a_recipe_changes_the_training(settings, overrides):
    condition = settings(*COMMON, *overrides)
    kept = [word for word in overrides if word.startswith(("activation", "output=", "optimizer=", "optimizer.lr"))]
    plain = settings(*COMMON, *kept)
    assert condition.run != plain.run
    ours, theirs = (train(one, one.replicas).frames["history"].drop(columns="run") for one in (condition, plain))
    assert not ours.equals(theirs)
