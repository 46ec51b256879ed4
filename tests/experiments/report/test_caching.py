"""What a report is made from, as digests."""

import re
import tomllib

from experiments.report.caching import LIBRARIES, ROOT

NOT_SHOWN = {"filelock", "hydra-core", "joblib", "markupsafe", "omegaconf", "pyyaml", "rich", "threadpoolctl"}
"""Requirements that read, wait or print: no figure and no number of a report depends on their version."""


def test_the_version_of_each_library_that_a_report_shows_belongs_to_its_key():
    required = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.match(r"[\w-]+", text)[0] for text in required}
    assert names - NOT_SHOWN == set(LIBRARIES)
