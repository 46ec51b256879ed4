"""The page in a real browser: sliders work by keys, nothing is fetched, and it can be read at every width."""

import json

import pytest

from tests.experiments.report.test_page import AXE, browser, find

TOUCHED = """
const touched = new Set();
const move = (position) => document.querySelectorAll("input[type=range]").forEach((input) => {
  input.value = position;
  input.dispatchEvent(new Event("input"));
});
const drawn = (path) => {
  const {x, y, width, height} = path.ownerSVGElement.querySelector("clipPath rect");
  const [left, top] = [x.baseVal.value, y.baseVal.value];
  const [right, bottom] = [left + width.baseVal.value, top + height.baseVal.value];
  const clipped = path.hasAttribute("clip-path"), points = [];
  for (let at = 0; at <= path.getTotalLength(); at += 2) {
    const point = path.getPointAtLength(at);
    if (!clipped || (point.x >= left && point.x <= right && point.y >= top && point.y <= bottom)) {
      points.push(point.matrixTransform(path.getScreenCTM()));
    }
  }
  return points;
};
const longest = Math.max(...[...document.querySelectorAll("input[type=range]")].map((input) => Number(input.max)));
for (let position = 0; position <= longest; position++) {
  move(position);
  for (const svg of document.querySelectorAll("main figure svg[role=img]")) {
    const points = [...svg.querySelectorAll("path.line, path.edge")].flatMap(drawn);
    const texts = [...svg.querySelectorAll("text")].filter((text) => text.textContent).map((text) => {
      const {left, right, top, bottom, height} = text.getBoundingClientRect();  // with room above and below the letters
      return {left, right, top: top + 0.2 * height, bottom: bottom - 0.2 * height, text: text.textContent};
    });
    const at = (text, other) => touched.add(`${svg.getAttribute("aria-label")}: ${text.text} at ${other}`);
    texts.forEach((text, index) => {
      const inside = ({x, y}) => x > text.left && x < text.right && y > text.top && y < text.bottom;
      if (points.some(inside)) at(text, "a line");
      texts.slice(0, index).forEach((other) => {
        const beside = text.left >= other.right || other.left >= text.right;
        if (!beside && text.top < other.bottom && other.top < text.bottom) at(text, other.text);
      });
    });
  }
}
return [...touched];
"""
"""Returns the texts of figures that a line or another text touches, at any position of a slider."""

__all__ = ["browser"]  # the fixture


@pytest.fixture
def page(browser, written):
    """The page, freshly opened; after the test nothing may have gone wrong in it or have left it."""
    browser.get("about:blank")
    browser.get_log("performance")
    browser.get_log("browser")
    browser.get(written.page.as_uri())
    yield browser
    assert browser.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    assert {url for url in asked if not url.startswith("data:")} == {written.page.as_uri()}


def test_every_slider_is_labelled_and_moves_its_figure_by_keys(page):
    from selenium.webdriver.common.keys import Keys

    sliders = find(page, "input[type=range]")
    assert len(sliders) >= 5
    for slider in sliders:
        station = slider.get_attribute("id").removesuffix("-slider")
        (panels,) = find(page, f"#{station} .panels")
        (output,) = find(page, f"#{station} output")
        slider.send_keys(Keys.HOME)
        first, words = panels.get_attribute("innerHTML"), output.text
        slider.send_keys(Keys.ARROW_RIGHT)
        assert output.text != words
        assert slider.get_attribute("aria-valuetext") == output.text
        slider.send_keys(Keys.END)
        assert panels.get_attribute("innerHTML") != first
        assert slider.accessible_name == page.find_element("css selector", f"#{station} label").text


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window(page, width):
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
    )
    try:
        assert page.execute_script("return document.documentElement.scrollWidth") <= width
        widest = page.execute_script(
            "return Math.max(...[...document.querySelectorAll('main svg, pre')]"
            ".map((element) => element.getBoundingClientRect().right))"
        )
        assert widest <= width
        small = page.execute_script(
            "return [...document.querySelectorAll('main svg text')].map((x) => [x.getBoundingClientRect().height,"
            " x.textContent]).filter(([height, text]) => text && height < 9)"
        )
        assert small == []
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_neither_a_line_nor_another_text_touches_a_text(page):
    assert page.execute_script(TOUCHED) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(page, scheme):
    if not AXE.exists():
        pytest.skip("no axe-core: npm install --no-save axe-core@4")
    feature = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", feature)
    page.execute_script(AXE.read_text(encoding="utf-8"))
    result = page.execute_async_script("axe.run().then(arguments[0])")
    found = [(rule["id"], rule["nodes"][0]["html"][:200]) for rule in result["violations"]]
    assert found == []
    assert len(result["passes"]) > 20


def test_lines_and_text_follow_dark_mode(page):
    colors = []
    for scheme in ("light", "dark"):
        feature = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", feature)
        script = "return ['.line', '.tick', '.grid'].map((kind) => document.querySelector(`main svg ${kind}`))"
        script += ".map(getComputedStyle).map((style) => style.stroke + style.fill)"
        colors.append(page.execute_script(script))
    assert all(light != dark for light, dark in zip(*colors, strict=True))


def test_without_javascript_all_figures_are_there_and_no_slider(page, written):
    page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.get(written.page.as_uri())
        assert len(find(page, "main figure svg[role=img]")) > 30
        assert not [slider for slider in find(page, "input") if slider.is_displayed()]
        assert "Move the sliders" not in page.find_element("css selector", "header").text
    finally:
        page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
