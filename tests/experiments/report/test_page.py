"""The report's page in a real browser: it works, fetches nothing, and shows hostile names as text."""

import json
import re
import shutil
import time
from base64 import b64decode
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from experiments.report.content import gather
from experiments.report.page import html
from experiments.report.svg import has_coloured_areas
from experiments.report.text import markdown
from nets.activations import ACTIVATIONS
from tests.experiments.report.examples import HOSTILE, content, records, study, svg

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
AXE = Path(__file__).parents[3] / "node_modules/axe-core/axe.min.js"
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--window-size=1200,900"),
)


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
            html(content(tables, f"Traceback\nValueError: {HOSTILE[0]}")), encoding="utf-8"
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
    find(plain_page, ".sheet:has(#leaderboard) .columns")[0].click()
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
    assert len(find(browser, "script:not([type])")) == 1
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


def test_six_columns_are_shown_first_and_all_on_demand(plain_page):
    def shown():
        return [th.text for th in find(plain_page, "#leaderboard th") if th.is_displayed()]

    few = ["condition", "data set", "test error (%)", "95 % interval", "verdict", "diverged"]
    assert shown() == few
    find(plain_page, ".sheet:has(#leaderboard) .columns")[0].click()
    assert len(shown()) > 12


def test_a_row_has_its_files_and_the_command_that_trains_it_again(plain_page):
    find(plain_page, "#leaderboard summary")[0].click()
    (link,) = [link for link in find(plain_page, "#leaderboard a") if link.is_displayed()]
    assert re.search(r"/runs/run-\d/$", link.get_attribute("href"))
    (command,) = [code.text for code in find(plain_page, "#leaderboard code") if code.is_displayed()]
    assert command.startswith("python run.py study=again dataset=digits ")


def cells(driver, table, dataset):
    """Return the rows of a table on a data set, by condition: texts by heading, also of hidden columns."""
    script = "return [...document.getElementById(arguments[0]).rows].map((row) => [...row.cells]"
    script += ".map((cell) => (cell.querySelector('summary') ?? cell).textContent.trim()))"
    heads, *rows = driver.execute_script(script, table)
    rows = [dict(zip(heads, row, strict=True)) for row in rows]
    return {row["condition"]: row for row in rows if row["data set"] == dataset}


def drawn(driver):
    """Return the texts of the chart beside the answer by condition, without half the interval's width."""
    texts = [text.text for text in find(driver, "#overview-chart .row text")]
    return {name: text.partition(" ")[0] for name, text in zip(texts[::2], texts[1::2], strict=True)}


def test_the_chart_beside_the_answer_has_the_numbers_of_the_leaderboard(plain_page):
    errors = {name: row["test error (%)"] for name, row in cells(plain_page, "leaderboard", "digits").items()}
    assert list(drawn(plain_page).items()) == list(errors.items())
    assert "linear SVM 5.00" in find(plain_page, "#overview")[0].text


def test_the_chart_shows_differences_from_the_chosen_reference(plain_page):
    from selenium.webdriver.common.action_chains import ActionChains

    def number(text):
        return float(text.replace("−", "-"))

    choose(plain_page, "#overview-reference", "relu")
    shown = drawn(plain_page)
    assert shown.pop("relu") == "reference"
    compared = cells(plain_page, "comparisons", "digits")
    assert set(shown) == set(compared) == {"elu", "tanh"}
    for name, text in shown.items():
        assert number(text) == pytest.approx(number(compared[name]["difference"]), abs=0.011)
    first = next(row for row in find(plain_page, "#overview-chart .row") if "reference" not in row.text)
    ActionChains(plain_page).move_to_element(first).perform()
    name, told, *_ = find(plain_page, "#tip")[0].text.splitlines()
    ends = told.partition("interval ")[2].split(" to ")
    expected = compared[name]["paired 95 % interval"].split(" to ")
    assert list(map(number, ends)) == pytest.approx(list(map(number, expected)), abs=0.011)


def test_a_table_and_the_values_by_seed_are_downloaded_as_csv(plain_page, tmp_path):
    folder = {"behavior": "allow", "downloadPath": str(tmp_path)}
    plain_page.execute_cdp_cmd("Browser.setDownloadBehavior", folder)
    for name in ("leaderboard", "overview"):
        find(plain_page, f"button.csv[data-table={name}]")[0].click()
    for _ in range(100):
        if {path.name for path in tmp_path.iterdir()} == {"leaderboard.csv", "overview.csv"}:
            break
        time.sleep(0.1)
    board, values = (pd.read_csv(tmp_path / f"{name}.csv") for name in ("leaderboard", "overview"))
    assert len(board) == 6
    assert list(board["condition"][:2]) == column(plain_page, 1)[:2]
    assert board["test error (%)"].dtype == float
    assert values.groupby("condition")["test error (%)"].count().to_dict() == {"elu": 4, "relu": 4, "tanh": 3}


def test_a_text_that_a_spreadsheet_would_calculate_gets_an_apostrophe(browser, pages):
    browser.get((pages / "hostile.html").as_uri())
    text = browser.execute_script("return csv([['=1+1', '-2.5', '−2', '-x', 'a,\"b\"', '@x']])")
    assert text == '\'=1+1,-2.5,-2,\'-x,"a,""b""",\'@x\r\n'


def test_two_studies_are_drawn_against_each_other(plain_page):
    assert len(find(plain_page, "#studies-chart .row")) == 3
    assert {text.text for text in find(plain_page, "#studies-chart text.best")} == {"0.00"}
    assert plain_page.execute_script("return ticks(-1.05, 1.05, false, 12)")[4:7] == [-0.2, 0, 0.2]


@pytest.mark.parametrize("errors", [(0.39375,) * 4, (0.1111504,) * 4, (0.1004504,) * 4])
def test_a_mean_is_rounded_in_the_chart_as_in_the_leaderboard(browser, tmp_path, errors):
    tables = study(activations=("relu", "elu"), datasets=("digits",))
    replicas = tables.replicas
    for seed, error in enumerate(errors):
        replicas.loc[replicas["seed"] == seed, "final_test_error"] = error
    (tmp_path / "page.html").write_text(html(content(tables, "")), encoding="utf-8")
    browser.get((tmp_path / "page.html").as_uri())
    errors = {name: row["test error (%)"] for name, row in cells(browser, "leaderboard", "digits").items()}
    assert drawn(browser) == errors


def test_a_closed_figure_is_unpacked_when_it_is_opened(browser, pages):
    tables = study()
    facts = content(tables)
    pictures = [*facts.pictures, replace(facts.pictures[0], figure="closed", stem="closed", title="Closed")]
    path = pages / "packed.html"
    path.write_text(html(replace(facts, pictures=pictures)), encoding="utf-8")
    browser.get(path.as_uri())
    assert len(find(browser, ".paper svg")) == 2
    find(browser, "details.figures:not([open]) > summary")[0].click()
    for _ in range(50):
        if len(find(browser, ".paper svg")) == 3:
            break
        time.sleep(0.1)
    one, *_, last = (svg.get_attribute("innerHTML") for svg in find(browser, ".paper svg"))
    assert re.sub("f[0-9a-f]{6}", "", one) == re.sub("f[0-9a-f]{6}", "", last)


@pytest.fixture
def window(browser):
    """A function that gives the window a width; afterwards it has its own again."""

    def resize(width):
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    yield resize
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", ["plain", "hostile"])
def test_a_window_of_any_width_shows_the_page_without_scrolling_sideways(browser, pages, window, name, width):
    window(width)
    browser.get((pages / f"{name}.html").as_uri())
    inside = browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    assert inside
    menu = find(browser, "details.menu")[0]
    assert (menu.get_attribute("open") is None) == (width == 390)
    if width == 390:
        find(browser, "details.menu summary")[0].click()
        find(browser, "nav a")[1].click()
        assert menu.get_attribute("open") is None


def test_letters_of_charts_and_figures_have_one_size_in_every_window(browser, pages, window):
    def heights():
        script = "return ['#overview-chart text', '#curves-chart text', '.paper svg text'].map((selector) => "
        script += "Math.round(10 * document.querySelector(selector).getBoundingClientRect().height))"
        return browser.execute_script(script)

    sizes = []
    for width in (1280, 390):
        window(width)
        browser.get((pages / "plain.html").as_uri())
        sizes.append(heights())
    assert sizes[0] == sizes[1]
    assert min(sizes[0]) >= 120


def test_a_figure_has_white_paper_only_where_its_texts_stand_on_colours(browser, pages):
    feature = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", feature)
    browser.get((pages / "plain.html").as_uri())
    text = find(browser, ".paper svg text")[0].value_of_css_property("fill")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert text == "rgb(232, 232, 232)"
    assert not has_coloured_areas(svg("a"))
    assert has_coloured_areas('<g id="QuadMesh_1"/>')


def test_many_conditions_are_printed_on_few_sheets(browser, pages):
    tables = study(tuple(f"activation_{n}" for n in range(30)), ("digits", "wine"), seeds=3)
    path = pages / "many.html"
    path.write_text(html(content(tables)), encoding="utf-8")
    browser.get(path.as_uri())
    printed = b64decode(browser.execute_cdp_cmd("Page.printToPDF", {})["data"])
    assert 3 < len(re.findall(rb"/Type /Page\b", printed)) < 20


def test_the_page_needs_no_script_to_be_read(pages):
    text = (pages / "plain.html").read_text(encoding="utf-8")
    assert "lowest mean test error" in text
    assert "the paired interval holds “on these splits”" in text
    assert "http://" not in re.sub(
        r'xmlns[:\w]*="[^"]*"', "", re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    )


def test_thirty_activations_stay_small():
    tables = study(tuple(f"activation_{n}" for n in range(30)), ("digits",), seeds=10, epochs=50)
    size = len(html(gather("study", tables, records(tables))).encode())
    print(f"the page without figures, 30 activations, 10 seeds, one data set: {size / 1e6:.2f} MB")
    assert size < 0.4e6


def test_what_weakens_the_answer_stands_directly_under_it_and_alarms_above_everything():
    tables = study()
    facts = gather("study", tables, records(tables), unfinished={"run-9": "waiting"})
    facts = replace(facts, warnings=["<Only> two seeds."])
    page = html(facts)
    heading = page.partition("<main>")[2].partition('id="answer"')[0]
    assert "1 run of a sweep did not finish: run-9 (waiting)." in heading
    answer = page.partition('id="answer"')[2].partition("</section>")[0]
    assert "<li>&lt;Only&gt; two seeds.</li>" in answer
    text = markdown(facts)
    assert text.index("**This study is unfinished") < text.index("has the lowest") < text.index("two seeds")


@pytest.mark.parametrize("activations", [("relu", "elu"), tuple(ACTIVATIONS)[:9]])
def test_a_study_of_many_conditions_points_to_the_curves_that_can_be_chosen(activations):
    page = html(content(study(activations=activations, datasets=("digits",), seeds=2)))
    assert ("show only the conditions that you choose" in page) == (len(activations) > 8)
