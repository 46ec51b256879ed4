"""What a report is made from, as digests: of the program, and of a study's tables."""

import hashlib
import json
import os
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.config.plugins import sources
from experiments.store.files import checksum

if TYPE_CHECKING:
    from experiments.store.reading import StudyTables

ROOT = Path(__file__).parents[2]
SOURCES = {"nets": "*.py", "experiments": "*.*", "conf": "*.yaml"}
"""By folder of `ROOT`, the pattern of the files that decide what a figure shows."""

LIBRARIES = (
    *("numpy", "scipy", "pandas", "scikit-learn", "matplotlib", "jinja2"),
    *("scikit-posthocs", "statsmodels", "mlxtend"),
)
CACHE = ".cache"
"""The folder, inside that of all studies, of what belongs to no study. Anybody may remove it at any time."""


@cache
def program() -> str:
    """Return a digest of this program, of what other packages add, of the libraries, and of the kind of machine."""
    facts = [*map(version, LIBRARIES), platform.python_version(), platform.machine()]
    sums = {
        str(path.relative_to(ROOT)): checksum(path)
        for folder, pattern in SOURCES.items()
        for path in sorted((ROOT / folder).rglob(pattern))
        if path.is_file() and "__pycache__" not in path.parts
    } | {module: checksum(path) for module, path in sources().items()}
    return digest([facts, os.environ.get("OPENBLAS_CORETYPE"), sums])


def digest(facts: object) -> str:
    """Return the digest of a plain value."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def digest_of_tables(tables: "StudyTables") -> str:
    """Return the digest of the content of all tables, in the order of their rows."""
    import numpy as np
    import pandas as pd

    from experiments.data.sets import file_state

    sums: list[Any] = []
    for name, table in tables._asdict().items():
        if isinstance(table, pd.DataFrame):
            rows = pd.util.hash_pandas_object(table, index=False).to_numpy()
            # The hash of a cell of type object is that of its text, so 1 and "1" have the same.
            kinds = [(column, str(cells.dtype), pd.api.types.infer_dtype(cells)) for column, cells in table.items()]
            sums.append([name, kinds, hashlib.sha256(rows.tobytes()).hexdigest()])
        elif name == "boundary" and table is not None:
            for run, arrays in table.items():
                content = {key: np.ascontiguousarray(array) for key, array in arrays.items()}
                parts = [[key, array.dtype.str, array.shape] for key, array in content.items()]
                sums.append([run, parts, [hashlib.sha256(array.tobytes()).hexdigest() for array in content.values()]])
                # The figure of these decisions also shows the rows of the user's file. A run of an earlier version does
                # not record their digest.
                source = (tables.sources or {}).get(run, {})
                sums.append(None if "sha256" in source else file_state(source.get("path")))
        else:
            sums.append([name, table])
    return digest(sums)
