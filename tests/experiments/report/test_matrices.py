"""Significance matrices."""

from experiments.analysis.answer import findings
from experiments.report.matrices import matrices
from tests.experiments.report.examples import study


def test_equal_conditions_differ_by_zero_without_a_sign():
    equal = study(activations=("relu", "elu"), datasets=("digits",))
    equal.replicas["status"], equal.replicas["final_test_error"] = "done", 0.1
    (matrix,) = matrices(findings(equal.replicas), equal.replicas)
    assert {cell.text for row in matrix.rows for cell in row.cells if cell} == {"0.00"}


def test_a_clear_difference_is_marked_in_both_directions():
    clear = study(activations=("relu", "elu"), datasets=("digits",))
    clear.replicas["status"] = "done"
    clear.replicas["final_test_error"] = (clear.replicas["activation"] == "elu") * 0.1 + clear.replicas["seed"] / 1000
    clear.replicas.loc[0, "final_test_error"] += 0.004
    (matrix,) = matrices(findings(clear.replicas), clear.replicas)
    texts = {(row.name, name): cell for row in matrix.rows for name, cell in zip(matrix.names, row.cells, strict=True)}
    assert texts["relu", "relu"] is None
    assert texts["relu", "elu"].kind == "better"
    assert texts["relu", "elu"].text == "▼▼ −9.90"
    assert texts["elu", "relu"].text == "▲▲ +9.90"


def test_one_mark_holds_on_these_splits_only():
    pair = study(activations=("relu", "elu"), datasets=("digits",), seeds=8)
    noise = pair.replicas["seed"] % 2 * 0.01 * (pair.replicas["activation"] == "elu")
    errors = (pair.replicas["activation"] == "elu") * 0.0012 + noise
    replicas = pair.replicas.assign(status="done", final_test_error=errors)
    (matrix,) = matrices(findings(replicas), replicas)
    assert {cell.text for row in matrix.rows for cell in row.cells if cell} == {"▼ −0.62", "▲ +0.62"}
