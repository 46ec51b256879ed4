"""Update rules against their textbook forms, one replica at a time; weight decay; schedules; refusals."""

import math
import re

import numpy as np
import pytest

from nets.optimizers import OPTIMIZERS, SCHEDULES, Adam, AdamW, Constant, Cosine, Multistep, RMSProp, WarmupCosine

REPLICAS, PARAMETERS, DECAYED, STEPS = 3, 7, 4, 30
WEIGHTS = np.arange(PARAMETERS) < DECAYED
RATES = np.array([[0.3], [0.01], [0.05]])

each_optimizer = pytest.mark.parametrize("name", OPTIMIZERS)
each_decay = pytest.mark.parametrize("weight_decay", [0.0, 0.1])


# --- the rules as published, for one replica with parameters p, gradient function g(p, step) and rates by step


def sgd(p, g, rates, decay):
    for t, rate in enumerate(rates):
        p = p - rate * (g(p, t) + decay * WEIGHTS * p)
    return p


def momentum(p, g, rates, decay, mu=0.9):
    v = 0
    for t, rate in enumerate(rates):
        v = mu * v - rate * (g(p, t) + decay * WEIGHTS * p)
        p = p + v
    return p


def nesterov(p, g, rates, decay, mu=0.9):
    """Take the gradient where momentum alone would lead (Sutskever et al. 2013): the rule's parameters are there."""
    v, ahead = 0, p
    for t, rate in enumerate(rates):
        p = ahead - mu * v
        v = mu * v - rate * (g(ahead, t) + decay * WEIGHTS * ahead)
        p = p + v
        ahead = p + mu * v
    return ahead


def rmsprop(p, g, rates, decay, rho=0.9, epsilon=1e-8):
    s = 0
    for t, rate in enumerate(rates):
        gradient = g(p, t) + decay * WEIGHTS * p
        s = rho * s + (1 - rho) * gradient**2
        p = p - rate * gradient / (np.sqrt(s) + epsilon)
    return p


def adam(p, g, rates, decay, beta1=0.9, beta2=0.999, epsilon=1e-8, decoupled=False):
    m = s = 0
    for t, rate in enumerate(rates):
        gradient = g(p, t)
        shrunk = p
        if decoupled:
            shrunk = p - rate * decay * WEIGHTS * p
        else:
            gradient = gradient + decay * WEIGHTS * p
        m = beta1 * m + (1 - beta1) * gradient
        s = beta2 * s + (1 - beta2) * gradient**2
        m_hat, s_hat = m / (1 - beta1 ** (t + 1)), s / (1 - beta2 ** (t + 1))
        p = shrunk - rate * m_hat / (np.sqrt(s_hat) + epsilon)
    return p


def adamw(p, g, rates, decay, **hyperparameters):
    return adam(p, g, rates, decay, **hyperparameters, decoupled=True)


RULES = {f.__name__: f for f in (sgd, momentum, nesterov, rmsprop, adam, adamw)}


# --- a problem: a noisy quadratic for each replica


def problem():
    """Return parameters (R, P) and a gradient function of parameters (R, P) or (P,), step and replica."""
    random = np.random.default_rng(0)
    start = random.normal(size=(REPLICAS, PARAMETERS))
    curvature = random.uniform(0.1, 1, (REPLICAS, PARAMETERS))
    noise = random.normal(size=(STEPS, REPLICAS, PARAMETERS))
    return start, lambda p, t, replica=slice(None): curvature[replica] * p + noise[t, replica]


def run(optimizer, dtype=np.float64):
    """Return the parameters after all steps at rates that fall from step to step."""
    start, gradient = problem()
    parameters = start.astype(dtype)
    state = optimizer.state(parameters)
    for t in range(STEPS):
        rate = (RATES * 0.95**t).astype(dtype)
        handed_over = gradient(parameters, t).astype(dtype) * optimizer.gradient_factor(rate)
        optimizer.step(parameters, handed_over, state, rate, DECAYED, t + 1)
    return parameters


def expected(name, weight_decay, **hyperparameters):
    start, gradient = problem()
    rule, factors = RULES[name], 0.95 ** np.arange(STEPS)
    return np.stack(
        [
            rule(start[r], lambda p, t, r=r: gradient(p, t, r), RATES[r, 0] * factors, weight_decay, **hyperparameters)
            for r in range(REPLICAS)
        ]
    )


@each_optimizer
@each_decay
def test_a_rule_is_its_textbook_form_in_each_replica(name, weight_decay):
    np.testing.assert_allclose(
        run(OPTIMIZERS[name](weight_decay=weight_decay)), expected(name, weight_decay), rtol=1e-11, atol=1e-12
    )


@pytest.mark.parametrize(
    ("name", "hyperparameters"),
    [
        ("momentum", {"mu": 0.5}),
        ("nesterov", {"mu": 0.0}),
        ("rmsprop", {"rho": 0.0, "epsilon": 0.1}),
        ("rmsprop", {"rho": 0.99, "epsilon": 0.5}),
        ("adam", {"beta1": 0.0, "beta2": 0.9, "epsilon": 0.1}),
        ("adamw", {"beta1": 0.6, "beta2": 0.0, "epsilon": 0.5}),
    ],
)
def test_hyperparameters_mean_what_they_mean_in_the_textbook(name, hyperparameters):
    ours = {{"mu": "momentum", "rho": "decay"}.get(key, key): value for key, value in hyperparameters.items()}
    np.testing.assert_allclose(
        run(OPTIMIZERS[name](**ours, weight_decay=0.1)), expected(name, 0.1, **hyperparameters), rtol=1e-11, atol=1e-12
    )


@each_optimizer
def test_float32_stays_float32_and_close(name):
    optimizer = OPTIMIZERS[name]()
    single = run(optimizer, np.float32)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, run(optimizer), rtol=1e-4, atol=1e-5)


@each_optimizer
def test_the_gradient_factor_is_the_rate_or_1(name):
    """A rule that is linear in ε·g takes that product; another takes the bare gradient."""
    rate = np.array([[0.5], [0.25]], np.float32)
    expected_factor = {"rmsprop": 1, "adam": 1, "adamw": 1}.get(name, rate)
    factor = OPTIMIZERS[name]().gradient_factor(rate)
    assert (factor.shape, factor.dtype) == (rate.shape, rate.dtype)
    assert (factor == expected_factor).all()


def test_adams_first_step_is_the_rate_itself():
    """Both bias corrections cancel: θ moves by ε in every coordinate, however large its gradient."""
    parameters = np.zeros((2, 3))
    rate = np.array([[0.1], [0.2]])
    Adam(epsilon=1e-15).step(parameters, np.array([[1e-3, -1, 1e3]] * 2), state := Adam().state(parameters), rate, 3, 1)
    np.testing.assert_allclose(parameters, rate * [-1, 1, -1], rtol=1e-10)
    assert set(state) == {"mean", "square"}


# --- state and weight decay


@each_optimizer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_state_is_zero_and_shaped_like_the_parameters(name, dtype):
    parameters = np.ones((REPLICAS, PARAMETERS), dtype)
    state = OPTIMIZERS[name]().state(parameters)
    assert set(state) == set(OPTIMIZERS[name].slots)
    for array in state.values():
        assert (array.shape, array.dtype, array.any()) == (parameters.shape, dtype, False)


@each_optimizer
def test_weight_decay_touches_weights_only(name):
    """Without a gradient, weights shrink and the rest does not move by a bit."""
    parameters = problem()[0]
    before = parameters.copy()
    optimizer = OPTIMIZERS[name](weight_decay=0.1)
    state = optimizer.state(parameters)
    for step in range(1, 6):
        optimizer.step(parameters, np.zeros_like(parameters), state, RATES / 100, DECAYED, step)
    assert (np.abs(parameters[:, :DECAYED]) < np.abs(before[:, :DECAYED])).all()
    np.testing.assert_array_equal(parameters[:, DECAYED:], before[:, DECAYED:])


def torch_momentum(gradients, rates, mu, nesterov):
    """Return θ by PyTorch's rule: the velocity v ← μv + g has no rate in it."""
    theta = velocity = 0.0
    for g, rate in zip(gradients, rates, strict=True):
        velocity = mu * velocity + g
        theta -= rate * (g + mu * velocity if nesterov else velocity)
    return theta


@pytest.mark.parametrize("name", ["momentum", "nesterov"])
def test_momentum_is_that_of_pytorch_unless_the_rate_changes(name):
    def ours(gradients, rates):
        optimizer, theta = OPTIMIZERS[name](momentum=0.9), np.zeros((1, 1))
        state = optimizer.state(theta)
        for step, (g, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
            folded = g * optimizer.gradient_factor(np.array([[rate]]))
            optimizer.step(theta, folded, state, np.array([[rate]]), 0, step)
        return theta.item()

    gradients = [1.0, 1.0, -2.0]
    constant, falling = [0.5, 0.5, 0.5], [1.0, 0.1, 0.1]
    assert ours(gradients, constant) == pytest.approx(torch_momentum(gradients, constant, 0.9, name == "nesterov"))
    # v is -1, then -0.9 - 0.1, then -0.9 + 0.2.
    if name == "momentum":
        assert ours(gradients, falling) == pytest.approx(-1 - 1 - 0.7)
        assert torch_momentum(gradients, falling, 0.9, nesterov=False) == pytest.approx(-1 - 0.19 + 0.029)
    assert ours(gradients, falling) < torch_momentum(gradients, falling, 0.9, name == "nesterov") - 1


def test_only_adamw_decays_by_default():
    assert {name: optimizer().weight_decay for name, optimizer in OPTIMIZERS.items()} == {
        "sgd": 0, "momentum": 0, "nesterov": 0, "rmsprop": 0, "adam": 0, "adamw": 0.01
    }  # fmt: skip


@pytest.mark.parametrize("field", ["momentum", "decay", "beta1", "beta2"])
@pytest.mark.parametrize("value", [-0.1, 1, math.nan, True, "0.9"])
def test_an_average_that_never_forgets_is_refused(field, value):
    for optimizer in OPTIMIZERS.values():
        if field in optimizer.__dataclass_fields__:
            message = f"optimizer.{field}={value!r} of {optimizer.name}: allowed is a number in [0, 1)"
            with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
                optimizer(**{field: value})


@pytest.mark.parametrize("optimizer", [RMSProp, Adam, AdamW])
@pytest.mark.parametrize("value", [0, -1e-8, math.inf, math.nan, None])
def test_an_epsilon_that_is_no_number_above_0_is_refused(optimizer, value):
    message = f"optimizer.epsilon={value!r} of {optimizer.name}: allowed is a number above 0"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        optimizer(epsilon=value)


@each_optimizer
@pytest.mark.parametrize("value", [-0.1, math.inf, math.nan, False, [0.1]])
def test_a_weight_decay_below_0_is_refused(name, value):
    message = f"optimizer.weight_decay={value!r} of {name}: allowed is a number from 0 up"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        OPTIMIZERS[name](weight_decay=value)


# --- schedules


def factors(schedule, epochs):
    return [schedule.factor(epoch, epochs) for epoch in range(1, epochs + 1)]


def test_constant():
    assert factors(Constant(), 3) == [1, 1, 1]


def test_multistep_drops_after_each_milestone():
    assert factors(Multistep(milestones=[2, 4], drop=0.5), 6) == [1, 1, 0.5, 0.5, 0.25, 0.25]
    assert factors(Multistep(milestones=[]), 2) == [1, 1]


def test_cosine_falls_along_half_a_wave():
    np.testing.assert_allclose(factors(Cosine(), 4), [1, (1 + math.sqrt(0.5)) / 2, 0.5, (1 - math.sqrt(0.5)) / 2])
    np.testing.assert_allclose(factors(Cosine(floor=0.2), 2), [1, 0.6])
    assert Cosine().factor(1000, 1000) < 1e-5


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_starts_at_1_after_its_warmup_and_never_rises(name):
    schedule = SCHEDULES[name]()
    warmup = getattr(schedule, "warmup", 0)
    values = factors(schedule, 50)
    assert values[:warmup] == [epoch / (warmup + 1) for epoch in range(1, warmup + 1)]
    values = values[warmup:]
    assert values[0] == 1
    assert values == sorted(values, reverse=True)
    assert values[-1] > 0


def test_a_warmup_rises_in_equal_steps_to_what_follows_it():
    assert factors(Constant(warmup=3), 5) == [0.25, 0.5, 0.75, 1, 1]
    assert factors(WarmupCosine(warmup=1), 5) == [0.5, *factors(Cosine(), 4)]
    assert factors(WarmupCosine(warmup=2, floor=0.2), 6) == [1 / 3, 2 / 3, *factors(Cosine(floor=0.2), 4)]
    # The milestones are epochs of the whole training.
    assert factors(Multistep(milestones=[2, 4], drop=0.5, warmup=1), 6) == [0.5, 1, 0.5, 0.5, 0.25, 0.25]
    assert factors(Multistep(milestones=[1], drop=0.5, warmup=1), 3) == [0.5, 0.5, 0.5]


@pytest.mark.parametrize("name", ["constant", "multistep", "warmup_cosine"])
def test_without_a_warmup_a_schedule_is_what_it_was(name):
    plain = {"warmup_cosine": Cosine(), "constant": Constant(), "multistep": Multistep()}
    assert factors(SCHEDULES[name](warmup=0), 50) == factors(plain[name], 50)


def test_a_warmup_may_be_longer_than_the_training():
    for schedule in (Constant(warmup=9), Multistep(warmup=9), WarmupCosine(warmup=9)):
        np.testing.assert_allclose(factors(schedule, 5), [0.1, 0.2, 0.3, 0.4, 0.5])


@pytest.mark.parametrize("value", [5, None, "ab", [0], [3, 2], [2, 2], [2.0], [True], ["a"], [[1]]])
def test_milestones_that_are_no_increasing_epochs_are_refused(value):
    allowed = "allowed is a list of increasing epochs from 1 up, such as [25, 40]"
    with pytest.raises(ValueError, match=f"^{re.escape(f'schedule.milestones={value!r} of multistep: {allowed}')}$"):
        Multistep(milestones=value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Multistep(drop=0), "schedule.drop=0 of multistep: allowed is a number in (0, 1]"),
        (lambda: Multistep(drop=1.5), "schedule.drop=1.5 of multistep: allowed is a number in (0, 1]"),
        (lambda: Cosine(floor=1), "schedule.floor=1 of cosine: allowed is a number in [0, 1)"),
        (lambda: Cosine(floor=-0.1), "schedule.floor=-0.1 of cosine: allowed is a number in [0, 1)"),
        (lambda: WarmupCosine(floor=1), "schedule.floor=1 of warmup_cosine: allowed is a number in [0, 1)"),
        (lambda: Constant(warmup=-1), "schedule.warmup=-1 of constant: allowed is a whole number from 0 up"),
        (lambda: WarmupCosine(warmup=0.5), "schedule.warmup=0.5 of warmup_cosine: allowed is a whole number from 0 up"),
    ],
)
def test_a_factor_out_of_range_is_refused(make, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make()
