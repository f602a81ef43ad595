// Draws a QUIC connection's figures as the server samples them.
import { svg } from "./svg.js";
import { bytes, milliseconds } from "./units.js";

/** Thirty seconds at four samples per second. */
const SAMPLES = 120;
/** Size of the charts: viewBox 0 0 300 96. */
const WIDTH = 300;
const HEIGHT = 96;
const MARGIN = 10;

const byId = (id) => document.getElementById(id);
const note = byId("live-note");

export function startLive({ protocol }) {
  const rtt = chart("rtt", milliseconds);
  const congestionWindow = chart("window", bytes);
  const rate = chart("rate", (value) => `${bytes(value)}/s`);
  let last;
  const source = new EventSource("/api/live");
  source.onmessage = ({ data }) => {
    if (data === "undefined") return;
    const now = JSON.parse(data);
    note.textContent = "";
    rtt(now.rtt);
    congestionWindow(now.congestionWindow);
    if (last !== undefined) {
      const moved = now.bytesSent + now.bytesReceived - last.bytesSent - last.bytesReceived;
      rate(Math.max(0, (moved / (now.at - last.at)) * 1000));
    }
    last = now;
    byId("count-sent").textContent = now.packetsSent.toLocaleString("en");
    byId("count-received").textContent = now.packetsReceived.toLocaleString("en");
    byId("count-lost").textContent = now.packetsLost.toLocaleString("en");
    byId("count-lost").classList.toggle("lost", now.packetsLost > 0);
    byId("count-bytes").textContent = bytes(now.bytesSent + now.bytesReceived);
  };
  source.onerror = () => {
    note.textContent = "The server does not respond; the figures resume when it does.";
  };

  const work = byId("work");
  work.disabled = false;
  work.addEventListener("click", async () => {
    work.disabled = true;
    try {
      const response = await fetch(protocol === "h3" ? "/download/large" : "/api/work", { cache: "no-store" });
      await response.arrayBuffer();
    } catch (error) {
      note.textContent = `The download failed: ${error.message}`;
    }
    work.disabled = false;
  });
}

/** A chart that takes one value at a time. */
function chart(name, unit) {
  const drawing = byId(`chart-${name}`);
  const now = byId(`now-${name}`);
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
