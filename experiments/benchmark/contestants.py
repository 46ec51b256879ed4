"""All contestants of `experiments.benchmark` by name."""

from experiments.benchmark.ours import Floor, Ours, OursThreaded
from experiments.benchmark.peers import Jax, ScikitLearn, Torch, TorchVmap
from experiments.benchmark.task import Contestant

CONTESTANTS: dict[str, type[Contestant]] = {
    "ours": Ours,
    "ours-threads": OursThreaded,
    "floor": Floor,
    "sklearn": ScikitLearn,
    "torch": Torch,
    "torch-vmap": TorchVmap,
    "jax": Jax,
}
