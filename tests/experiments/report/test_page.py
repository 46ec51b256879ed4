"""The report's page in a real browser: it works, fetches nothing, and shows hostile names as text."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments.report.content import command, error, gather, number, p_value
from experiments.report.page import _relative, html, inline
from experiments.report.text import latex, markdown
from experiments.store.reading import StudyTables

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
AXE = Path(__file__).parents[3] / "node_modules/axe-core/axe.min.js"
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--window-size=1200,900"),
)
HOSTILE = (
    "<script>document.title='owned'</script>",
    "=cmd()|' /C calc'!A0",
    "n" * 300,
    "ünïcödé ☃ \u202e‮",
    '"><img src=x>',
)


def study(activations=("relu", "elu", "tanh"), datasets=("digits", "wine"), seeds=4, epochs=5, rates=(0.1,)):
    """Return history and replicas of a study, the last replica of the last activation diverged."""
    generator = np.random.default_rng(0)
    history, replicas = [], []
    for place, (dataset, activation) in enumerate((d, a) for d in datasets for a in activations):
        for rate in rates:
            for seed in range(seeds):
                names = {"run": f"run-{place}", "dataset": dataset, "activation": activation, "output": "softmax_ce"}
                replica = names | {"lr": rate, "seed": seed}
                lost = activation == activations[-1] and seed == seeds - 1
                curve = 0.5 * np.exp(-np.arange(epochs + 1) / 2) + 0.02 + 0.01 * generator.random(epochs + 1)
                for epoch in range(2 if lost else epochs + 1):
                    parts = {
                        f"{part}_{what}": curve[epoch]
                        for part in ("train", "validation", "test")
                        for what in ("loss", "error")
                    }
                    history.append(replica | {"epoch": epoch} | parts | {"gradient_norm": curve[epoch]})
                outcome = {"task": "classification", "parameters": 9, "status": "diverged" if lost else "done"}
                outcome |= {
                    "diverged_epoch": 1 if lost else None,
                    "final_test_error": curve[-1],
                    "selected": rate == rates[0],
                }
                settings = {"init.name": "he_normal", "split.test": 0.2, "split.validation": 0.15}
                replicas.append(replica | settings | outcome)
    replicas = pd.DataFrame(replicas).astype({"diverged_epoch": "Int64"})
    baselines = pd.DataFrame(
        {"dataset": datasets[0], "baseline": "linear SVM", "seed": [0, 1], "test_error": [0.04, 0.06]}
    )
    return StudyTables(pd.DataFrame(history), pd.DataFrame(), replicas, baselines=baselines)


def records(tables):
    conditions = tables.replicas.drop_duplicates("run")
    return {
        row.run: {
            "config": {
                "dataset": {"name": row.dataset},
                "activation": {"name": row.activation},
                "epochs": 5,
                "seeds": [0],
            },
            "environment": {"finished": "2026-01-01", "git": {"commit": HOSTILE[0]}, "command": ["run.py"]},
        }
        for row in conditions.itertuples()
    }


def picture(text):
    """Return a figure's SVG, made by Matplotlib, with a text of the study's in it."""
    from experiments.figures.style import plain, render, sheet

    drawn = sheet(1.5, 2)
    ax = drawn.subplots()
    ax.plot([0, 1], [0.123456789, 1])
    ax.set_title(plain(text))
    return render(drawn, "svg", "title").decode()


def said(tables, failure="Traceback\nValueError: no"):
    found = records(tables) | {"run-lost": {"failure": failure}}
    figures = [
        {"order": 0, "stem": stem, "title": stem, "text": "A figure.", "svg": picture(stem), "kinds": ("svg", "png")}
        for stem in ("one", tables.replicas["dataset"].iloc[0][:60])
    ]
    return gather("study", tables, found, figures, {"depth": "one depth; run: python run.py"}, ("other", tables))


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if not (CHROMIUM and DRIVER):
        pytest.skip("no chromium and chromedriver on the path: apt-get install chromium chromium-driver")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    hostile = study(activations=("relu", *HOSTILE), datasets=HOSTILE[:2])
    for name, tables in {"plain": study(), "hostile": hostile}.items():
        (folder / f"{name}.html").write_text(
            html(said(tables, f"Traceback\nValueError: {HOSTILE[0]}")), encoding="utf-8"
        )
    return folder


@pytest.fixture(params=["plain", "hostile"])
def page(request, browser, pages):
    """A page, freshly opened; after the test nothing may have gone wrong in it or have left it."""
    browser.get_log("performance")
    browser.get((pages / f"{request.param}.html").as_uri())
    yield browser
    assert browser.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    assert [url for url in asked if not url.startswith("data:")] == [(pages / f"{request.param}.html").as_uri()]


@pytest.fixture
def plain_page(browser, pages):
    browser.get((pages / "plain.html").as_uri())
    return browser


def find(driver, selector):
    return driver.find_elements("css selector", selector)


def column(driver, index, table="leaderboard"):
    script = "const rows = [...document.querySelectorAll(arguments[0])].filter((row) => !row.hidden);"
    script += "return rows.map((row) => row.cells[arguments[1]].innerText)"
    return driver.execute_script(script, f"#{table} tbody tr", index)


def choose(driver, selector, text):
    from selenium.webdriver.support.ui import Select

    Select(find(driver, selector)[0]).select_by_visible_text(text)


def test_a_table_is_sorted_by_a_click_and_by_a_key_and_says_so(page):
    from selenium.webdriver.common.keys import Keys

    heads = find(page, "#leaderboard th")
    (place,) = [place for place, th in enumerate(heads) if th.text == "test error (%)"]
    head = heads[place]
    (button,) = head.find_elements("css selector", "button")
    button.click()
    values = [float(text) for text in column(page, place)]
    assert values == sorted(values)
    assert head.get_attribute("aria-sort") == "ascending"
    button.send_keys(Keys.ENTER)
    assert [float(text) for text in column(page, place)] == values[::-1]
    assert head.get_attribute("aria-sort") == "descending"


def test_a_table_is_sorted_by_size_with_empty_cells_last(plain_page):
    heads = find(plain_page, "#leaderboard th")
    (place,) = [place for place, th in enumerate(heads) if th.text == "difference"]
    for down in (False, True):
        heads[place].find_elements("css selector", "button")[0].click()
        *texts, one, other = column(plain_page, place)
        assert one == other == "–"  # the references
        values = [float(text.replace("−", "-")) for text in texts]
        assert len(set(values)) > 2
        assert values == sorted(values, reverse=down)


def test_the_filters_leave_what_they_name(plain_page):
    assert find(plain_page, "#shown")[0].text == "6 of 6 conditions"
    choose(plain_page, "#filter-dataset", "wine")
    assert column(plain_page, 2) == ["wine"] * 3
    assert column(plain_page, 1, "comparisons") == ["wine"] * 2
    assert find(plain_page, "#shown")[0].text == "3 of 6 conditions"
    choose(plain_page, "#filter-dataset", "all")
    assert len(column(plain_page, 0)) == 6


def test_curves_are_toggled_read_and_changed(plain_page):
    from selenium.webdriver.common.keys import Keys

    page = plain_page
    assert len(find(page, "#curves-chart path.curve")) == 3
    find(page, "#curves-lines input")[0].click()
    assert len(find(page, "#curves-chart path.curve")) == 2
    chart, values = find(page, "#curves-chart")[0], find(page, "#curves-values")[0]
    chart.send_keys(Keys.END)
    assert values.text.startswith("Epoch 5, test error (%): ")
    assert "±" in values.text
    chart.send_keys(Keys.ARROW_LEFT)
    assert values.text.startswith("Epoch 4")
    choose(page, "#curves-quantity", "training loss")
    assert "training loss" in values.text
    choose(page, "#curves-dataset", "wine")
    find(page, "#curves-none")[0].click()
    assert not find(page, "#curves-chart path.curve")
    find(page, "#curves-all")[0].click()
    assert len(find(page, "#curves-chart path.curve")) == 3
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(page).move_to_element(chart).perform()
    assert re.match(r"Epoch [23],", values.text)
    assert page.get_log("browser") == []


def test_a_figure_is_enlarged_and_closed_by_the_keyboard(plain_page):
    from selenium.webdriver.common.keys import Keys

    find(plain_page, "button.enlarge")[0].send_keys(Keys.ENTER)
    (dialog,) = find(plain_page, "dialog")
    assert dialog.get_attribute("open")
    assert find(plain_page, "dialog svg")
    dialog.send_keys(Keys.ESCAPE)
    assert not dialog.get_attribute("open")


def test_hostile_names_stay_text(browser, pages):
    browser.get((pages / "hostile.html").as_uri())
    assert browser.title == "study: report"
    assert len(find(browser, "script")) == 2  # the data and our own
    assert not find(browser, "img")
    names = set(column(browser, 1))
    assert {name.strip() for name in HOSTILE if name[0] != "ü"} <= names
    assert any("ünïcödé ☃" in name for name in names)
    width = browser.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1]  # 300 characters do not stretch the page
    errors = browser.find_element("css selector", "#failures-part").text
    assert HOSTILE[0] in errors


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["plain", "hostile"])
def test_axe_finds_nothing_serious(browser, pages, name, scheme):
    if not AXE.exists():
        pytest.skip("no axe-core: npm install --no-save axe-core@4")
    feature = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", feature)
    browser.get((pages / f"{name}.html").as_uri())
    browser.execute_script("for (const part of document.querySelectorAll('details')) part.open = true")
    browser.execute_script(AXE.read_text(encoding="utf-8"))
    result = browser.execute_async_script("axe.run().then(arguments[0])")
    found = [
        (rule["id"], rule["nodes"][0]["html"][:200])
        for rule in result["violations"]
        if rule["impact"] in ("serious", "critical")
    ]
    assert found == []
    assert len(result["passes"]) > 20


def test_all_is_printed(plain_page):
    plain_page.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert not find(plain_page, "details:not([open])")
    plain_page.execute_script("dispatchEvent(new Event('afterprint'))")
    assert find(plain_page, "details:not([open])")


def test_the_page_needs_no_script_to_be_read(pages):
    text = (pages / "plain.html").read_text(encoding="utf-8")
    assert "Lowest mean test error" in text
    assert "conditional on this data set" in text
    assert "http://" not in re.sub(
        r'xmlns[:\w]*="[^"]*"', "", re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    )


def test_an_inlined_figure_has_identifiers_of_its_own_and_keeps_its_text():
    styles = {}
    one, two = (inline(name, picture('0.123456 <b> id="x" style="y"'), styles) for name in ("one", "two"))
    identifiers = [set(re.findall(r'<[^>]* id="([^"]*)"', svg)) for svg in (one, two)]
    assert identifiers[0]
    assert not identifiers[0] & identifiers[1]
    used = set(re.findall(r'(?:href="|url\()#([^")]*)', one))
    assert used <= identifiers[0]
    assert '0.123456 &lt;b&gt; id="x" style="y"<' in one
    assert "y" not in styles
    assert set(map(int, re.findall(r'class="s(\d+)"', one))) <= set(styles.values())
    assert not re.search(r' d="[^"]*\.\d\d', one)


def test_relative_paths_go_through_the_same_points():
    points = np.random.default_rng(0).uniform(-300, 300, (2, 40, 2))
    path = " ".join("M" + " L".join(f" {x:.6f} {y:.6f} \n" for x, y in part) + "z" for part in points)
    short = _relative(path.replace("M", "M ").replace("L", "L "))
    found = []
    for part in short.split("z")[:-1]:
        start, steps = part.removeprefix("M").split("l")
        numbers = [[float(n) for n in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", text)] for text in (start, steps)]
        found.append(np.cumsum(np.reshape([*numbers[0], *numbers[1]], (-1, 2)), axis=0))
    np.testing.assert_allclose(found, points, atol=0.051)
    assert len(short) < 0.5 * len(path)


def test_markdown_and_latex_escape_what_is_theirs():
    content = said(study(activations=("relu", *HOSTILE)))
    text = markdown(content)
    assert "<script>" not in re.sub(r"^    .*", "", text, flags=re.MULTILINE)  # an indented line is code
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows[:8]}) == 1
    table = latex(content["board"], ("condition", "test error", "verdict"))
    assert table.count(r"\\") == 1 + len(content["board"]["rows"])
    assert r"\textless{}script\textgreater{}" in table
    assert table.count("&") == 2 * (1 + len(content["board"]["rows"]))


@pytest.mark.parametrize(
    ("value", "text"),
    [(-0.5, "−0.5"), (1300, "1300"), (0.012345, "0.0123"), (np.nan, "–"), (np.inf, "∞"), (8e8, "8e+08")],
)
def test_number(value, text):
    assert number(value) == text


def test_no_difference_has_no_sign():
    assert [error(value, task, True) for value in (0.0, 0.01) for task in ("classification", "regression")] == [
        *("0.00", "0"),
        *("+1.00", "+0.01"),
    ]
    alike = study(activations=("relu", "elu"), datasets=("digits",))
    alike.replicas["status"], alike.replicas["final_test_error"] = "done", 0.1
    (matrix,) = said(alike)["matrices"]
    assert {cell["text"] for row in matrix["rows"] for cell in row["cells"] if cell} == {"0.00"}


def test_an_activation_has_one_dash_on_all_data_sets():
    first, second = said(study())["curves"]
    assert [line["dash"] for line in first["lines"]] == [line["dash"] for line in second["lines"]]


def test_markdown_holds_the_comparison_with_another_study():
    content = said(study())
    part = markdown(content).split("## Against the study other")[1].split("##")[0]
    assert part.count("nothing but the study") == len(content["compared"]["rows"]) == 6


def test_what_diverged_is_named_beside_its_data_set():
    assert [(row["name"], row["dataset"]) for row in said(study())["diverged"]] == [
        ("tanh", "digits"),
        ("tanh", "wine"),
    ]


def test_p_value():
    assert [p_value(value) for value in (0.00001, 0.0312, np.nan)] == ["< 0.0001", "0.031", "–"]


def test_a_command_trains_the_same_condition_again(settings):
    import shlex

    original = settings(
        "activation=elu", "activation.alpha=0.5", "dataset=moons", "net.hidden=[8,8]", "optimizer=adam", "epochs=3"
    )
    again = shlex.split(command(original.condition | {"seeds": [0, 1], "lr": [0.1]}, 0.25))[2:]
    assert settings(*again).run == original.run
    assert settings(*again).rates == (0.25,)
    assert settings(*again).seeds == (0, 1)


def test_thirty_activations_stay_small():
    tables = study(tuple(f"activation_{n}" for n in range(30)), ("digits",), seeds=10, epochs=50)
    size = len(html(gather("study", tables, records(tables), [], {})).encode())
    print(f"the page without figures, 30 activations, 10 seeds, one data set: {size / 1e6:.2f} MB")
    assert size < 0.4e6
