"""Checkpoints: their arrays and back, the latest of each replica, and training that is resumed from them."""

import numpy as np
import pytest

from experiments import tables
from experiments.tables import EPOCH_COLUMNS, LAYER_COLUMNS
from experiments.training.checkpoint import Checkpoint, joined, latest
from experiments.training.run import train

CONDITION = ("dataset=wine", "net.hidden=[6]", "epochs=5", "seeds=2", "checkpoint.every=2")
OPTIMIZERS = {"adam": {"state.mean", "state.square"}, "sgd": set()}


def checkpoint(replicas, epoch):
    """Return a checkpoint whose arrays hold their replica's seed."""
    seed = np.array([float(seed) for _, seed in replicas])
    history, layers = np.ones((epoch + 1, len(EPOCH_COLUMNS))), np.ones((epoch + 1, 2, len(LAYER_COLUMNS)))
    return Checkpoint(
        replicas,
        epoch,
        seed[:, None, None] * history,
        seed[:, None, None, None] * layers,
        np.full(len(replicas), -1),
        seed[:, None] * np.ones(3),
        {"velocity": seed[:, None] * np.ones(3)},
    )


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_arrays_have_the_names_and_shapes_of_files_that_exist(settings, optimizer):
    condition = settings(*CONDITION, f"optimizer={optimizer}", "optimizer.lr=[0.001,0.01]")
    kept = []
    train(condition, condition.replicas, keep=kept.append)
    shapes = {name: values.shape for name, values in kept[0].items()}
    parameters = (4, 13 * 6 + 6 + 6 * 3 + 3)
    assert shapes == {
        "lr": (4,),
        "seed": (4,),
        "epoch": (),
        "history": (4, 3, 8),
        "layers": (4, 3, 2, 10),
        "diverged": (4,),
        "parameters": parameters,
        **dict.fromkeys(OPTIMIZERS[optimizer], parameters),
    }
    assert [int(arrays["epoch"]) for arrays in kept] == [2, 4]


def test_arrays_and_back_change_nothing():
    arrays = checkpoint([(0.1, 3), (0.2, 5)], 2).to_arrays()
    again = Checkpoint.from_arrays(arrays).to_arrays()
    assert list(again) == list(arrays)
    for name, values in arrays.items():
        np.testing.assert_array_equal(again[name], values)


def test_a_replica_is_resumed_from_its_latest_checkpoint():
    early, late = checkpoint([(0.1, 3), (0.1, 5)], 2), checkpoint([(0.1, 5)], 4)
    for checkpoints in ([early, late], [late, early]):
        starts = latest(checkpoints, len(LAYER_COLUMNS))
        assert starts == {(0.1, 3): (early, 0), (0.1, 5): (late, 0)}
    assert latest([early, late], len(LAYER_COLUMNS) + 3) == {}


def test_a_checkpoint_without_the_columns_of_learned_parameters_is_not_resumed(settings):
    """A version that did not record them may have written it."""
    condition = settings(*CONDITION, "activation=prelu")
    kept = []
    whole = train(condition, condition.replicas, keep=kept.append)
    assert kept[0]["layers"].shape == (2, 3, 2, 13)
    earlier = kept[0] | {"layers": kept[0]["layers"][..., :10]}
    again = train(condition, condition.replicas, resume=[earlier])
    assert again.frames["layers"].equals(whole.frames["layers"])


def test_replicas_of_several_checkpoints_are_joined():
    first, second = checkpoint([(0.1, 3), (0.1, 5)], 2), checkpoint([(0.2, 7)], 2)
    both = joined([(second, 0), (first, 1)])
    assert (both.replicas, both.epoch) == ([(0.2, 7), (0.1, 5)], 2)
    for values in (both.history, both.layers, both.parameters, both.state["velocity"]):
        assert values.reshape(2, -1)[:, 0].tolist() == [7, 5]


@pytest.mark.parametrize(
    "overrides",
    [["optimizer=adam", "schedule=cosine"], ["output=linear_mse", "optimizer=momentum", "optimizer.lr=[0.003,1e6]"]],
    ids=" ".join,
)
def test_resumed_training_is_that_without_a_break(settings, overrides):
    condition = settings(*CONDITION, *overrides)
    kept = []

    def texts(**options):
        frames = train(condition, condition.replicas, **options).frames
        return [tables.to_csv(tables.to_text(frame)) for name, frame in frames.items() if name != "timing"]

    whole = texts(keep=lambda arrays: kept.append({name: values.copy() for name, values in arrays.items()}))
    for arrays in kept:
        assert texts(resume=[arrays]) == whole
