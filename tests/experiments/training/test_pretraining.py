"""Pre-training against a loop over plain arrays."""

from dataclasses import astuple, replace

import numpy as np
from scipy.special import expit

from experiments.data.split import prepare
from experiments.streams import stream
from experiments.training.run import train


def denoised(settings, seed):
    """Return the hidden layers' weights after pre-training, by a loop over plain arrays."""
    prepared = prepare(settings.data, [seed], dtype="float64", **settings.division)
    x, train, batch = prepared.inputs[0], prepared.split.train[0], settings.batch_size
    epochs, rate, noise = astuple(settings.pretrain)
    weights = []
    for layer, units in enumerate(settings.net.hidden):
        w = settings.init(stream(0, "init", seed, layer), x.shape[1], units)
        b, v, c = np.zeros(units), w.T.copy(), np.zeros(x.shape[1])
        for epoch in range(1, epochs + 1):
            rows = train[stream(0, "order", seed, epoch).permutation(len(train))]
            draws = stream(0, "noise", seed, layer * epochs + epoch)
            for start in range(0, len(train) - batch + 1, batch):
                signal = x[rows[start : start + batch]]
                masked = signal * (draws.random(signal.shape) >= noise)
                h = np.maximum(masked @ w + b, 0)
                z = h @ v + c
                # What a rectifier gives is reconstructed by softplus, standardised features as they are.
                g, slope = (np.logaddexp(0, z), expit(z)) if layer else (z, 1)
                delta = (g - signal) * slope / batch
                back = (delta @ v.T) * (h > 0)
                w, b = w - rate * masked.T @ back, b - rate * back.sum(axis=0)
                v, c = v - rate * h.T @ delta, c - rate * delta.sum(axis=0)
        weights.append(w)
        x = np.maximum(x @ w + b, 0)
    return weights


def test_hidden_layers_are_denoising_autoencoders_before_the_labels_are_seen(settings):
    condition = settings(
        "dataset=wine",
        "net.hidden=[6,4]",
        "epochs=0",
        "seeds=2",
        "dtype=float64",
        "pretrain.epochs=3",
        "pretrain.lr=0.05",
    )
    layers = train(condition, condition.replicas).frames["layers"]
    for seed in condition.seeds:
        own = layers[(layers["seed"] == seed) & (layers["layer"] <= 2)]["weight_norm"].astype(float)
        expected = [np.linalg.norm(weight) for weight in denoised(condition, seed)]
        np.testing.assert_allclose(own, expected, rtol=1e-10)
    untrained = replace(condition, pretrain=replace(condition.pretrain, epochs=0))
    before = train(untrained, untrained.replicas).frames["layers"]
    assert (before["weight_norm"] != layers["weight_norm"]).groupby(layers["layer"]).all().tolist() == [
        True,
        True,
        False,
    ]


def test_what_is_not_pretrained_is_known_by_the_same_name(settings):
    assert settings("pretrain.lr=0.5").run == settings().run != settings("pretrain.epochs=1").run
