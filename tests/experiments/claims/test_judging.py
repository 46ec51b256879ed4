"""The command: it judges, trains nothing twice, and refuses what is no claim."""

import pandas as pd

from experiments.claims.__main__ import main
from experiments.claims.judging import judge_claims, read_tables, store_table, write_verdicts
from tests.experiments.claims.constructed import leaks
from tests.programs import ROOT, python


def test_the_command_judges_trains_nothing_twice_and_refuses_what_is_no_claim(tmp_path):
    first = python("-m", "experiments.claims", "1", "2", "6", "--quick", cwd=tmp_path)
    assert "6 replicas evaluated without training" in first.stdout
    assert "a after 150 steps 0.93" in (tmp_path / "results/claims-quick/claims.md").read_text()
    assert len(list((tmp_path / "results/claims-quick/figures").glob("*.png"))) == 3
    mixed = python(ROOT / "run.py", "+experiment=glorot_2010_tanh", "batch_size=16", "seeds=[300]", cwd=tmp_path)
    assert mixed.returncode == 0
    before = (tmp_path / "results/claims-quick/claims.md").read_text()
    again = python("-m", "experiments.claims", "6", "--quick", cwd=tmp_path)
    assert (tmp_path / "results/claims-quick/claims.md").read_text() == before
    assert "0 replicas evaluated without training, 6 were there already" in again.stdout
    assert set(read_tables(tmp_path / "results/claims-quick")) == {1, 2, 6}
    refused = python("-m", "experiments.claims", "99", cwd=tmp_path, code=2)
    assert refused.stderr.startswith("claims: unknown argument '99'")
    other = python("-m", "experiments.claims", "6", "--quick", "select=loss", cwd=tmp_path)
    assert "Not the registered measure" in other.stdout
    assert (tmp_path / "results/claims-quick-loss/claims.md").read_text().startswith("**Not the registered measure")
    assert (tmp_path / "results/claims-quick/claims.md").read_text() == before
    (tmp_path / "results/glorot_2010_sigmoid").touch()
    failed = python("-m", "experiments.claims", "5", "1", "--quick", cwd=tmp_path, code=1)
    assert failed.stderr.startswith("claims: claim 5 could not be judged: results cannot be written")
    assert "a after 150 steps" in failed.stdout


def test_a_bad_rule_of_selection_is_refused_in_one_line(capsys):
    assert main(["4", "select=los"]) == 2
    assert main(["select=error", "select=loss"]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first == "claims: select=los: did you mean 'loss'? Allowed: error, loss, best_epoch_error"
    assert second == "claims: select= is given as error and as loss; allowed is one rule"


def test_claims_whose_tuning_seeds_chose_the_rates_are_judged_by_no_other_rule(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert judge_claims([20], quick=True, select="loss") == 1
    printed = capsys.readouterr()
    assert printed.err == (
        "claims: claim 20 could not be judged: the tuning seeds of he_2016_residual_depth choose its learning rates by "
        "the validation error, and no other rate is trained on the reported seeds: leave out select=loss\n"
    )
    assert printed.out == ""
    assert not list(tmp_path.iterdir())


def test_a_table_of_an_earlier_protocol_is_not_judged(tmp_path):
    table = store_table(tmp_path, 14, leaks(0.1))
    assert read_tables(tmp_path) == {}
    write_verdicts(tmp_path, [14])
    assert not (tmp_path / "claims.md").exists()
    (tmp_path / "tables/14.json").write_text('{"processors": [], "commits": []}')
    pd.testing.assert_frame_equal(read_tables(tmp_path)[14], table)
