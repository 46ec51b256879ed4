"use strict";
const byId = (id) => document.getElementById(id);

// Tables: a click on a heading sorts by its column, and a second click reverses the order. Empty cells stay last.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.firstElementChild.addEventListener("click", () => {
    const descending = head.getAttribute("aria-sort") === "ascending";
    for (const other of heads) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const key = (row) => row.cells[column].dataset.sort;
    const rows = [...table.tBodies[0].rows];
    const numeric = rows.every((row) => key(row) === "" || !isNaN(key(row)));
    rows.sort((one, two) => {
      const [a, b] = [key(one), key(two)];
      if (a === "" || b === "") return (a === "") - (b === "");
      const order = numeric ? a - b : a.localeCompare(b);
      return descending ? -order : order;
    });
    table.tBodies[0].append(...rows);
  }));
}

// The two filters apply to all tables of conditions.
const filters = { dataset: byId("filter-dataset"), output: byId("filter-output") };
function filter() {
  for (const row of document.querySelectorAll("table.filtered tbody tr")) {
    row.hidden = Object.entries(filters).some(([name, select]) => select.value && row.dataset[name] !== select.value);
  }
  const rows = [...byId("leaderboard").tBodies[0].rows];
  byId("shown").textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} conditions`;
}
for (const select of Object.values(filters)) select.addEventListener("change", filter);
filters.dataset.closest("p").hidden = false;
filter();

// Figures: the button shows a larger copy in a dialog.
const dialog = byId("enlarged");
for (const button of document.querySelectorAll("button.enlarge")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const copy = button.closest("figure").querySelector("svg").cloneNode(true);
    dialog.querySelector(".paper").replaceChildren(copy);
    dialog.showModal();
  });
}
dialog.addEventListener("close", () => dialog.querySelector(".paper").replaceChildren());

// Closed parts are printed too.
addEventListener("beforeprint", () => {
  for (const part of document.querySelectorAll("details:not([open])")) {
    part.open = true;
    part.dataset.closed = "";
  }
});
addEventListener("afterprint", () => {
  for (const part of document.querySelectorAll("details[data-closed]")) {
    part.open = false;
    delete part.dataset.closed;
  }
});

// Learning curves.
const charts = JSON.parse(byId("curves-data").textContent);
const chart = byId("curves-chart");
const control = (name) => byId(`curves-${name}`);
const box = { left: 62, right: 10, top: 10, bottom: 40, width: 900, height: 420 };
const hidden = new Set();
let view = null;
let epoch = null;

function make(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function ticks(low, high, log) {
  if (log) {
    const values = [];
    const decades = Math.log10(high / low);
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
      for (const factor of decades > 3 ? [1] : [1, 2, 5]) values.push(Number(`${factor}e${power}`));
    }
    const shown = values.filter((value) => value >= low && value <= high);
    if (shown.length > 2) return shown;
  }
  const raw = (high - low) / 5 || 1;
  const size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((factor) => factor * size >= raw) * size;
  const values = [];
  for (let value = Math.ceil(low / step) * step; value <= high * (1 + 1e-12); value += step) values.push(Number(value.toPrecision(12)));
  return values;
}

function draw() {
  const part = charts[control("dataset").value];
  const quantity = control("quantity").value;
  const lines = part.lines.filter((line) => !hidden.has(line.name) && line.curves[quantity]);
  const means = lines.flatMap((line) => line.curves[quantity].mean).filter((value) => value !== null);
  const band = control("band").checked;
  // The negative logarithm of a density may be negative.
  const floor = means.some((value) => value < 0) ? -Infinity : 0;
  const bound = ({ mean, half }, index, sign) => Math.max(floor, Math.min(part.ceilings[quantity] ?? Infinity, mean[index] + sign * half[index]));
  const ends = (sign) => !band ? [] : lines.flatMap(({ curves: { [quantity]: curve } }) =>
    curve.half.flatMap((half, index) => half === null || (log && curve.mean[index] <= 0) ? [] : [bound(curve, index, sign)]));
  const last = Math.max(1, ...lines.map((line) => line.curves[quantity].mean.length - 1));
  const log = control("log").checked && means.some((value) => value > 0);
  const positive = log ? means.filter((value) => value > 0) : means;
  // An empty chart keeps its axes.
  const [least, most] = [Math.min(...positive), Math.max(...positive)];
  // A logarithmic axis shows a band down to a third of the smallest mean and up to three times the largest.
  let low = log ? Math.max(least / 3, Math.min(least, ...ends(-1))) : Math.min(0, ...means, ...(floor ? ends(-1) : []));
  let high = Math.max(most, ...ends(1));
  if (log) {
    high = Math.min(3 * most, high);
    low /= (high / low) ** 0.05;
  }
  if (!positive.length) [low, high] = [0, 1];
  if (low === high) high = log ? 2 * low : low + 1;
  const x = (value) => box.left + (value / last) * (box.width - box.left - box.right);
  const share = (value) => log ? Math.log(Math.max(value, low) / low) / Math.log(high / low) : (value - low) / (high - low);
  const y = (value) => box.height - box.bottom - Math.min(1.02, share(value)) * (box.height - box.top - box.bottom);
  const svg = make("svg", { viewBox: `0 0 ${box.width} ${box.height}`, "font-size": 13, fill: "#262626" });
  for (const value of ticks(low, high, log)) {
    svg.append(make("line", { x1: box.left, x2: box.width - box.right, y1: y(value), y2: y(value), stroke: "#e5e5e5" }));
    svg.append(make("text", { x: box.left - 6, y: y(value) + 4, "text-anchor": "end" }, String(value)));
  }
  for (const value of ticks(0, last, false).filter(Number.isInteger)) {
    svg.append(make("text", { x: x(value), y: box.height - box.bottom + 18, "text-anchor": "middle" }, String(value)));
  }
  svg.append(make("path", { d: `M${box.left} ${box.top}V${box.height - box.bottom}H${box.width - box.right}`, stroke: "#262626", fill: "none" }));
  svg.append(make("text", { x: (box.left + box.width) / 2, y: box.height - 4, "text-anchor": "middle" }, "epoch"));
  svg.append(make("text", { transform: `translate(13 ${box.height / 2}) rotate(-90)`, "text-anchor": "middle" }, part.quantities[quantity]));
  for (const line of lines) {
    const { mean, half } = line.curves[quantity];
    const points = mean.flatMap((value, index) => value === null || (log && value <= 0) ? [] : [index]);
    if (band) {
      const sides = points.filter((index) => half[index] !== null);
      const edge = (index, sign) => `${x(index).toFixed(1)} ${y(bound({ mean, half }, index, sign)).toFixed(1)}`;
      const path = [...sides.map((index) => edge(index, 1)), ...sides.reverse().map((index) => edge(index, -1))].join("L");
      if (path) svg.append(make("path", { d: `M${path}Z`, fill: line.color, opacity: 0.14 }));
    }
    const path = points.map((index) => `${x(index).toFixed(1)} ${y(mean[index]).toFixed(1)}`).join("L");
    if (path) svg.append(make("path", { d: `M${path}`, fill: "none", stroke: line.color, "stroke-width": 2, "stroke-dasharray": line.dash, class: "curve" }));
  }
  const cursor = make("line", { y1: box.top, y2: box.height - box.bottom, stroke: "#262626", visibility: "hidden" });
  svg.append(cursor);
  chart.replaceChildren(svg);
  view = { x, last, lines, quantity, cursor, title: part.quantities[quantity] };
  if (epoch !== null) read(epoch);
}

function read(target) {
  epoch = Math.max(0, Math.min(view.last, target));
  view.cursor.setAttribute("x1", view.x(epoch));
  view.cursor.setAttribute("x2", view.x(epoch));
  view.cursor.setAttribute("visibility", "visible");
  const values = view.lines
    .map((line) => ({ name: line.name, mean: line.curves[view.quantity].mean[epoch], half: line.curves[view.quantity].half[epoch] }))
    .filter((line) => line.mean !== null && line.mean !== undefined)
    .sort((one, two) => one.mean - two.mean)
    .map(({ name, mean, half }) => `${name} ${mean}${half === null ? "" : ` ± ${Number(half.toPrecision(2))}`}`);
  control("values").textContent = `Epoch ${epoch}, ${view.title}: ${values.join("; ") || "nothing is shown"}`;
}

function list() {
  const part = charts[control("dataset").value];
  control("lines").replaceChildren(...part.lines.map((line) => {
    const input = document.createElement("input");
    input.type = "checkbox";
    input.checked = !hidden.has(line.name);
    input.addEventListener("change", () => {
      if (input.checked) hidden.delete(line.name); else hidden.add(line.name);
      draw();
    });
    const sample = make("svg", { viewBox: "0 0 36 10", "aria-hidden": "true" },
      make("line", { x1: 0, x2: 36, y1: 5, y2: 5, stroke: line.color, "stroke-width": 2.5, "stroke-dasharray": line.dash }));
    const label = document.createElement("label");
    label.append(input, sample, line.name);
    return label;
  }));
  const quantity = control("quantity").value;
  const names = Object.keys(part.quantities).filter((name) => part.lines.some((line) => line.curves[name]));
  control("quantity").replaceChildren(...names.map((name) => new Option(part.quantities[name], name)));
  if (names.includes(quantity)) control("quantity").value = quantity;
  draw();
}

function showAll(shown) {
  for (const line of charts[control("dataset").value].lines) if (shown) hidden.delete(line.name); else hidden.add(line.name);
  list();
}

if (charts.length) {
  control("dataset").append(...charts.map((part, index) => new Option(part.dataset, index)));
  control("dataset").addEventListener("change", list);
  for (const name of ["quantity", "log", "band"]) control(name).addEventListener("change", draw);
  control("all").addEventListener("click", () => showAll(true));
  control("none").addEventListener("click", () => showAll(false));
  chart.addEventListener("pointermove", (event) => {
    const bounds = chart.firstElementChild.getBoundingClientRect();
    const position = ((event.clientX - bounds.left) / bounds.width) * box.width;
    read(Math.round(((position - box.left) / (box.width - box.left - box.right)) * view.last));
  });
  chart.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -1, ArrowRight: 1, PageDown: -10, PageUp: 10, Home: -1e9, End: 1e9 };
    if (!(event.key in steps)) return;
    event.preventDefault();
    read((epoch ?? 0) + steps[event.key]);
  });
  byId("curves").hidden = false;
  list();
}
