"""Figures of how gradients fare on their way back through a network (lecture row L32)."""

from itertools import product

from matplotlib.figure import Figure

from experiments.figures.curves import at_end, draw, key, means
from experiments.figures.registry import comparable, figure
from experiments.figures.style import looks, sheet, subject
from experiments.store.reading import StudyTables


@figure(
    "gradient_norms",
    title="Gradient norms by epoch and by layer",
    needs=("history.gradient_norm", "layers.delta_norm", "layers.weight_gradient_norm"),
    parts=comparable,
)
def gradient_norms(tables: StudyTables) -> Figure:
    """Draw the gradient's norm by epoch beside, by layer, those of δ and of ∂L/∂W before training and at its end."""
    history, layers, replicas = tables[:3]
    appearance = looks(replicas)
    result = sheet(3.7)
    result.suptitle(subject(replicas))
    panels = result.subplot_mosaic([["a", "b", "c"], ["a", "d", "e"]], width_ratios=[1.3, 1, 1])
    draw(panels["a"], means(history, replicas, "gradient_norm"), replicas, appearance, log=True)
    panels["a"].set(title="(a) all parameters, by epoch", ylabel="gradient norm ‖∂L/∂θ‖₂", xlabel="epoch")
    moments = {"before training": layers[layers["epoch"] == 0], "at the end": at_end(layers)}
    quantities = {"delta_norm": "δ = rms ∂ℓ/∂z", "weight_gradient_norm": "‖∂L/∂W‖₂"}
    for letter, (column, moment) in zip("bcde", product(quantities, moments), strict=True):
        table = means(moments[moment], replicas, column, x="layer")
        draw(panels[letter], table, replicas, appearance, x="layer", log=True)
        panels[letter].set(title=f"({letter}) by layer, {moment}", ylabel=quantities[column])
    for letter in "de":
        panels[letter].set_xlabel("layer (last: output)")
    key(result, replicas, appearance)
    return result
