"""What a person waits for is measured as said. No test looks at a time."""

import pytest

from experiments.benchmark import waiting
from experiments.benchmark.measuring import Benchmark, BenchmarkError


def test_a_command_ends_when_its_first_line_is_there(monkeypatch):
    endless = ("-c", "print(1); import time; time.sleep(1000)")
    monkeypatch.setattr(waiting, "COMMANDS", {"import hydra": ("-c", "print()"), "endless": endless})
    monkeypatch.setattr(waiting, "run", lambda *words, **folder: None)
    assert list(waiting.commands(Benchmark(repeats=1))["commands"].rows) == ["import hydra", "endless"]


def test_a_command_that_prints_nothing_is_named(monkeypatch):
    monkeypatch.setattr(waiting, "COMMANDS", {"silent": ("-c", "1")})
    monkeypatch.setattr(waiting, "run", lambda *words, **folder: None)
    with pytest.raises(BenchmarkError, match="python -c 1 printed nothing"):
        waiting.commands(Benchmark(repeats=1))


def test_the_first_report_finds_no_earlier_one(monkeypatch):
    seen = []

    def run(*words, folder):
        results = folder + "/results"
        if "experiments.report" in words:
            with open(results + "/page") as page:
                seen.append(page.read())
            mode = "a"
        else:
            waiting.Path(results).mkdir()
            mode = "w"
        with open(results + "/page", mode) as page:
            page.write("x")
        return 1.0, 1.0

    monkeypatch.setattr(waiting, "run", run)
    rows = waiting.report(Benchmark(repeats=2))["report"].rows
    assert {label: row.values for label, row in rows.items()} == {"first": [1.0, 1.0], "again": [1.0, 1.0]}
    assert seen == ["x", "xx", "x", "xx"]
