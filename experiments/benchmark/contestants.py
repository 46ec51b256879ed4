"""All contestants of `experiments.benchmark` by name."""

from experiments.benchmark.ours import Floor, Ours, OursWorkers
from experiments.benchmark.peers import (
    ScikitLearn,
    ScikitLearnProcesses,
    Torch,
    TorchProcesses,
    TorchVmap,
    TorchVmapProcesses,
    TorchVmapThreads,
)
from experiments.benchmark.peers_jax import Jax, JaxDevices, JaxThreads
from experiments.benchmark.task import Contestant

CONTESTANTS: dict[str, type[Contestant]] = {
    "ours": Ours,
    "floor": Floor,
    "sklearn": ScikitLearn,
    "torch": Torch,
    "torch-vmap": TorchVmap,
    "jax": Jax,
    "ours-workers": OursWorkers,
    "sklearn-processes": ScikitLearnProcesses,
    "torch-processes": TorchProcesses,
    "torch-vmap-threads": TorchVmapThreads,
    "torch-vmap-processes": TorchVmapProcesses,
    "jax-threads": JaxThreads,
    "jax-devices": JaxDevices,
}
