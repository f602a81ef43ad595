import { svg } from "./svg.js";

/** Thirty seconds at four samples per second. */
const SAMPLES = 120;
/** Size of the charts: viewBox 0 0 300 96. */
const WIDTH = 300;
const HEIGHT = 96;
const MARGIN = 10;

/** A chart that takes one value at a time. */
export function chart(name, unit) {
  const drawing = document.getElementById(`chart-${name}`);
  const now = document.getElementById(`now-${name}`);
  const area = svg("path", {});
  const line = svg("polyline", {});
  drawing.replaceChildren(area, line);
  const values = [];
  return (value) => {
    values.push(value);
    if (values.length > SAMPLES) values.shift();
    now.textContent = unit(value);
    const top = Math.max(...values, 1e-9) * 1.15;
    const step = WIDTH / (SAMPLES - 1);
    const first = WIDTH - (values.length - 1) * step;
    const points = values.map((each, i) => {
      const y = HEIGHT - MARGIN - (each / top) * (HEIGHT - 2 * MARGIN);
      return `${(first + i * step).toFixed(1)},${y.toFixed(1)}`;
    });
    line.setAttribute("points", points.join(" "));
    area.setAttribute("d", `M${first.toFixed(1)} ${HEIGHT}L${points.join("L")}L${WIDTH} ${HEIGHT}Z`);
  };
}
