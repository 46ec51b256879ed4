"""Writes the tour: trains what is missing, asks each station for its figure, and makes the page."""

from collections.abc import Callable
from pathlib import Path

from threadpoolctl import threadpool_limits

from experiments.analysis.wording import counted
from experiments.store.files import RESULTS, write_bytes
from experiments.tour.backward import graph, tensor
from experiments.tour.learning import depth, dying, lus
from experiments.tour.nonlinearity import collapse, curves, saturation, zigzag
from experiments.tour.outputs import likelihoods, stall
from experiments.tour.page import html
from experiments.tour.station import Station
from experiments.tour.trained import STUDY, Tour

STATIONS: tuple[Callable[[Tour], Station], ...] = (
    *(collapse, curves, saturation, zigzag),
    *(depth, dying, lus),
    *(stall, likelihoods),
    *(graph, tensor),
)
PAGE = RESULTS / STUDY / "index.html"


def write() -> Path | None:
    """Write the page and return its path; None if a run failed."""
    tour = Tour()
    print(f"study {STUDY}: {counted(tour.missing, 'network')} to train", flush=True)
    if not tour.train():
        return None
    with threadpool_limits(1, "blas"):  # threads would cost more than such small products
        stations = [station(tour) for station in STATIONS]
    write_bytes(PAGE, html(stations, _made(tour)).encode())
    return PAGE


def _made(tour: Tour) -> str:
    runs = {job.run for group in tour.groups.values() for job in group.jobs}
    networks = sum(len(job.replicas) for group in tour.groups.values() for job in group.jobs)
    return (
        f"What is said of training comes from {networks} networks in {len(runs)} runs of the study {STUDY}, trained by "
        f"python -m experiments.tour. Their tables are in results/{STUDY}/."
    )
