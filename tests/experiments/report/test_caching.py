"""What a report is made from, as digests."""

import re
import tomllib

import pandas as pd
import pytest

from experiments.report.caching import LIBRARIES, ROOT, digest_of_tables
from experiments.report.drawing import NO_TABLES

NOT_SHOWN = {"filelock", "hydra-core", "joblib", "markupsafe", "omegaconf", "pyyaml", "rich", "threadpoolctl"}
"""Requirements that read, wait or print: no figure and no number of a report depends on their version."""


def test_the_version_of_each_library_that_a_report_shows_belongs_to_its_key():
    required = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.match(r"[\w-]+", text)[0] for text in required}
    assert names - NOT_SHOWN == set(LIBRARIES)


@pytest.mark.parametrize(
    ("one", "other"),
    [([1], [2]), ([1], ["1"]), ([True], ["True"]), ([1.5, None], ["1.5", None]), (["a", "b"], ["b", "a"])],
)
def test_tables_with_different_cells_have_different_digests(one, other):
    digests = {
        digest_of_tables(NO_TABLES._replace(replicas=pd.DataFrame({"x": cells}, dtype=object)))
        for cells in (one, other)
    }
    assert len(digests) == 2
