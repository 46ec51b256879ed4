"use strict";
// Each slider moves the attributes and texts of its station's pictures: a list of values for each, by identifier.
const moving = JSON.parse(document.getElementById("moving").textContent);
for (const input of document.querySelectorAll("input[type=range]")) {
  const station = input.closest("section").id;
  const positions = JSON.parse(input.dataset.positions);
  const output = input.nextElementSibling;
  const parts = Object.entries(moving[station]).map(([id, values]) => [document.getElementById(id), Object.entries(values)]);
  const show = () => {
    const position = Number(input.value);
    output.textContent = positions[position];
    input.setAttribute("aria-valuetext", positions[position]);
    for (const [element, values] of parts) {
      for (const [name, texts] of values) {
        if (name === "text") element.textContent = texts[position];
        else element.setAttribute(name, texts[position]);
      }
    }
  };
  input.addEventListener("input", show);
  input.value = input.dataset.start;
  input.parentElement.hidden = false;
  show();
}
document.getElementById("moves").hidden = false;
