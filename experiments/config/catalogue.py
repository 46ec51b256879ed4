"""The catalogue of activations: the built-in classes, and the entries of conf/activation/catalogue/.

An entry is one file: an expression, and `about` it a paper, a year, a family and aliases. What can be computed of a
function is not written down: `nets.properties` computes it.
"""

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from experiments.config.choices import CATALOGUE, build, catalogue, keyword_only, options, read_conf
from nets.activations import ACTIVATIONS, Activation
from nets.formula import Formula

FAMILIES = ("sigmoid", "rectifier", "gated", "periodic", "bump", "shrinkage", "step", "pieces", "other")
"""What an entry's family may be: docs/catalogue.md says what each one means."""


@dataclass(frozen=True)
class Alias:
    """Another name of a function, or a published function that is equal to it up to scaling of input and output.

    Attributes
    ----------
    expression
        The published formula; "" if only the name differs.
    paper
        Where it is published; "" if this is a name in a library.
    """

    name: str
    expression: str = ""
    paper: str = ""


@dataclass(frozen=True)
class Entry:
    """One function of the catalogue.

    Attributes
    ----------
    option
        What chooses it: `activation=OPTION`.
    node
        What Hydra composes for it.
    paper
        Authors (year), title.
    """

    name: str
    option: str
    node: Mapping[str, Any]
    family: str
    year: int
    paper: str
    aliases: tuple[Alias, ...] = ()
    note: str = ""

    @cached_property
    def names(self) -> frozenset[str]:
        """The name and the aliases."""
        return frozenset({self.name, *(alias.name for alias in self.aliases)})

    @property
    def trains(self) -> bool:
        """Whether a network can learn through it: its derivative is not 0 wherever it exists."""
        return self.activation.trains

    @cached_property
    def activation(self) -> Activation:
        """The activation with its default hyperparameters."""
        activation: Activation = build("activation", self.node)
        return activation


@cache
def entries() -> dict[str, Entry]:
    """Return all functions by name: the built-in classes in the order of the registry, then the others by name.

    A class has precedence over a file of the same name: a user may add a class that the catalogue knows already.
    """
    built_in = [_built_in(name) for name in ACTIVATIONS if name in options("activation") and name != "formula"]
    others = [_entry(name) for name in catalogue() if name not in ACTIVATIONS]
    return {entry.name: entry for entry in (*built_in, *others)}


def option_of(name: str) -> str | None:
    """Return the option that computes a function of this name or alias, or None."""
    return next((entry.option for entry in entries().values() if name in entry.names), None)


def _entry(stem: str) -> Entry:
    node = {key: value for key, value in read_conf(f"activation/{CATALOGUE}/{stem}").items() if key != "defaults"}
    about = node.pop("about")
    aliases = tuple(Alias(name, **(facts or {})) for name, facts in about.pop("aliases", {}).items())
    node = {"parameters": {}} | keyword_only(Formula) | node if "expression" in node else {"name": stem} | node
    return Entry(node["name"], f"{CATALOGUE}/{stem}", node, **about, aliases=aliases)


def _built_in(name: str) -> Entry:
    """Return the entry of a class; authors and year stand in its docstring's first line."""
    sentence = (inspect.getdoc(ACTIVATIONS[name]) or "").partition("\n")[0]
    found = re.search(r"\(([^()]+) (\d{4})\)", sentence)
    family, year, paper, aliases = BUILT_IN.get(name, ("other", int(found[2]) if found else 0, "", ()))
    return Entry(name, name, {"name": name}, family, year, paper or sentence, tuple(aliases))


_SILU = (
    Alias("swish", "", "Ramachandran, Zoph & Le (2017), Searching for activation functions"),
    Alias("eswish", "1.25*x*sigmoid(x)", "Alcaide (2018), E-swish: Adjusting activations to different network depths"),
    Alias("quick_gelu", "x*sigmoid(1.702*x)", "Hendrycks & Gimpel (2016), Gaussian error linear units (GELUs)"),
    Alias(
        "aptx",
        "(1 + tanh(x))*x/2",
        "Kumar (2022), APTx: Better activation function than MISH, SWISH, and ReLU's variants used in deep learning",
    ),
)
_TANH = (
    Alias("bipolar_sigmoid", "2*sigmoid(x) - 1"),
    Alias("tansig", "2*sigmoid(2*x) - 1"),
    Alias("lecun_tanh", "1.7159*tanh(2/3*x)", "LeCun, Bottou, Orr & Müller (1998), Efficient BackProp"),
    Alias("scaled_sigmoid", "4*sigmoid(x) - 2", "Xu, Huang & Li (2016), Revise saturated activation functions"),
)
_HARD_SIGMOID = (
    Alias("sparse_sigmoid", "min(max((x + 1)/2, 0), 1)"),
    Alias("keras_2_hard_sigmoid", "min(max(0.2*x + 0.5, 0), 1)"),
)
_ELLIOTT = "Elliott (1993), A better activation function for artificial neural networks"
_ELU = (
    "Clevert, Unterthiner & Hochreiter (2016), Fast and accurate deep network learning by exponential linear units "
    "(ELUs)"
)
_SIL = (
    "Elfwing, Uchibe & Doya (2018), Sigmoid-weighted linear units for neural network function approximation in "
    "reinforcement learning"
)

BUILT_IN: dict[str, tuple[str, int, str, tuple[Alias, ...]]] = {
    "linear": ("other", 0, "no paper: the identity", (Alias("identity"),)),
    "sigmoid": (
        "sigmoid",
        1986,
        "Rumelhart, Hinton & Williams (1986), Learning representations by back-propagating errors",
        (Alias("logistic"),),
    ),
    "tanh": ("sigmoid", 1998, "LeCun, Bottou, Orr & Müller (1998), Efficient BackProp", _TANH),
    "relu": (
        "rectifier",
        2010,
        "Nair & Hinton (2010), Rectified linear units improve restricted Boltzmann machines",
        (Alias("poslin"),),
    ),
    "softplus": (
        "rectifier",
        2000,
        "Dugas, Bengio, Bélisle, Nadeau & Garcia (2000), Incorporating second-order functional knowledge for better "
        "option pricing",
        (),
    ),
    "leaky_relu": (
        "rectifier",
        2013,
        "Maas, Hannun & Ng (2013), Rectifier nonlinearities improve neural network acoustic models",
        (),
    ),
    "prelu": (
        "rectifier",
        2015,
        "He, Zhang, Ren & Sun (2015), Delving deep into rectifiers: Surpassing human-level performance on ImageNet "
        "classification",
        (),
    ),
    "elu": ("rectifier", 2016, _ELU, ()),
    "shifted_relu": ("rectifier", 2016, _ELU, ()),
    "maxout": (
        "pieces",
        2013,
        "Goodfellow, Warde-Farley, Mirza, Courville & Bengio (2013), Maxout networks",
        (),
    ),
    "selu": (
        "rectifier",
        2017,
        "Klambauer, Unterthiner, Mayr & Hochreiter (2017), Self-normalizing neural networks",
        (),
    ),
    "celu": ("rectifier", 2017, "Barron (2017), Continuously differentiable exponential linear units", ()),
    "gelu": ("gated", 2016, "Hendrycks & Gimpel (2016), Gaussian error linear units (GELUs)", ()),
    "silu": ("gated", 2018, _SIL, _SILU),
    "mish": ("gated", 2020, "Misra (2020), Mish: A self regularized non-monotonic activation function", ()),
    "softsign": (
        "sigmoid",
        2009,
        "Bergstra, Desjardins, Lamblin & Bengio (2009), Quadratic polynomials learn better image features",
        (Alias("elliott", "", _ELLIOTT),),
    ),
    "hard_tanh": ("sigmoid", 2004, "Collobert (2004), Large scale machine learning", (Alias("satlins"),)),
    "hard_sigmoid": (
        "sigmoid",
        2015,
        "Courbariaux, Bengio & David (2015), BinaryConnect: Training deep neural networks with binary weights during "
        "propagations",
        _HARD_SIGMOID,
    ),
    "hard_swish": ("gated", 2019, "Howard et al. (2019), Searching for MobileNetV3", (Alias("hard_silu"),)),
    "relu_squared": (
        "rectifier",
        2021,
        "So et al. (2021), Primer: Searching for efficient transformers for language modeling",
        (Alias("repu_2"),),
    ),
    "apl": (
        "other",
        2015,
        "Agostinelli, Hoffman, Sadowski & Baldi (2015), Learning activation functions to improve deep neural networks",
        (),
    ),
    "rational": (
        "other",
        2020,
        "Molina, Schramowski & Kersting (2020), Padé activation units: End-to-end learning of flexible activation "
        "functions in deep networks",
        (Alias("pau"),),
    ),
    "spline": (
        "other",
        2020,
        "Bohra, Campos, Gupta, Aziznejad & Unser (2020), Learning activation functions in deep (spline) neural "
        "networks",
        (),
    ),
    "glu": (
        "pieces",
        2017,
        "Dauphin, Fan, Auli & Grangier (2017), Language modeling with gated convolutional networks",
        (),
    ),
}
"""Family, year, paper and aliases of the built-in classes. For a class without them, its docstring is shown."""
