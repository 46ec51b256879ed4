"""Options of other packages: the package of the guide, installed, and packages that cannot be used."""

import re
import shutil
import subprocess
import sys

import pandas as pd
import pytest
import yaml

from tests.programs import ROOT, python

GUIDE = (ROOT / "docs/adding.md").read_text().partition("## In a package of your own")[2]
SMALL = ("epochs=2", "seeds=2", "net.hidden=[4]")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder in which the package of docs/adding.md is installed."""
    source, site = tmp_path_factory.mktemp("my-lab"), tmp_path_factory.mktemp("site")
    for block in re.findall(r"^```(?:toml|py)\n# (.*?)^```", GUIDE, re.MULTILINE | re.DOTALL):
        name, _, content = block.partition("\n")
        source.joinpath(name).parent.mkdir(exist_ok=True)
        source.joinpath(name).write_text(content)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", site, source]
    subprocess.run(pip, check=True)
    return site


@pytest.fixture
def changed(site, tmp_path):
    """Return a function that replaces a text of the installed package and returns the folder."""

    def change(file, text, other):
        folder = tmp_path / "changed"
        shutil.copytree(site, folder)
        (path,) = folder.glob(file)
        assert text in path.read_text()
        path.write_text(path.read_text().replace(text, other))
        return folder

    return change


def lab(site, *words, cwd, code=0):
    """Run the program where the packages of a folder are installed too."""
    start = f"import sys; sys.path.append({str(site)!r}); sys.argv[:] = ['activation-lab', *{words!r}]; "
    start += "from experiments.program import main; sys.exit(main())"
    return python("-c", start, cwd=cwd, code=code, LOKY_MAX_CPU_COUNT="1")


def test_its_options_are_swept_reported_and_drawn_by_the_commands_of_the_guide(site, tmp_path):
    (sweep,), (report,) = (
        re.findall(f"^activation-lab ({name} .*)$", GUIDE, re.MULTILINE) for name in ("run", "report")
    )
    assert "4 replicas trained" in lab(site, *sweep.split(), *SMALL, cwd=tmp_path).stdout
    replicas = pd.read_csv(tmp_path / "results/default/replicas.csv")
    rows = replicas.groupby(["dataset", "activation", "output"]).size()
    assert rows.to_dict() == {("stripes", name, "linear_quartic"): 2 for name in ("relu", "scaled_tanh")}
    assert (replicas["status"] == "done").all()
    drawn = lab(site, *report.split(), cwd=tmp_path).stdout
    assert "results/default/report/figures/error_by_activation.svg\n" in drawn
    assert "scaled_tanh" in (tmp_path / "results/default/report/figures/error_by_activation.svg").read_text()


def test_a_run_is_retrained_to_the_same_numbers(site, tmp_path):
    lab(site, "run", "dataset=stripes", "activation=scaled_tanh", *SMALL, cwd=tmp_path)
    (trained,) = tmp_path.glob("results/default/runs/*")
    assert "identical" in lab(site, "run", f"reproduce={trained}", cwd=tmp_path).stdout


def test_a_glob_and_its_hyperparameter_are_swept(site, tmp_path):
    words = ("dataset=stripes", "activation=glob(sc*)", "activation.a=1,2", *SMALL)
    assert "2 conditions, 4 replicas" in lab(site, "run", "-m", *words, "plan=true", cwd=tmp_path).stdout


def test_help_suggestions_and_pages_know_them(site, tmp_path):
    text = lab(site, "run", "--help", "activation", "output", "dataset", cwd=tmp_path).stdout
    entries = {line.split()[0]: line for line in text.splitlines() if line.startswith("  ") and line.strip()}
    assert {"scaled_tanh", "linear_quartic", "stripes"} <= set(entries)
    assert "a=1.7" in entries["scaled_tanh"]
    assert " ".join(text.split()).count("(my-lab 1.0)") == 3
    refused = lab(site, "run", "activation=scaled_tan", cwd=tmp_path, code=2).stderr
    assert "did you mean 'scaled_tanh'?" in refused
    refused = lab(site, "run", "activation=scaled_tanh", "activation.a=0", cwd=tmp_path, code=2).stderr
    assert refused == "run: activation.a=0.0 of scaled_tanh: allowed is a number in (0, 100]\n"
    assert "symmetry         odd\n" in lab(site, "explain", "activation=scaled_tanh", cwd=tmp_path).stdout


def test_the_derivative_of_the_guide_is_that_of_its_function(site, tmp_path):
    code = (
        f"import sys; sys.path.append({str(site)!r}); import numpy as np; from my_lab.units import ScaledTanh; "
        "f = ScaledTanh(2.5); z = np.linspace(-4, 4, 101)[None, :, None]; h, up, down = np.empty((3, *z.shape)); "
        "work = f.buffers(z.shape, 'd'); f.forward(z, h, work); d = f.derivative(z, h, work).copy(); "
        "f.forward(z + 1e-6, up, work); f.forward(z - 1e-6, down, work); print(np.abs((up - down) / 2e-6 - d).max())"
    )
    assert float(python("-c", code, cwd=tmp_path).stdout) < 1e-8


def condition(site, cwd):
    """Train with all options of the package; return the run's folder and what its config.yaml holds."""
    words = ("dataset=stripes", "activation=scaled_tanh", "output=linear_quartic", "save=true", *SMALL)
    lab(site, "run", *words, cwd=cwd)
    path = max(cwd.glob("results/default/runs/*/config.yaml"), key=lambda path: path.stat().st_mtime_ns)
    return path.parent, yaml.safe_load(path.read_text())


def test_a_condition_contains_the_version_of_the_package_and_the_digest_of_its_data(site, changed, tmp_path):
    first, record = condition(site, tmp_path)
    assert record["activation"] == {"name": "scaled_tanh", "package": "my-lab 1.0", "a": 1.7}
    assert record["output"] == {"name": "linear_quartic", "package": "my-lab 1.0"}
    assert set(record["dataset"]) == {"name", "samples", "random_state", "sha256"}
    other = changed("*.dist-info/METADATA", "Version: 1.0", "Version: 2.0")
    second, later = condition(other, tmp_path)
    assert second != first
    assert later["activation"]["package"] == "my-lab 2.0"
    assert later["dataset"] == record["dataset"]
    for arguments in (["run", f"reproduce={first}"], ["export", f"run={first}"]):
        refused = lab(other, *arguments, cwd=tmp_path, code=2).stderr
        assert refused.endswith("was that of my-lab 1.0, which is not installed; run: pip install my-lab==1.0\n")


def test_other_data_of_a_package_are_another_condition(site, changed, tmp_path):
    first, record = condition(site, tmp_path)
    second, later = condition(changed("my_lab/data.py", "% 2", "% 3 // 2"), tmp_path)
    assert record["dataset"]["sha256"] != later["dataset"]["sha256"]
    assert second != first


BROKEN = {
    "a module is missing": ("my_lab/units.py", "import numpy as np", "import nonumpy", "No module named 'nonumpy'"),
    "a name is taken": ("my_lab/units.py", '"scaled_tanh"', '"relu"', "activation 'relu' exists already: ReLU"),
    "an output is taken": ("my_lab/units.py", '"linear_quartic"', '"linear_mse"', "output 'linear_mse' exists already"),
    "a data set is taken": ("my_lab/data.py", "def stripes", "def iris", "data set 'iris' exists already"),
    "other names": ("my_lab/units.py", '"scaled_tanh"', '"other"', "ScaledTanh is not registered under this name"),
    "no default": ("my_lab/units.py", '"(0, 100]")] = 1.7', '"(0, 100]")]', "a has no default"),
    "no name of an option": ("*/entry_points.txt", "scaled_tanh =", "Scaled-Tanh =", "names such as my_option"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_package_that_cannot_be_used_is_refused_in_one_line(fault, changed, tmp_path):
    file, text, other, reason = BROKEN[fault]
    site = changed(file, text, other)
    for words in (["run", "dataset=iris", *SMALL], ["explain", "activations"], ["report"]):
        refused = lab(site, *words, cwd=tmp_path, code=2)
        assert re.fullmatch(rf"{words[0]}: the \w+ '[\w-]+' of the package my-lab 1\.0 .*\n", refused.stderr)
        assert reason in refused.stderr
        assert refused.stderr.endswith("; without the package all else works: pip uninstall my-lab\n")
    assert not (tmp_path / "results").exists()


def test_a_figure_that_cannot_be_used_is_refused_when_figures_are_drawn(site, changed, tmp_path):
    site = changed("my_lab/figures.py", '"error_by_activation"', '"leaderboard"')
    lab(site, "run", "dataset=iris", *SMALL, cwd=tmp_path)
    refused = lab(site, "report", "figures=leaderboard", cwd=tmp_path, code=2).stderr
    assert refused.startswith("report: the figure 'error_by_activation' of the package my-lab 1.0 cannot be used: ")


def test_the_installed_packages_are_read_once(tmp_path):
    code = (
        "import importlib.metadata as metadata; read = metadata.entry_points; count = []; "
        "metadata.entry_points = lambda **options: count.append(1) or read(**options); "
        "from experiments.config import compose, plugins; from experiments.figures import registry; "
        "registry.all_figures(); compose.sweep(['dataset=iris']); print(len(count), plugins.PACKAGES)"
    )
    assert python("-c", code, cwd=tmp_path).stdout == "1 {}\n"
