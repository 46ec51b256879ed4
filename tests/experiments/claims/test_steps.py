"""The steps to an error are those of a run."""

from experiments.claims.steps import steps_to_error
from experiments.training.run import train


def test_steps_to_an_error_are_those_of_the_training(settings):
    """With one step to an epoch, the history says after which of them the training error was first so low."""
    condition = settings("epochs=20", "batch_size=1222", "seeds=3", "net.hidden=[16]", "optimizer.lr=[0.3,0.01]")
    history = train(condition, condition.replicas).frames["history"].query("epoch > 0")
    low = history[history["train_error"] <= 0.5].groupby(["lr", "seed"])["epoch"].min()
    steps = steps_to_error(condition, condition.replicas, 0.5)
    assert steps == {replica: low.get(replica, 20) for replica in condition.replicas}
    assert len(set(steps.values())) > 1
