// The inspector: every WebTransport session of the server, with what browsers' tools do not show.
import { bytes, milliseconds } from "./units.js";

const CARRIERS = { h3: "HTTP/3", h2: "HTTP/2", websocket: "WebSocket" };
const OPENERS = { "this side": "the server", "the peer": "the browser" };
const panel = document.getElementById("inspector");
const list = document.getElementById("inspector-sessions");
const note = document.getElementById("inspector-note");
/** The elements of each session, which are kept so that an open list of streams stays open. */
const shown = new Map();

const count = (value) => value.toLocaleString("en");

export function startInspector() {
  let source;
  panel.addEventListener("toggle", () => {
    source?.close();
    if (!panel.open) return;
    source = new EventSource("/api/sessions");
    source.onmessage = ({ data }) => show(JSON.parse(data));
    source.onerror = () => {
      note.textContent = "The server does not respond; the sessions are shown again when it does.";
    };
  });
}

function show(sessions) {
  note.textContent = sessions.length === 0 ? "No session yet." : "";
  const ids = new Set(sessions.map(({ id }) => id));
  for (const [id, { item }] of shown) {
    if (ids.has(id)) continue;
    item.remove();
    shown.delete(id);
  }
  for (const session of sessions) {
    if (!shown.has(session.id)) shown.set(session.id, create());
    const parts = shown.get(session.id);
    update(parts, session);
    list.append(parts.item);
  }
}

function create() {
  const item = document.createElement("li");
  const [head, figures, streams, summary] = ["p", "dl", "details", "summary"].map((name) =>
    document.createElement(name),
  );
  const rows = document.createElement("ul");
  figures.className = "counts";
  streams.append(summary, rows);
  item.append(head, figures, streams);
  return { item, head, figures, streams, summary, rows };
}

function update({ item, head, figures, streams, summary, rows }, session) {
  const { id, url, origin, carrier, version, protocol, state, datagrams, openStreams } = session;
  item.dataset.state = state;
  const title = document.createElement("b");
  title.textContent = `${id} · ${url}`;
  const about = [`${CARRIERS[carrier]}, ${version}`, origin ?? "no page", protocol].filter((text) => text !== "");
  head.replaceChildren(title, ` ${about.join(" · ")} · `, ended(session));
  const dropped = datagrams.droppedIncoming + datagrams.expiredIncoming + datagrams.droppedOutgoing;
  const { incoming, outgoing, open, waiting, reset, stopped } = session.streams;
  const facts = [
    ["Open for", duration((session.endedAt ?? Date.now()) - session.openedAt)],
    ["Round trip", session.smoothedRtt === undefined ? "–" : milliseconds(session.smoothedRtt)],
    ["Streams in · out", `${count(incoming)} · ${count(outgoing)}`],
    ["Open · waiting", `${count(open)} · ${count(waiting)}`],
    ["Reset · stopped", `${count(reset)} · ${count(stopped)}`],
    ["Bytes in · out", `${bytes(session.bytesReceived)} · ${bytes(session.bytesSent)}`],
    ["Datagrams in · out", `${count(datagrams.received)} · ${count(datagrams.sent)}`],
    ["Dropped", count(dropped)],
  ];
  figures.replaceChildren(
    ...facts.map(([name, value]) => {
      const [cell, term, text] = ["div", "dt", "dd"].map((tag) => document.createElement(tag));
      term.textContent = name;
      text.textContent = value;
      text.classList.toggle("lost", name === "Dropped" && dropped > 0);
      cell.append(term, text);
      return cell;
    }),
  );
  streams.hidden = openStreams.length === 0;
  const more = open > openStreams.length ? ` (the first ${openStreams.length})` : "";
  summary.textContent = `Open streams${more}`;
  rows.replaceChildren(...openStreams.map(streamRow));
}

function ended({ state, closeCode, reason }) {
  const text = document.createElement("span");
  text.textContent =
    state === "closed"
      ? `closed with ${closeCode}${reason === "" ? "" : `: ${reason}`}`
      : state === "cut off"
        ? reason
        : state;
  return text;
}

function streamRow({ id, direction, openedBy, bytesSent, bytesReceived }) {
  const row = document.createElement("li");
  const flow = [
    ...(bytesReceived === undefined ? [] : [`${bytes(bytesReceived)} in`]),
    ...(bytesSent === undefined ? [] : [`${bytes(bytesSent)} out`]),
  ];
  const kind = direction === "bidi" ? "both directions" : "one direction";
  row.textContent = `${id}: ${kind}, opened by ${OPENERS[openedBy]}, ${flow.join(", ")}`;
  return row;
}

const duration = (time) => (time < 60_000 ? `${(time / 1000).toFixed(0)} s` : `${(time / 60_000).toFixed(0)} min`);
