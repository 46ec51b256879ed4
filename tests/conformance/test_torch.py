"""Training against PyTorch in float64, step by step: identical weights, batches and masks, 50 steps.

By default all pairs of two choices are covered. `pytest -m slow tests/conformance/test_torch.py` runs the other
combinations.
"""

import itertools
from collections.abc import Mapping

import numpy as np
import pytest

from nets.activations import ACTIVATIONS, Maxout
from nets.descent import Descent
from nets.dropout import Dropout
from nets.formula import Formula
from nets.initializers import HeNormal
from nets.network import Network, Recipe, Work
from nets.optimizers import SGD, AdamW, Constant, Momentum, WarmupCosine
from nets.outputs import ExpPoisson, GaussianNLL, LinearHuber, LinearMAE, Quantile, SigmoidCE, SoftmaxCE, SoftmaxFocal

torch = pytest.importorskip("torch", reason="in the extra: pip install '.[bench]'")
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

torch.set_num_threads(1)

INPUTS, HIDDEN, CLASSES, ROWS, REPLICAS, STEPS = 6, (8, 8, 5, 5), 3, 16, 2, 50
OPTIMIZERS = {"sgd": SGD, "momentum": Momentum, "adamw": AdamW}
RATES = {"sgd": (0.05, 0.1), "momentum": (0.01, 0.02), "adamw": (0.01, 0.003)}
DECAY = 0.02
OURS = {name: ACTIVATIONS[name]() for name in ("relu", "elu", "selu", "prelu")}
OURS |= {"maxout": Maxout(pieces=3), "formula": Formula("z_sigmoid", "x * sigmoid(1.702 * x)")}


class MaxPieces(nn.Module):
    def forward(self, z):
        return z.unflatten(1, (3, -1)).amax(dim=1)


class Product(nn.Module):
    def forward(self, z):
        return z * torch.sigmoid(1.702 * z)


THEIRS = {
    "relu": lambda units: nn.ReLU(),
    "elu": lambda units: nn.ELU(),
    "selu": lambda units: nn.SELU(),
    "prelu": nn.PReLU,
    "maxout": lambda units: MaxPieces(),
    "formula": lambda units: Product(),
}
NORMS = {"none": nn.Identity, "batch": nn.BatchNorm1d, "layer": nn.LayerNorm}


class Theirs(nn.Module):
    """One replica of a network, in PyTorch's modules."""

    def __init__(self, network, replica, activation):
        super().__init__()
        self.skips, self.alpha = network.skips, activation == "selu"
        norm = NORMS[network.recipe.norm]
        columns = [layer.weight.shape[2] for layer in network.layers[:-1]]
        self.linear = nn.ModuleList(
            nn.Linear(*layer.weight.shape[1:], bias=layer.scale is None, dtype=torch.float64)
            for layer in network.layers
        )
        self.norm = nn.ModuleList(norm(width, dtype=torch.float64) for width in columns)
        self.activation = nn.ModuleList(THEIRS[activation](units).double() for units in network.hidden)
        with torch.no_grad():
            for index, layer in enumerate(network.layers):
                self.linear[index].weight.copy_(torch.tensor(layer.weight[replica].T))
                bias = self.linear[index] if layer.scale is None else self.norm[index]
                bias.bias.copy_(torch.tensor(layer.bias[replica, 0]))
                if layer.scale is not None:
                    self.norm[index].weight.copy_(torch.tensor(layer.scale[replica, 0]))
                for values in layer.learned.values():
                    self.activation[index].weight.copy_(torch.tensor(values[replica, 0]))

    def groups(self, decay):
        """Return the parameters for an optimizer: only the weights decay."""
        weights = [linear.weight for linear in self.linear]
        others = [parameter for parameter in self.parameters() if not any(parameter is weight for weight in weights)]
        return [{"params": weights, "weight_decay": decay}, {"params": others, "weight_decay": 0}]

    def forward(self, x, masks):
        signal = x if masks[0] is None else x * masks[0]
        for linear, norm, activation, mask, skip in zip(
            self.linear, self.norm, self.activation, masks[1:], self.skips, strict=False
        ):
            h = activation(norm(linear(signal)))
            if mask is not None:
                h = alpha_dropped(h, mask) if self.alpha else h * mask
            signal = h + signal if skip else h
        return self.linear[-1](signal)


def alpha_dropped(h, mask, p=0.25):
    """Return h with alpha dropout as in PyTorch's and in Klambauer et al.: a (h d + α′ (1 − d)) + b."""
    alpha = -1.7580993408473766
    a = ((1 - p) * (1 + p * alpha**2)) ** -0.5
    kept = (mask > 0).double()
    return a * (h * kept + alpha * (1 - kept)) - a * alpha * p


def filled(recipe, activation):
    """Return a network with parameters as in the middle of a training."""
    random = np.random.default_rng(0)
    network = Network(INPUTS, HIDDEN, CLASSES, OURS[activation], REPLICAS, "float64", recipe)
    network.initialize(HeNormal(), lambda replica, layer: np.random.default_rng([replica, layer]))
    for layer in network.layers:
        layer.bias[:] = 0.3 * random.normal(size=layer.bias.shape)
        if layer.scale is not None:
            layer.scale[:] = random.uniform(0.5, 1.5, layer.scale.shape)
        for values in layer.learned.values():
            values[:] = random.uniform(0.1, 0.5, values.shape)
    return network


def optimizer_of(name, groups, rate):
    if name == "adamw":
        return torch.optim.AdamW(groups, lr=rate)
    return torch.optim.SGD(groups, lr=rate, momentum=0.9 if name == "momentum" else 0)


def statistics(network, theirs):
    """Return ours and theirs: running means and variances, layer by layer."""
    for replica, other in enumerate(theirs):
        for running, norm in zip(network.running, other.norm, strict=True):
            yield running.mean[replica, 0], norm.running_mean.numpy()
            yield running.variance[replica, 0], norm.running_var.numpy()


def compare(norm, dropout, residual, rule, activation, *, clip=np.inf, smoothing=0.0, factors=(1.0,) * STEPS):
    """Train both, and compare the losses of each step, the running statistics, and the networks in prediction."""
    recipe = Recipe(norm, 0.25 * dropout, 0.25 * dropout, residual)
    network = filled(recipe, activation)
    optimizer, output = OPTIMIZERS[rule](DECAY, clip_norm=clip), SoftmaxCE(label_smoothing=smoothing)
    descent = Descent(network, output, optimizer, optimizer.state(network.parameters))
    theirs = [Theirs(network, replica, activation) for replica in range(REPLICAS)]
    rules = [optimizer_of(rule, one.groups(DECAY), rate) for one, rate in zip(theirs, RATES[rule], strict=True)]
    cost = nn.CrossEntropyLoss(label_smoothing=smoothing)
    generators = {replica: np.random.default_rng(replica) for replica in range(REPLICAS)}
    random, work = np.random.default_rng(1), Work(network, ROWS, training=True)
    clipped = 0
    for step in range(STEPS):
        work.inputs[:] = random.normal(size=work.inputs.shape)
        labels = random.integers(0, CLASSES, size=(REPLICAS, ROWS))
        work.targets[:] = np.eye(CLASSES)[labels]
        network.draw_masks(generators, range(REPLICAS), work)
        masks = [None if mask is None else torch.tensor(mask) for mask in work.masks]
        rate = np.array(RATES[rule])[:, None] * factors[step]
        descent.step(work, rate, (optimizer.gradient_factor(rate) / ROWS)[:, :, None])
        ours = output.cost(work.scores, work.targets).mean(axis=1)
        for replica, (other, update) in enumerate(zip(theirs, rules, strict=True)):
            for layer in other.norm:
                layer.momentum = 1.0 if step == 0 else 0.1
            scores = other(torch.tensor(work.inputs[replica]), [None if m is None else m[replica] for m in masks])
            target = torch.tensor(labels[replica])
            assert functional.cross_entropy(scores, target).item() == pytest.approx(ours[replica], rel=1e-9, abs=1e-9)
            update.zero_grad()
            cost(scores, target).backward()
            if clip < np.inf:
                clipped += nn.utils.clip_grad_norm_(other.parameters(), clip).item() > clip
            for group in update.param_groups:
                group["lr"] = rate[replica, 0]
            update.step()
        if norm == "batch":
            for running, expected in statistics(network, theirs):
                np.testing.assert_allclose(running, expected, rtol=1e-12, atol=1e-12)
    assert clip == np.inf or 0 < clipped < STEPS * REPLICAS  # some gradients are clipped, and some are not
    prediction = Work(network, ROWS)
    prediction.inputs[:] = work.inputs
    scores = network.forward(prediction)
    for replica, other in enumerate(theirs):
        expected = other.eval()(torch.tensor(work.inputs[replica]), [None] * (len(HIDDEN) + 1))
        np.testing.assert_allclose(scores[replica], expected.detach().numpy(), rtol=1e-9, atol=1e-9)


CHOICES: Mapping[str, tuple] = {
    "norm": tuple(NORMS),
    "dropout": (False, True),
    "residual": (False, True),
    "rule": tuple(OPTIMIZERS),
    "activation": tuple(OURS),
}


def pairs(case):
    """Return all pairs of two choices that a case has."""
    return set(itertools.combinations(enumerate(case), 2))


def covering():
    """Return cases that have all pairs of two choices: the case with the most new pairs is next."""
    every = list(itertools.product(*CHOICES.values()))
    missing, chosen = set().union(*map(pairs, every)), []
    while missing:
        chosen.append(max(every, key=lambda case: len(pairs(case) & missing)))
        missing -= pairs(chosen[-1])
    return chosen


COVERING = covering()
OTHERS = [case for case in itertools.product(*CHOICES.values()) if case not in COVERING]


@pytest.mark.parametrize(tuple(CHOICES), COVERING)
def test_training_is_pytorchs_step_by_step(norm, dropout, residual, rule, activation):
    compare(norm, dropout, residual, rule, activation)


@pytest.mark.slow
@pytest.mark.parametrize(tuple(CHOICES), OTHERS)
def test_training_is_pytorchs_in_all_other_combinations(norm, dropout, residual, rule, activation):
    compare(norm, dropout, residual, rule, activation)


def test_all_pairs_are_covered():
    for (first, one), (second, other) in itertools.combinations(enumerate(CHOICES.values()), 2):
        found = {(case[first], case[second]) for case in COVERING}
        assert found == set(itertools.product(one, other))
    assert len(COVERING) + len(OTHERS) == 216


@pytest.mark.parametrize(("norm", "rule"), [*zip(NORMS, OPTIMIZERS, strict=True)])
def test_clipped_gradients_are_those_of_clip_grad_norm(norm, rule):
    compare(norm, True, True, rule, "elu", clip=1.5)


@pytest.mark.parametrize("norm", ["batch"])
def test_smoothed_labels_are_those_of_cross_entropy_loss(norm):
    """The costs that are recorded stay those of the plain labels."""
    compare(norm, False, True, "adamw", "prelu", smoothing=0.1)


@pytest.mark.parametrize("rule", ["adamw"])
def test_training_with_a_warmup_is_pytorchs(rule):
    schedule = WarmupCosine(warmup=10)
    compare("batch", True, True, rule, "relu", factors=[schedule.factor(step + 1, STEPS) for step in range(STEPS)])


# --- a wrong recipe is caught


def test_a_wrong_running_variance_is_caught(monkeypatch):
    """The biased variance of the batch in place of the unbiased one is wrong by a factor of 15/16."""
    from nets.norms import BatchNorm

    right = BatchNorm.forward

    def wrong(self, layer, share):
        before = layer.running.variance.copy()
        result = right(self, layer, share)
        if share:
            part = layer.running.variance - (1 - share) * before
            layer.running.variance[:] = (1 - share) * before + part * (ROWS - 1) / ROWS
        return result

    compare("batch", False, False, "sgd", "relu")
    monkeypatch.setattr(BatchNorm, "forward", wrong)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        compare("batch", False, False, "sgd", "relu")


@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_a_wrong_epsilon_is_caught(norm, monkeypatch):
    monkeypatch.setattr("nets.norms.EPSILON", 1.01e-5)
    with pytest.raises(AssertionError):
        compare(norm, False, False, "sgd", "relu")


# --- parts of the recipe by themselves


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.6])
def test_the_gradient_of_smoothed_softmax_units_is_pytorchs(smoothing):
    random = np.random.default_rng(0)
    z, labels = 3 * random.normal(size=(1, 20, 5)), random.integers(0, 5, 20)
    output, targets, gradient = SoftmaxCE(label_smoothing=smoothing), np.eye(5)[labels][None], np.empty((1, 20, 5))
    output.gradient(z, output.smooth(targets), gradient)
    scores = torch.tensor(z[0], requires_grad=True)
    nn.CrossEntropyLoss(label_smoothing=smoothing, reduction="sum")(scores, torch.tensor(labels)).backward()
    np.testing.assert_allclose(gradient[0], scores.grad.numpy(), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.6])
@pytest.mark.parametrize("units", [1, 4])
def test_the_gradient_of_smoothed_sigmoid_units_is_that_of_pytorchs_bce(units, smoothing):
    """PyTorch's binary cross-entropy takes any targets: with K = 2, smoothed ones are s/2 and 1 − s/2."""
    random = np.random.default_rng(0)
    z, targets = 3 * random.normal(size=(1, 20, units)), random.integers(0, 2, (1, 20, units)).astype(float)
    output, gradient = SigmoidCE(label_smoothing=smoothing), np.empty_like(z)
    output.gradient(z, output.smooth(targets), gradient)
    scores = torch.tensor(z, requires_grad=True)
    smoothed = torch.tensor(np.where(targets == 1, 1 - smoothing / 2, smoothing / 2))
    nn.BCEWithLogitsLoss(reduction="sum")(scores, smoothed).backward()
    np.testing.assert_allclose(gradient, scores.grad.numpy(), rtol=1e-12, atol=1e-15)


# --- pairings of numbers, and the focal cost


def both(output, z, y, theirs):
    """Return costs and gradients of ours and of PyTorch's cost, a function of the tensors z and y; its rows are summed.

    The gradient is that of `theirs`, its rows are those of ours.
    """
    gradient = np.empty_like(z[None])
    output.gradient(z[None], y[None], gradient)
    scores = torch.tensor(z, requires_grad=True)
    cost = theirs(scores, torch.tensor(y))
    cost.sum().backward()
    return output.cost(z[None], y[None])[0], cost.detach().numpy(), gradient[0], scores.grad.numpy()


def assert_same(output, z, y, theirs):
    cost, their_cost, gradient, their_gradient = both(output, z, y, theirs)
    np.testing.assert_allclose(cost, their_cost, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(gradient, their_gradient, rtol=1e-11, atol=1e-12)


def scores_and_targets(scores_per_target=1):
    random = np.random.default_rng(0)
    return 3 * random.normal(size=(200, 3 * scores_per_target)), 3 * random.normal(size=(200, 3))


def test_linear_mae_is_pytorchs_l1_loss():
    z, y = scores_and_targets()
    z[:20] = y[:20]  # at a tie, both gradients are 0
    assert_same(LinearMAE(), z, y, lambda scores, targets: nn.L1Loss(reduction="none")(scores, targets).sum(dim=1))


@pytest.mark.parametrize("delta", [0.3, 1.0, 5.0])
def test_linear_huber_is_pytorchs_huber_loss(delta):
    cost = nn.HuberLoss(reduction="none", delta=delta)
    assert_same(LinearHuber(delta), *scores_and_targets(), lambda scores, targets: cost(scores, targets).sum(dim=1))


def test_exp_poisson_is_pytorchs_poisson_nll_loss():
    """Without Stirling's approximation, which stands in PyTorch for log y!, the gradients are the same."""
    z, _ = scores_and_targets()
    y = np.random.default_rng(1).poisson(4, z.shape).astype(float)
    cost = nn.PoissonNLLLoss(log_input=True, full=False, reduction="none")

    def theirs(scores, targets):
        return (cost(scores, targets) + torch.lgamma(targets + 1)).sum(dim=1)

    assert_same(ExpPoisson(), z, y, theirs)


def gaussian_nll(scores, targets):
    """Return PyTorch's cost of each target; its least variance, eps, is far below those here."""
    cost = nn.GaussianNLLLoss(full=True, eps=1e-300, reduction="none")
    return cost(scores[:, 0::2], targets, scores[:, 1::2].exp())


def test_gaussian_nll_is_pytorchs():
    z, y = scores_and_targets(2)
    assert_same(GaussianNLL(), z, y, lambda scores, targets: gaussian_nll(scores, targets).sum(dim=1))


@pytest.mark.parametrize("beta", [0.25, 0.5, 1.0])
def test_the_gradient_of_gaussian_nll_with_beta_is_that_of_a_detached_factor(beta):
    """As Seitzer et al. (2022) write it: the factor σ^(2 β) has no gradient."""

    def weighted(scores, targets):
        return (gaussian_nll(scores, targets) * scores[:, 1::2].exp().detach() ** beta).sum(dim=1)

    z, y = scores_and_targets(2)
    cost, _, gradient, their_gradient = both(GaussianNLL(beta), z, y, weighted)
    np.testing.assert_allclose(gradient, their_gradient, rtol=1e-11, atol=1e-12)
    plain = gaussian_nll(torch.tensor(z), torch.tensor(y)).sum(dim=1)
    np.testing.assert_allclose(cost, plain.numpy(), rtol=1e-11)


def test_quantile_is_the_maximum_of_two_lines():
    levels = torch.tensor([0.05, 0.5, 0.95], dtype=torch.float64)

    def theirs(scores, targets):
        residual = targets[:, :, None] - scores.unflatten(1, (-1, 3))
        return torch.maximum(levels * residual, (levels - 1) * residual).sum(dim=(1, 2))

    assert_same(Quantile(), *scores_and_targets(3), theirs)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 5.0])
def test_the_focal_cost_is_that_of_a_graph(gamma):
    z, labels = scores_and_targets()[0], np.random.default_rng(1).integers(0, 3, 200)

    def theirs(scores, targets):
        log_p = (functional.log_softmax(scores, dim=1) * targets).sum(dim=1)
        return -((1 - log_p.exp()) ** gamma) * log_p

    assert_same(SoftmaxFocal(gamma), z, np.eye(3)[labels], theirs)


@pytest.mark.parametrize("p", [0.25, 0.5])
def test_alpha_dropout_is_pytorchs(p):
    """PyTorch draws the mask; ours with the same mask gives the same numbers."""
    torch.manual_seed(0)
    h = np.random.default_rng(0).normal(size=(200, 30))
    theirs = functional.alpha_dropout(torch.tensor(h), p, training=True).numpy()
    dropout = Dropout.of("alpha", p)
    dropped = np.abs(theirs - dropout.d) < 1e-6
    assert abs(dropped.mean() - p) < 0.02
    mask, out = np.where(dropped, 0, dropout.factor), np.empty_like(h)
    dropout.apply(h, mask, out)
    np.testing.assert_allclose(out, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("warmup", [1, 5])
def test_warmups_are_those_of_pytorchs_schedulers(warmup):
    epochs = 20

    def factors(make):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        scheduler = make(optimizer)
        rates = []
        for _ in range(epochs):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        return rates

    def rising(optimizer):
        return torch.optim.lr_scheduler.LinearLR(optimizer, 1 / (warmup + 1), total_iters=warmup)

    def rising_and_falling(optimizer):
        falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs - warmup)
        return torch.optim.lr_scheduler.SequentialLR(optimizer, [rising(optimizer), falling], [warmup])

    for schedule, make in ((Constant(warmup=warmup), rising), (WarmupCosine(warmup=warmup), rising_and_falling)):
        ours = [schedule.factor(epoch, epochs) for epoch in range(1, epochs + 1)]
        np.testing.assert_allclose(ours, factors(make), rtol=1e-12)
