"""A table is refused once: with all reasons, and with one command that reads it."""

import shlex

import pytest

from experiments.config.compose import sweep
from experiments.config.errors import ConfigError
from experiments.data.refusals import Refusal, read_or_refuse

FAULTS = {
    "signup": "has dates",
    "id": "has another text in every row: name the rows by dataset.index=id",
    "site": "has one value only",
    "charge (EUR)": "values are missing, by column: charge (EUR) 1",
    "score": "add 'dataset.na=[\"?\"]'",
    "ratio": "2 cells are infinite, the first of ratio in line 4:",
    "note": "is empty",
}
"""By faulty column of a table of customers, what is said of it."""


@pytest.fixture
def customers(tmp_path, monkeypatch):
    """Write the table, and return the command line that reads it."""
    monkeypatch.chdir(tmp_path)
    lines = [",".join([*FAULTS, "plan", "churn"])]
    for row in range(60):
        cells = [
            f"2026-01-{row % 28 + 1:02}",
            f"C{row}",
            "here",
            f"{row}.5" if row else "",
            str(row) if row > 1 else "?",
        ]
        lines.append(
            ",".join([*cells, "inf" if row in (2, 7) else f"0.{row}", "", "ab"[row % 2], ("yes", "no")[row % 3 == 0]])
        )
    (tmp_path / "customers.csv").write_text("\n".join(lines))
    return ["dataset=csv", "dataset.path=customers.csv", "batch_size=8", "net.hidden=[4]", "seeds=2", "epochs=1"]


def refusal(words):
    with pytest.raises(ConfigError) as error:
        sweep(words)
    *reasons, command = str(error.value).splitlines()
    assert command.startswith("run: ")
    return reasons, shlex.split(command)[4 if "-m" in command else 3 :]


def test_one_refusal_has_all_reasons_and_its_command_reads_the_table(customers):
    reasons, command = refusal([*customers, "dataset.target=churn"])
    assert reasons[0].endswith("dataset.path=customers.csv: the table is refused for 7 reasons:")
    for column, fault in FAULTS.items():
        assert any(column in reason and fault in reason for reason in reasons), column
    ((settings, _),) = sweep(command)
    assert settings.data.features[-2:] == ("plan=a", "plan=b")
    assert settings.data.classes == ("no", "yes")


def test_a_wrong_name_does_not_hide_what_the_table_lacks_nor_the_other_way_round(customers):
    for words, fault in (
        (["dataset.target=churn", "activation=relu,tahn"], "unknown activation=tahn: did you mean 'tanh'?"),
        (["dataset.target=Churn"], "dataset.target: there is no column 'Churn': did you mean 'churn'?"),
        (["dataset.target=churn", "epochz=3"], "unknown key 'epochz'"),
    ):
        reasons, command = refusal([*customers, *words])
        assert any(fault in reason for reason in reasons)
        assert any("has dates" in reason for reason in reasons)
        assert sweep(command)


def test_names_without_a_column_are_all_said(customers):
    with pytest.raises(
        ConfigError, match=r"(?s)target: there is no column 'leaving': .*drop: there is no column 'nothing'"
    ):
        sweep([*customers, "dataset.target=leaving", "dataset.drop=[nothing]"])


def test_a_reason_that_only_a_person_can_mend_ends_the_search_without_a_command():
    def read(first=False, second=False):
        if not first:
            raise Refusal("one", first=True)
        if not second:
            raise ValueError("two")

    with pytest.raises(Refusal, match=r"refused for 2 reasons:\n  one\n  two$") as error:
        read_or_refuse(read, {})
    assert not error.value.options
    with pytest.raises(Refusal, match=r"^one$") as error:
        read_or_refuse(read, {"second": True})
    assert error.value.options == {"first": True}


def test_an_option_that_does_not_help_is_not_proposed_for_ever():
    def read(first=False):
        raise Refusal("the same", first=True)

    with pytest.raises(Refusal, match=r"^the same$") as error:
        read_or_refuse(read, {})
    assert not error.value.options
