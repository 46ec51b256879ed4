"""The epoch whose errors a study reports: the last one, or with early stopping the best one."""

import pandas as pd

PATIENCE = "early_stopping.patience"
"""The setting with which a replica ends with the parameters of its best epoch."""


def with_early_stopping(replicas: pd.DataFrame) -> pd.Series:
    """Return which replicas end with the parameters of their best epoch."""
    return replicas[PATIENCE] > 0 if PATIENCE in replicas else pd.Series(False, replicas.index)


def epoch_of_errors(replicas: pd.DataFrame) -> str:
    """Return what a heading says after "test error" if some errors are those of the best epoch, or no text."""
    stopping = with_early_stopping(replicas)
    if stopping.all() or "best_epoch_error" in set(replicas.get("select", ())):
        return ", best epoch"
    return ", with early stopping at the best epoch" if stopping.any() else ""
