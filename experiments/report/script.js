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

// CSV: all columns of the rows that the filters leave. A text that a spreadsheet would calculate gets an apostrophe.
function csv(rows) {
  const cell = (value) => {
    const text = String(value ?? "").replaceAll("−", "-");
    const safe = /^[=+@\t\r]|^-(?![\d.])/.test(text) ? `'${text}` : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return rows.map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}
function tableRows(table) {
  const text = (cell) => (cell.querySelector("summary") ?? cell).textContent.trim();
  return [...table.rows].filter((row) => !row.hidden).map((row) => [...row.cells].map(text));
}
function download(name, rows) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(["\ufeff", csv(rows)], { type: "text/csv" }));
  link.download = `${name}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
for (const button of document.querySelectorAll("button.csv")) {
  const name = button.dataset.table;
  button.hidden = false;
  button.addEventListener("click", () => download(name, name === "overview" ? valueRows() : tableRows(byId(name))));
}

// A closed figure is packed until it is opened.
async function unpack(paper) {
  const bytes = Uint8Array.from(atob(paper.dataset.packed), (letter) => letter.charCodeAt(0));
  delete paper.dataset.packed;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  paper.innerHTML = await new Response(stream).text();
}
for (const part of document.querySelectorAll("details.figures")) {
  part.addEventListener("toggle", () => part.querySelectorAll("[data-packed]").forEach(unpack));
}

// Figures: the button shows a larger copy in a dialog.
const dialog = byId("enlarged");
for (const button of document.querySelectorAll("button.enlarge")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const paper = button.closest("figure").querySelector(".paper");
    dialog.querySelector(".paper").className = paper.className;
    dialog.querySelector(".paper").replaceChildren(paper.firstElementChild.cloneNode(true));
    dialog.showModal();
  });
}
dialog.addEventListener("close", () => dialog.querySelector(".paper").replaceChildren());

// In a narrow window the contents are a menu.
const menu = document.querySelector("details.menu");
const narrow = matchMedia("(max-width: 60rem)");
const fold = () => { menu.open = !narrow.matches; };
narrow.addEventListener("change", fold);
menu.addEventListener("click", (event) => { if (event.target.matches("a")) fold(); });
fold();

// Charts are drawn for the width that they have, so that their letters have one size in every window.
function make(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function series(element, color) {
  element.style.setProperty("--c", color);
  element.classList.add("series");
  return element;
}

const LETTER = 7.2; // the mean width of a letter of 13 pixels
const cut = (text, width) => text.length * LETTER <= width ? text : `${text.slice(0, Math.max(1, Math.floor(width / LETTER) - 1))}…`;
// The values of the page have seven digits: with more, half a unit of the last decimal might be rounded otherwise than in the tables.
const short = (value, decimals) => Number(value.toPrecision(7)).toFixed(decimals).replace("-", "−");
const signed = (value, decimals) => `${value > 0 ? "+" : ""}${short(value, decimals)}`;
// Two decimals of per cent, as in the tables; of other numbers as many as their size needs.
const decimalsOf = (values, share) => {
  if (share) return 2;
  const most = Math.max(...values.filter((value) => value !== null).map(Math.abs));
  return most >= 1000 ? 0 : most >= 100 ? 1 : most >= 1 ? 2 : most >= 0.1 ? 3 : 4;
};

const tip = document.createElement("div");
tip.id = "tip";
tip.hidden = true;
document.body.append(tip);
function showTip(event, lines) {
  tip.replaceChildren(...lines.map((line) => {
    const row = document.createElement("div");
    row.textContent = line.text;
    if (line.color) series(row, line.color);
    return row;
  }));
  tip.hidden = false;
  const left = event.clientX + 16 + tip.offsetWidth > innerWidth ? event.clientX - 12 - tip.offsetWidth : event.clientX + 16;
  tip.style.left = `${Math.max(4, left)}px`;
  tip.style.top = `${Math.max(4, Math.min(event.clientY + 12, innerHeight - tip.offsetHeight - 4))}px`;
}
const hideTip = () => { tip.hidden = true; };

function whenResized(element, draw) {
  let width = 0;
  new ResizeObserver(() => {
    if (Math.abs(element.clientWidth - width) > 2) {
      width = element.clientWidth;
      draw();
    }
  }).observe(element);
}

function ticks(low, high, log, count = 5) {
  if (log) {
    const values = [];
    const decades = Math.log10(high / low);
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
      for (const factor of decades > 3 ? [1] : [1, 2, 5]) values.push(Number(`${factor}e${power}`));
    }
    const shown = values.filter((value) => value >= low && value <= high);
    if (shown.length > 2) return shown;
  }
  const raw = (high - low) / count || 1;
  const size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((factor) => factor * size >= raw) * size;
  const values = [];
  // Multiples, not sums, which would miss 0.
  for (let factor = Math.ceil(low / step); factor * step <= high + 1e-9 * step; factor++) values.push(Number((factor * step).toPrecision(12)));
  return values;
}

// A row for each condition: a point with its interval. `lines` are values of simple models.
function forest(place, rows, { title, decimals, lines = [], zero = false }) {
  const width = place.clientWidth;
  const wide = width >= 460;
  const step = rows.length > 20 ? 17 : 22;
  const names = Math.min(0.4 * width, LETTER * Math.max(4, ...rows.map((row) => row.name.length)) + 12);
  const texts = rows.map((row) => row.text ?? `${(zero ? signed : short)(row.value, decimals)}${wide && row.half ? ` ± ${short(row.half, decimals)}` : ""}${row.lost ? " †" : ""}`);
  const box = { left: names, right: LETTER * Math.max(...texts.map((text) => text.length)) + 14 };
  // A mean far beyond the others is shown at the edge, with its number.
  const means = rows.filter((row) => row.value !== null).map((row) => row.value).sort((one, two) => one - two);
  const quartile = (share) => means[Math.min(means.length - 1, Math.floor(share * means.length))];
  const fence = 3 * (quartile(0.75) - quartile(0.25)) || Infinity;
  const [least, most] = [quartile(0.25) - fence, quartile(0.75) + fence];
  const inside = (value) => value !== null && value >= least && value <= most;
  const ends = rows.filter((row) => inside(row.value)).flatMap((row) => [row.low ?? row.value, row.high ?? row.value]).concat(zero ? [0] : []);
  const models = lines.filter((line) => inside(line.value));
  let [low, high] = [Math.min(...ends), Math.max(...ends)];
  for (const line of models.slice(0, 1)) [low, high] = [Math.min(low, line.value), Math.max(high, line.value)];
  const drawn = models.filter((line) => line.value >= low && line.value <= high);
  if (low === high) [low, high] = [low - 1, high + 1];
  const pad = 0.04 * (high - low);
  [low, high] = [low - pad, high + pad];
  const x = (value) => box.left + ((Math.max(low, Math.min(high, value)) - low) / (high - low)) * (width - box.left - box.right);
  const top = 16 * drawn.length + 8;
  const bottom = top + step * rows.length;
  const height = bottom + 42;
  const svg = make("svg", { width, height, viewBox: `0 0 ${width} ${height}` });
  for (const value of ticks(low, high, false, Math.max(2, Math.floor((width - box.left - box.right) / 80)))) {
    svg.append(make("line", { x1: x(value), x2: x(value), y1: top, y2: bottom, class: zero && value === 0 ? "axis" : "grid" }));
    svg.append(make("text", { x: x(value), y: bottom + 16, "text-anchor": "middle" }, String(value).replace("-", "−")));
  }
  svg.append(make("text", { x: (box.left + width - box.right) / 2, y: bottom + 34, "text-anchor": "middle" }, cut(title, width)));
  drawn.forEach((line, index) => {
    const text = `${line.name} ${short(line.value, decimals)}`;
    const right = x(line.value) + LETTER * text.length + 8 > width;
    svg.append(make("line", { x1: x(line.value), x2: x(line.value), y1: 16 * index + 6, y2: bottom, class: "model" }));
    svg.append(make("text", { x: x(line.value) + (right ? -5 : 5), y: 16 * index + 13, "text-anchor": right ? "end" : "start", class: "muted" }, text));
  });
  rows.forEach((row, index) => {
    const y = top + step * (index + 0.5);
    const group = make("g", { class: "row" }, make("rect", { x: 0, y: y - step / 2, width, height: step, class: "hover" }));
    group.append(make("text", { x: box.left - 8, y: y + 4, "text-anchor": "end" }, cut(row.name, box.left - 10)));
    if (row.value !== null && !inside(row.value)) {
      const side = row.value > most ? 1 : -1;
      const edge = side > 0 ? width - box.right : box.left;
      group.append(series(make("path", { d: `M${edge} ${y}l${-8 * side} -5v10z`, class: "dot" }), row.color));
    } else if (row.value !== null) {
      if (row.low !== null && row.low !== undefined) group.append(series(make("line", { x1: x(row.low), x2: x(row.high), y1: y, y2: y, "stroke-width": 3 }), row.color));
      group.append(series(make("circle", { cx: x(row.value), cy: y, r: 4.5, class: "dot" }), row.color));
    }
    group.append(make("text", { x: width - 2, y: y + 4, "text-anchor": "end", class: index ? "" : "best" }, texts[index]));
    group.addEventListener("pointermove", (event) => showTip(event, [{ text: row.name, color: row.color }, ...row.details.map((text) => ({ text }))]));
    group.addEventListener("pointerleave", hideTip);
    svg.append(group);
  });
  place.replaceChildren(svg);
  return lines.filter((line) => !drawn.includes(line));
}

// The chart beside the answer.
const overview = JSON.parse(byId("overview-data").textContent);
const chosen = (name) => byId(`overview-${name}`).value;

function summary(values) {
  const finite = values.filter((value) => value !== null);
  const n = finite.length;
  if (!n) return { n, value: null, half: null };
  const value = finite.reduce((sum, one) => sum + one, 0) / n;
  const variance = finite.reduce((sum, one) => sum + (one - value) ** 2, 0) / (n - 1);
  return { n, value, half: n > 2 && variance > 0 ? overview.quantiles[n] * Math.sqrt(variance / n) : null };
}

function drawOverview() {
  const part = overview.parts[chosen("dataset")];
  const metric = chosen("metric");
  const { name: title, floor, ceiling, share } = part.metrics[metric];
  const reference = chosen("reference") === "" ? null : part.conditions[chosen("reference")];
  const base = reference?.values[metric];
  const shown = part.conditions.filter((condition) => condition.values[metric]).map((condition) => {
    const values = condition.values[metric];
    return { condition, ...summary(base ? values.map((one, seed) => one === null || base[seed] === null ? null : one - base[seed]) : values) };
  });
  const decimals = decimalsOf(shown.map(({ value }) => value), share);
  const show = (value) => (base ? signed : short)(value, decimals);
  const rows = shown.map(({ condition, n, value, half }) => {
    const bound = (end) => base ? end : Math.max(floor ?? -Infinity, Math.min(ceiling ?? Infinity, end));
    const [low, high] = half === null ? [null, null] : [bound(value - half), bound(value + half)];
    const text = condition === reference ? "reference" : value === null ? "no value" : undefined;
    const details = value === null ? ["no network has a finite value"] : [`${base ? "difference " : ""}${show(value)}${half === null ? "" : `, 95 % interval ${show(low)} to ${show(high)}`}`, `${n} ${n === 1 ? "seed" : "seeds"}`];
    if (condition.lost) details.push(`${condition.lost} without a finite value`);
    return { ...condition, value, half, low, high, text, details };
  });
  // The ranking of the leaderboard puts conditions with diverged networks last; other orders are by the mean.
  if (base || metric !== Object.keys(part.metrics)[0]) rows.sort((one, two) => (one.value ?? Infinity) - (two.value ?? Infinity));
  const isFirst = metric === Object.keys(part.metrics)[0];
  const lines = base || !isFirst ? [] : Object.entries(part.models).map(([name, value]) => ({ name, value }));
  const outside = forest(byId("overview-chart"), rows, { title: base ? `${title}: difference from ${reference.name}` : title, decimals, lines, zero: Boolean(base) });
  const lost = rows.some((row) => row.lost) ? " †: networks without a finite value have no part in the mean." : "";
  const beyond = outside.length ? ` Not in the picture: ${outside.map((line) => `${line.name} ${short(line.value, decimals)}`).join(", ")}.` : "";
  byId("overview-note").textContent = (base
    ? "Mean difference over the same seeds with its paired 95 % interval, on these splits and not adjusted for the number of comparisons. Left of 0 is better."
    : `Mean over seeds with its 95 % interval; lower is better.${lines.length ? ` Dashed lines are simple models on the same splits.${beyond}` : ""}`) + lost;
}

function valueRows() {
  const part = overview.parts[chosen("dataset")];
  const metrics = Object.keys(part.metrics);
  const rows = part.conditions.flatMap((condition) => Object.values(condition.values)[0].map((_, index) =>
    [part.dataset, condition.name, part.seeds[index], ...metrics.map((metric) => condition.values[metric]?.[index])]));
  return [["data set", "condition", "seed", ...metrics.map((metric) => part.metrics[metric].name)], ...rows];
}

function chooseOverview() {
  const part = overview.parts[chosen("dataset")];
  byId("overview-metric").replaceChildren(...Object.entries(part.metrics)
    .filter(([metric]) => part.conditions.some((condition) => condition.values[metric])).map(([metric, { name }]) => new Option(name, metric)));
  const names = part.conditions.map((condition, index) => new Option(condition.name, index));
  byId("overview-reference").replaceChildren(new Option("none", ""), ...names);
  drawOverview();
}

if (overview.parts.length) {
  byId("overview-dataset").append(...overview.parts.map((part, index) => new Option(part.dataset, index)));
  byId("overview-dataset").addEventListener("change", chooseOverview);
  for (const name of ["metric", "reference"]) byId(`overview-${name}`).addEventListener("change", drawOverview);
  byId("overview").hidden = false;
  chooseOverview();
  whenResized(byId("overview-chart"), drawOverview);
}

// The comparison with another study.
if (byId("studies-data")) {
  const differences = JSON.parse(byId("studies-data").textContent);
  const datasets = [...new Set(differences.map((row) => row.dataset))];
  const drawStudies = () => {
    const here = differences.filter((row) => row.dataset === byId("studies-dataset").value);
    const decimals = decimalsOf(here.map((row) => row.difference), here.some((row) => row.share));
    const show = (value) => signed(value, decimals);
    const rows = here.map((row) => ({
      ...row,
      name: new Set(differences.map((other) => other.output)).size > 1 ? `${row.name}, ${row.output}` : row.name,
      value: row.difference, half: row.low === null || row.low === row.high ? null : (row.high - row.low) / 2, color: "var(--accent)",
      text: row.difference === null ? "no value" : undefined,
      details: row.difference === null ? [] : [`difference ${show(row.difference)}${row.low === null ? "" : `, 95 % interval ${show(row.low)} to ${show(row.high)}`}`],
    }));
    rows.sort((one, two) => (one.value ?? Infinity) - (two.value ?? Infinity));
    forest(byId("studies-chart"), rows, { title: "difference", decimals, zero: true });
  };
  byId("studies-dataset").append(...datasets.map((name) => new Option(name)));
  byId("studies-dataset").closest("p").hidden = datasets.length < 2;
  byId("studies-dataset").addEventListener("change", drawStudies);
  byId("studies").hidden = false;
  whenResized(byId("studies-chart"), drawStudies);
}

// Learning curves.
const charts = JSON.parse(byId("curves-data").textContent);
const chart = byId("curves-chart");
const control = (name) => byId(`curves-${name}`);
const MANY = 12; // as many lines can be told apart, and have their names at their ends
const hidden = new Set();
let view = null;
let epoch = null;

function draw() {
  const part = charts[control("dataset").value];
  const quantity = control("quantity").value;
  const lines = part.lines.filter((line) => !hidden.has(line.name) && line.curves[quantity]);
  const means = lines.flatMap((line) => line.curves[quantity].mean).filter((value) => value !== null);
  const band = control("band").checked;
  const log = control("log").checked && means.some((value) => value > 0);
  // The negative logarithm of a density may be negative.
  const floor = means.some((value) => value < 0) ? -Infinity : 0;
  const bound = ({ mean, half }, index, sign) => Math.max(floor, Math.min(part.ceilings[quantity] ?? Infinity, mean[index] + sign * half[index]));
  const ends = (sign) => !band ? [] : lines.flatMap(({ curves: { [quantity]: curve } }) =>
    curve.half.flatMap((half, index) => half === null || (log && curve.mean[index] <= 0) ? [] : [bound(curve, index, sign)]));
  const last = Math.max(1, ...lines.map((line) => line.curves[quantity].mean.length - 1));
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
  const width = chart.clientWidth;
  const named = lines.length <= MANY;
  const names = named ? Math.min(0.36 * width, LETTER * Math.max(0, ...lines.map((line) => line.name.length)) + 14) : 10;
  const box = { left: 62, right: names, top: 24, bottom: 40, width, height: width < 600 ? 340 : 440 };
  const x = (value) => box.left + (value / last) * (box.width - box.left - box.right);
  const share = (value) => log ? Math.log(Math.max(value, low) / low) / Math.log(high / low) : (value - low) / (high - low);
  const y = (value) => box.height - box.bottom - Math.min(1.02, share(value)) * (box.height - box.top - box.bottom);
  const svg = make("svg", { width, height: box.height, viewBox: `0 0 ${width} ${box.height}` });
  for (const value of ticks(low, high, log)) {
    svg.append(make("line", { x1: box.left, x2: box.width - box.right, y1: y(value), y2: y(value), class: "grid" }));
    svg.append(make("text", { x: box.left - 6, y: y(value) + 4, "text-anchor": "end" }, String(value)));
  }
  for (const value of ticks(0, last, false, Math.max(2, Math.floor(width / 120))).filter(Number.isInteger)) {
    svg.append(make("text", { x: x(value), y: box.height - box.bottom + 18, "text-anchor": "middle" }, String(value)));
  }
  svg.append(make("path", { d: `M${box.left} ${box.top}V${box.height - box.bottom}H${box.width - box.right}`, class: "axis" }));
  svg.append(make("text", { x: (box.left + box.width - box.right) / 2, y: box.height - 4, "text-anchor": "middle" }, "epoch"));
  svg.append(make("text", { x: 4, y: 13 }, part.quantities[quantity]));
  const labels = [];
  for (const line of lines) {
    const { mean, half } = line.curves[quantity];
    const points = mean.flatMap((value, index) => value === null || (log && value <= 0) ? [] : [index]);
    if (band) {
      const sides = points.filter((index) => half[index] !== null);
      const edge = (index, sign) => `${x(index).toFixed(1)} ${y(bound({ mean, half }, index, sign)).toFixed(1)}`;
      const path = [...sides.map((index) => edge(index, 1)), ...sides.reverse().map((index) => edge(index, -1))].join("L");
      if (path) svg.append(series(make("path", { d: `M${path}Z`, class: "band" }), line.color));
    }
    const path = points.map((index) => `${x(index).toFixed(1)} ${y(mean[index]).toFixed(1)}`).join("L");
    if (path) svg.append(series(make("path", { d: `M${path}`, "stroke-width": 2, "stroke-dasharray": line.dash, class: "curve" }), line.color));
    if (named && points.length) labels.push({ line, at: y(mean[points.at(-1)]), end: x(points.at(-1)) });
  }
  // A name at each line's end, moved as far as the one above it needs.
  labels.sort((one, two) => one.at - two.at);
  labels.forEach((label, index) => { label.y = Math.max(label.at, index ? labels[index - 1].y + 15 : box.top); });
  for (let index = labels.length - 1, limit = box.height - box.bottom; index >= 0; index--, limit = labels[index + 1].y - 15) labels[index].y = Math.min(labels[index].y, limit);
  for (const { line, at, end, y: height } of labels) {
    svg.append(series(make("path", { d: `M${end} ${at}L${box.width - box.right + 8} ${height}`, "stroke-width": 0.8 }), line.color));
    svg.append(make("text", { x: box.width - box.right + 11, y: height + 4 }, cut(line.name, box.right - 12)));
  }
  const cursor = make("line", { y1: box.top, y2: box.height - box.bottom, class: "axis", visibility: "hidden" });
  svg.append(cursor);
  chart.replaceChildren(svg);
  view = { x, box, last, lines, quantity, cursor, title: part.quantities[quantity] };
  if (epoch !== null) read(epoch);
}

function read(target) {
  epoch = Math.max(0, Math.min(view.last, target));
  view.cursor.setAttribute("x1", view.x(epoch));
  view.cursor.setAttribute("x2", view.x(epoch));
  view.cursor.setAttribute("visibility", "visible");
  const values = view.lines
    .map((line) => ({ name: line.name, color: line.color, mean: line.curves[view.quantity].mean[epoch], half: line.curves[view.quantity].half[epoch] }))
    .filter((line) => line.mean !== null && line.mean !== undefined)
    .sort((one, two) => one.mean - two.mean)
    .map(({ name, color, mean, half }) => ({ text: `${name} ${mean}${half === null ? "" : ` ± ${Number(half.toPrecision(2))}`}`, color }));
  const heading = `Epoch ${epoch}, ${view.title}`;
  control("values").textContent = `${heading}: ${values.map((line) => line.text).join("; ") || "nothing is shown"}`;
  return [{ text: heading }, ...values];
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
      series(make("line", { x1: 0, x2: 36, y1: 5, y2: 5, "stroke-width": 2.5, "stroke-dasharray": line.dash }), line.color));
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

function hideMany(part) {
  const end = (line) => Object.values(line.curves)[0]?.mean.findLast((value) => value !== null) ?? Infinity;
  for (const line of [...part.lines].sort((one, two) => end(one) - end(two)).slice(8)) hidden.add(line.name);
}

if (charts.length) {
  if (charts[0].lines.length > MANY) hideMany(charts[0]);
  control("dataset").append(...charts.map((part, index) => new Option(part.dataset, index)));
  control("dataset").addEventListener("change", list);
  for (const name of ["quantity", "log", "band"]) control(name).addEventListener("change", draw);
  control("all").addEventListener("click", () => showAll(true));
  control("none").addEventListener("click", () => showAll(false));
  chart.addEventListener("pointermove", (event) => {
    const { left, right } = view.box;
    const position = event.clientX - chart.getBoundingClientRect().left;
    showTip(event, read(Math.round(((position - left) / (view.box.width - left - right)) * view.last)).slice(0, MANY + 1));
  });
  chart.addEventListener("pointerleave", hideTip);
  chart.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -1, ArrowRight: 1, PageDown: -10, PageUp: 10, Home: -1e9, End: 1e9 };
    if (!(event.key in steps)) return;
    event.preventDefault();
    read((epoch ?? 0) + steps[event.key]);
  });
  byId("curves").hidden = false;
  list();
  whenResized(chart, draw);
}
