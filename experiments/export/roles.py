"""What the scores of a network stand for, as far as another program can have them."""

from experiments.config.errors import ConfigError
from experiments.networks import TrainedNetwork


def target_roles(trained: TrainedNetwork) -> tuple[str, ...]:
    """Return what each score of a target stands for; ConfigError for what no format contains."""
    roles = trained.output.roles
    for role in roles:
        if role not in ("location", "quantile", "log_mean", "log_variance"):
            raise ConfigError(f"output={trained.output.name} cannot be exported: no format has its score {role!r}")
    return roles
