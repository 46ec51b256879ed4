"""The record of where a run was made."""

import subprocess

import pytest

from experiments.sweep import environment
from tests.programs import ROOT


def git(*arguments, cwd):
    return subprocess.run(["git", *arguments], cwd=cwd, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def checkout():
    """The function, which remembers nothing between two tests."""
    environment.checkout.cache_clear()
    yield environment.checkout
    environment.checkout.cache_clear()


def test_the_commit_is_that_of_the_code_not_of_the_working_directory(checkout, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    commit = git("rev-parse", "HEAD", cwd=ROOT)
    found = checkout()
    assert (found["commit"] if found else "") == commit


def test_code_that_another_checkout_does_not_track_has_no_commit(checkout, tmp_path, monkeypatch):
    installed = tmp_path / "environment.py"
    installed.write_text("")
    monkeypatch.setattr(environment, "CODE", installed)
    assert checkout() is None
    git("init", cwd=tmp_path)
    git("-c", "user.name=a", "-c", "user.email=a", "commit", "--allow-empty", "-m", "another project", cwd=tmp_path)
    environment.checkout.cache_clear()
    assert git("rev-parse", "HEAD", cwd=tmp_path)
    assert checkout() is None
