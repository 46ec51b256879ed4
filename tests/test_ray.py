"""A sweep over a Ray cluster of two nodes on this machine; where Ray is not installed there is nothing to test."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ray = pytest.importorskip("ray", reason="in the extra: pip install '.[ray]'")
pytestmark = pytest.mark.ray

ROOT = Path(__file__).parents[1]
SWEEP = (
    "-m",
    "activation=relu,tanh,elu,silu,gelu,maxout",
    "dataset=iris,moons",
    "seeds=3",
    "net.hidden=[8]",
    "epochs=20",
)


def run(*arguments, cwd, code=0, **environment):
    # The workers find the project as they would where it is installed.
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    command = [sys.executable, str(ROOT / "run.py"), *SWEEP, *arguments]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=500)
    assert done.returncode == code, done.stderr + done.stdout
    return done


def snapshot(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("results/default/*.csv"))}


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """The sweep's tables, trained without Ray."""
    folder = tmp_path_factory.mktemp("here")
    run(cwd=folder)
    return snapshot(folder)


@pytest.fixture(scope="module")
def address():
    """Two nodes of one core each."""
    from ray.cluster_utils import Cluster

    os.environ["PYTHONPATH"] = str(ROOT)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    cluster.add_node(num_cpus=1)
    yield cluster.address
    cluster.shutdown()


def test_a_cluster_of_two_nodes_gives_the_same_tables(here, address, tmp_path):
    arguments = ("hydra/launcher=ray_cluster", f"hydra.launcher.ray.init.address='{address}'")
    done = run(*arguments, cwd=tmp_path)
    assert "36 replicas trained, 0 were there already" in done.stdout
    assert snapshot(tmp_path) == here


def test_what_is_missing_is_all_that_is_sent(here, address, tmp_path):
    run("activation=relu,tanh", "seeds=[1]", cwd=tmp_path)
    arguments = ("hydra/launcher=ray_cluster", f"hydra.launcher.ray.init.address='{address}'")
    done = run(*arguments, cwd=tmp_path)
    assert "32 replicas trained, 4 were there already" in done.stdout
    assert snapshot(tmp_path) == here
