"""The command: it judges, trains nothing twice, and refuses what is no claim."""

from experiments.claims.judging import read_tables
from tests.programs import ROOT, python


def test_the_command_judges_trains_nothing_twice_and_refuses_what_is_no_claim(tmp_path):
    first = python("-m", "experiments.claims", "1", "2", "6", "--quick", cwd=tmp_path)
    assert "6 replicas trained" in first.stdout
    assert "a after 150 steps 0.93" in (tmp_path / "results/claims-quick/claims.md").read_text()
    assert len(list((tmp_path / "results/claims-quick/figures").glob("*.png"))) == 3
    mixed = python(ROOT / "run.py", "+experiment=glorot_2010_tanh", "batch_size=16", "seeds=[100]", cwd=tmp_path)
    assert mixed.returncode == 0
    before = (tmp_path / "results/claims-quick/claims.md").read_text()
    again = python("-m", "experiments.claims", "6", "--quick", cwd=tmp_path)
    assert (tmp_path / "results/claims-quick/claims.md").read_text() == before
    assert "0 replicas trained, 6 were there already" in again.stdout
    assert set(read_tables(tmp_path / "results/claims-quick")) == {1, 2, 6}
    refused = python("-m", "experiments.claims", "16", cwd=tmp_path, code=2)
    assert refused.stderr.startswith("claims: unknown argument '16'")
    (tmp_path / "results/glorot_2010_sigmoid").touch()
    failed = python("-m", "experiments.claims", "5", "1", "--quick", cwd=tmp_path, code=1)
    assert failed.stderr.startswith("claims: claim 5 could not be judged: results cannot be written")
    assert "a after 150 steps" in failed.stdout
