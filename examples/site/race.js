// The race: several runs of the server's own client, one run of this browser, and a replay of all of them side by side.
import { svg } from "./svg.js";
import { bytes, milliseconds, PROTOCOLS } from "./units.js";

const SMALL_COUNT = 100;
const BINS = 40;
/** Size of the drawing: viewBox 0 0 1000 72. */
const WIDTH = 1000;
const MIDDLE = 36;
const HALF = 34;
/** The duration of the slowest run's replay. */
const REPLAY = 3500;

const form = document.getElementById("race-form");
const button = form.querySelector("button");
const note = document.getElementById("race-note");
const still = matchMedia("(prefers-reduced-motion: reduce)");

export function startRace({ protocol }) {
  document.getElementById("browser-protocol").textContent = PROTOCOLS[protocol];
  button.disabled = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    race(new FormData(form).get("load"), protocol);
  });
  // The first race starts by itself as soon as it is visible.
  const seen = new IntersectionObserver(
    ([entry]) => {
      if (!entry.isIntersecting) return;
      seen.disconnect();
      if (!button.disabled) form.requestSubmit();
    },
    { threshold: 0.6 },
  );
  seen.observe(document.querySelector(".lanes"));
}

async function race(load, browserProtocol) {
  button.disabled = true;
  clear();
  try {
    const runs = new Map();
    for await (const run of ownRuns(load)) {
      runs.set(run.protocol, run);
      note.textContent = `${PROTOCOLS[run.protocol]} has finished…`;
    }
    note.textContent = "Your browser is downloading…";
    runs.set("browser", await browserRun(load, browserProtocol));
    await replay(runs);
  } catch (error) {
    note.textContent = `The race failed: ${error.message}`;
  } finally {
    button.disabled = false;
  }
}

/** Yields each run when it has finished. */
async function* ownRuns(load) {
  const source = new EventSource(`/api/race?load=${load}`);
  const queue = [];
  let wake = () => {};
  const push = (item) => {
    queue.push(item);
    wake();
  };
  note.textContent = "Our client is downloading…";
  source.onmessage = ({ data }) => push({ run: JSON.parse(data) });
  source.addEventListener("done", () => push({ done: true }));
  source.addEventListener("failed", ({ data }) => push({ error: JSON.parse(data).message }));
  source.onerror = () => push({ error: "the server did not respond, or another race is running" });
  try {
    for (;;) {
      if (queue.length === 0) await new Promise((resolve) => (wake = resolve));
      const { run, done, error } = queue.shift();
      if (error !== undefined) throw new Error(error);
      if (done) return;
      yield run;
    }
  } finally {
    source.close();
  }
}

/** The same downloads by this browser, on its existing connection. */
async function browserRun(load, protocol) {
  const paths =
    load === "large" ? ["/download/large"] : Array.from({ length: SMALL_COUNT }, (_, n) => `/download/small/${n}`);
  const start = performance.now();
  const samples = [];
  let total = 0;
  await Promise.all(
    paths.map(async (path) => {
      const reader = (await fetch(path, { cache: "no-store" })).body.getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        total += part.value.byteLength;
        samples.push([performance.now() - start, total]);
      }
    }),
  );
  const end = performance.now() - start;
  return { protocol, handshake: 0, firstByte: samples[0][0], total: end, bytes: total, samples };
}

function clear() {
  for (const lane of document.querySelectorAll(".lanes li")) {
    lane.querySelector("svg").replaceChildren();
    showResult(lane, "–", "\u00a0");
  }
}

function showResult(lane, figure, more) {
  lane.querySelector(".result b").textContent = figure;
  lane.querySelector(".result small").textContent = more;
}

async function replay(runs) {
  const longest = Math.max(...[...runs.values()].map(({ total }) => total));
  const widest = Math.max(...[...runs.values()].flatMap((run) => rates(run)));
  const slowdown = still.matches ? 0 : REPLAY / longest;
  const finishes = [...runs].map(async ([name, run]) => {
    const lane = document.querySelector(`.lanes li[data-lane="${name}"]`);
    const drawing = lane.querySelector("svg");
    lane.dataset.protocol = run.protocol;
    drawing.replaceChildren(...stream(run, longest, widest));
    const from = { clipPath: "inset(0 100% 0 0)" };
    const sweep = drawing.animate([from, { clipPath: "inset(0)" }], { duration: longest * slowdown });
    await new Promise((resolve) => setTimeout(resolve, run.total * slowdown));
    showResult(lane, milliseconds(run.total), `${bytes((run.bytes / run.total) * 1000)}/s`);
    await sweep.finished;
  });
  document.getElementById("axis-end").textContent = milliseconds(longest);
  note.textContent = slowdown > 1.5 ? `Replayed ${Math.round(slowdown)} times slower.` : "\u00a0";
  await Promise.all(finishes);
  note.textContent = summary(runs);
}

function summary(runs) {
  const [first] = ["h3", "h2", "http/1.1"].sort((a, b) => runs.get(a).total - runs.get(b).total);
  const times = (runs.get("h3").total / runs.get(first).total).toFixed(1);
  const comparison =
    first === "h3"
      ? ""
      : ` HTTP/3 took ${times} times as long, ${milliseconds(runs.get("h3").handshake)} of it for the handshake.`;
  return `Of our client’s three runs, ${PROTOCOLS[first]} was the fastest.${comparison} Your browser’s connection was already open.`;
}

/** Bytes per millisecond in each bin between the first byte and the last, smoothed. */
function rates({ firstByte, total, samples }) {
  const width = Math.max((total - firstByte) / BINS, 0.001);
  const bins = new Array(BINS).fill(0);
  let before = 0;
  for (const [time, count] of samples) {
    bins[Math.min(BINS - 1, Math.max(0, Math.floor((time - firstByte) / width)))] += (count - before) / width;
    before = count;
  }
  for (let pass = 0; pass < 4; pass++) smooth(bins);
  return bins;
}

function smooth(values) {
  const copy = [...values];
  for (let i = 0; i < values.length; i++) {
    const [left, right] = [copy[Math.max(0, i - 1)], copy[Math.min(values.length - 1, i + 1)]];
    values[i] = (left + 2 * copy[i] + right) / 4;
  }
}

/** A thin line until the first byte arrives, then a stream as wide as its rate. */
function stream(run, longest, widest) {
  const x = (time) => (time / longest) * WIDTH;
  const bins = rates(run);
  const step = (run.total - run.firstByte) / bins.length;
  const points = bins.map((rate, i) => [x(run.firstByte + (i + 0.5) * step), Math.max(0.8, (rate / widest) * HALF)]);
  const bank = [[x(run.firstByte), points[0][1]], ...points, [x(run.total), points.at(-1)[1]]];
  const upper = curve(bank.map(([px, half]) => [px, MIDDLE - half]));
  const lower = curve(bank.map(([px, half]) => [px, MIDDLE + half]).reverse());
  return [
    svg("line", { x1: 0, x2: x(run.firstByte), y1: MIDDLE, y2: MIDDLE }),
    svg("path", { d: `M${upper}L${lower}Z` }),
  ];
}

/** A smooth curve: passes through the midpoints, with the points as control points. */
function curve(points) {
  const text = ([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`;
  const middle = ([ax, ay], [bx, by]) => text([(ax + bx) / 2, (ay + by) / 2]);
  const bends = points.slice(1, -1).map((point, i) => `Q${text(point)} ${middle(point, points[i + 2])}`);
  return `${text(points[0])}${bends.join("")}L${text(points.at(-1))}`;
}
