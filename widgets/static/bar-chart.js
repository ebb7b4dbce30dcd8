// Bars of two parts, one above the other, as one picture with a table of the same figures for who cannot see it.

import { make } from "./look.js";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 100;

function shape(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/**
 * Bars `{label, whole, bad}`, `bad` being a part of `whole`; `label` says what the picture shows.
 * `table` is the same in figures: it is put beneath, folded.
 */
export function barChart(bars, label, fold, table) {
  const most = Math.max(1, ...bars.map((bar) => bar.whole));
  const width = bars.length * 12;
  const svg = shape("svg", { class: "chart", viewBox: `0 0 ${width} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": label });
  bars.forEach((bar, place) => {
    const whole = (bar.whole / most) * HEIGHT;
    const bad = (bar.bad / most) * HEIGHT;
    const at = { x: place * 12 + 1, width: 10 };
    svg.append(
      shape("rect", { class: "good", ...at, y: HEIGHT - whole, height: whole - bad }),
      shape("rect", { class: "bad", ...at, y: HEIGHT - bad, height: bad }),
    );
  });
  svg.append(shape("line", { class: "floor", x1: 0, x2: width, y1: HEIGHT, y2: HEIGHT, "vector-effect": "non-scaling-stroke" }));
  return make("div", {}, svg, make("details", { class: "example" }, make("summary", {}, fold), table));
}
