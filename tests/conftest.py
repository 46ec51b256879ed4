"""Fixtures shared by all rooms."""

import gc
from copy import deepcopy
from functools import cache
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from experiments.config.hydra_schema import register_schema
from experiments.config.settings import resolve

gc.set_threshold(50_000)  # figures and frames are made of many objects: a look at each 700 is a tenth of the time
CONF = Path(__file__).parents[1] / "conf"


@pytest.fixture(scope="session")
def settings():
    """Return a function from a command line's overrides to `Settings`: `settings("activation=elu", "epochs=3")`."""
    register_schema()

    @cache
    def composed(*overrides):
        with initialize_config_dir(str(CONF), version_base="1.3"):
            return OmegaConf.to_container(compose("config", list(overrides)), resolve=True)

    return lambda *overrides: resolve(deepcopy(composed(*overrides)))


def pytest_collection_modifyitems(items):
    """Begin with the longest test, so that no worker is left with it at the end."""
    items.sort(key=lambda item: item.path.name != "test_docs.py")
