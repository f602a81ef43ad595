// The server runs `nagare tour` on request; each result is shown in the row of its system.
import { milliseconds } from "./units.js";

const MARKS = { ok: "✓", failed: "✗", "no peer here": "–" };
const button = document.getElementById("tour");
const note = document.getElementById("tour-note");

export function startTour() {
  button.disabled = false;
  button.addEventListener("click", run);
}

function run() {
  button.disabled = true;
  for (const list of document.querySelectorAll("#systems td ul")) list.remove();
  note.textContent = "The tour is running; it starts real programs and takes a few seconds.";
  const counts = { ok: 0, failed: 0, "no peer here": 0 };
  const source = new EventSource("/api/tour");
  const end = (text) => {
    source.close();
    button.disabled = false;
    note.textContent = text;
  };
  source.onmessage = ({ data }) => {
    const row = JSON.parse(data);
    if (!(row.outcome in counts)) return; // The table already marks systems that are not built.
    counts[row.outcome]++;
    write(row);
  };
  source.addEventListener("done", () => {
    const { ok, failed, "no peer here": absent } = counts;
    end(`${ok} passed, ${failed} failed, ${absent} have no peer on this machine.`);
  });
  source.addEventListener("failed", ({ data }) => end(`The tour failed: ${JSON.parse(data).message}`));
  source.onerror = () => end("The server did not respond, or a tour is already running.");
}

function write({ system, against, outcome, milliseconds: time, detail }) {
  const cell = document.querySelector(`tr[data-system="${system}"] td:last-child`);
  if (cell === null) return;
  const list = cell.querySelector("ul") ?? cell.appendChild(document.createElement("ul"));
  const item = document.createElement("li");
  item.dataset.outcome = outcome;
  item.title = detail;
  const mark = document.createElement("b");
  mark.textContent = MARKS[outcome];
  const text = document.createElement("span");
  text.textContent =
    outcome === "ok" ? `${against}, ${milliseconds(time)}` : `${against}: ${outcome === "failed" ? detail : outcome}`;
  item.append(mark, text);
  list.append(item);
}
