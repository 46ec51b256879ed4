"""Fixtures shared by all rooms."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from experiments.config import register_schema, resolve

CONF = Path(__file__).parents[1] / "conf"


@pytest.fixture(scope="session")
def settings():
    """Return a function from a command line's overrides to `Settings`: `settings("activation=elu", "epochs=3")`."""
    register_schema(ConfigStore.instance())

    def make(*overrides):
        with initialize_config_dir(str(CONF), version_base="1.3"):
            config = compose("config", list(overrides))
        return resolve(OmegaConf.to_container(config, resolve=True))

    return make


def pytest_collection_modifyitems(items):
    """Begin with the longest test, so that no worker is left with it at the end."""
    items.sort(key=lambda item: item.path.name != "test_readme.py")
