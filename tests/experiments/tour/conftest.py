"""A tour of networks that are trained for a few epochs."""

import os
from types import SimpleNamespace

import pytest

from experiments.tour import trained, writing
from experiments.tour.__main__ import main

FEW = {"lus": "epochs=12", "depth": "epochs=1", "stall": "epochs=2"}


def fewer(group, word):
    """Return a word of a group with fewer epochs and seeds."""
    if word.startswith("epochs="):
        return FEW.get(group, "epochs=0,1,2")
    return "seeds=2" if word.startswith("seeds=") and word != "seeds=1" else word


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """What the command wrote and returned, the tour that was made of it, and its stations by name of their function."""
    folder, before = tmp_path_factory.mktemp("tour"), os.getcwd()
    groups = {name: tuple(fewer(name, word) for word in words) for name, words in trained.GROUPS.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trained, "GROUPS", groups)
        patch.chdir(folder)
        tour = trained.Tour()
        patch.setattr(writing, "Tour", lambda: tour)
        code = main([])
        stations = {station.__name__: station(tour) for station in writing.STATIONS}
        os.chdir(before)
        yield SimpleNamespace(
            code=code, folder=folder, page=folder / "results/tour/index.html", tour=tour, stations=stations
        )


@pytest.fixture
def stations(written):
    """The stations of the trained tour."""
    return written.stations
