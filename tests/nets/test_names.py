"""A message names the nearest allowed name, and a limited number of others."""

from nets.names import nearest


def test_the_nearest_name_comes_first_and_not_all_names_follow():
    assert nearest("Rleu", ["relu", "tanh"]) == "did you mean 'relu'? Allowed: relu, tanh"
    line = nearest("x4000", [f"x{number}" for number in range(1, 5001)])
    assert line.startswith("did you mean 'x4000'? Allowed: x1, x2, ")
    assert line.endswith(", x50 and 4950 more")
    assert len(line) < 400
