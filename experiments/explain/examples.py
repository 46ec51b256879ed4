"""Worked examples of backpropagation."""

from typing import NamedTuple


class Example(NamedTuple):
    """A worked example: what it shows, its expression, and its values as NAME=VALUE."""

    topic: str
    expression: str
    values: tuple[str, ...]


EXAMPLES = {
    "add_mul": Example("an add gate distributes, a multiply gate switches", "(x+y)*z", ("x=-2", "y=5", "z=-4")),
    "sigmoid_neuron": Example(
        "a neuron, one small step at a time",
        "1/(1+exp(-(w0*x0+w1*x1+w2)))",
        ("w0=2", "x0=-1", "w1=-3", "x1=-2", "w2=-3"),
    ),
    "softplus": Example("dy/dx = exp(x)/(1+exp(x))", "log(1+exp(x))", ("x=1",)),
    "sigmoid_wx": Example("σ(wᵀx), by vectors", "1/(1+exp(-(w@x)))", ("w=[2,-3]", "x=[-1,-2]")),
    "relu_layer": Example(
        "a layer h = ReLU(Wx + b) with the squared loss (h − z)², no ½",
        "sum((relu(W@x+b)-z)**2)",
        ("W=[[1,-2,0.5],[-1,1,2]]", "x=[1,2,-1]", "b=[5,0.5]", "z=[1,2]"),
    ),
    "tensor_derivative": Example(
        "∂(Wx)/∂W is an h × m × h tensor; nobody needs to build it, because ∂ℓ/∂W is an outer product",
        "sum((W@x-z)**2)",
        ("W=[[1,-2,0.5],[-1,1,2]]", "x=[1,2,-1]", "z=[1,2]"),
    ),
}
