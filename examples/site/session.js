// A WebTransport session of the visitor's own browser: datagrams that come back, and streams. Where the browser or the network
// has no other way, the same class runs over a WebSocket.
import { WebTransport } from "/webtransport.js";
import { chart } from "./chart.js";
import { milliseconds } from "./units.js";

/** Datagrams per second. */
const RATE = 10;
/** Milliseconds after which a datagram counts as lost. */
const PATIENCE = 1000;
const STREAMS = 100;

const CARRIERS = {
  "supports-unreliable": "over QUIC, from this browser as it is: it accepts the server’s certificate by its hash.",
  "reliable-only":
    "over a WebSocket (QMux), because QUIC did not get through: no datagram is lost, but each waits for those before it.",
};

const byId = (id) => document.getElementById(id);
const note = byId("session-note");
const count = (id, value) => {
  byId(`session-${id}`).textContent = value.toLocaleString("en");
};

export function startSession({ certificate }) {
  const open = byId("session-open");
  let session;
  open.disabled = false;
  open.addEventListener("click", async () => {
    if (session !== undefined) {
      session.close({ closeCode: 0, reason: "closed by the visitor" });
      return;
    }
    open.disabled = true;
    try {
      session = await connect(certificate);
      open.textContent = "Close the session";
      open.disabled = false;
      await use(session);
    } catch (error) {
      note.textContent = `The session ended: ${error.message}`;
    }
    session = undefined;
    open.disabled = false;
    open.textContent = "Open a session";
  });
}

async function connect(certificate) {
  const hash = Uint8Array.from(atob(certificate), (character) => character.charCodeAt(0));
  note.textContent = "Connecting …";
  const started = performance.now();
  const session = new WebTransport(new URL("/session", location.href), {
    serverCertificateHashes: [{ algorithm: "sha-256", value: hash }],
  });
  await session.ready;
  byId("inspector").open = true;
  const took = milliseconds(performance.now() - started);
  note.textContent = `Open after ${took}, ${CARRIERS[session.reliability]}`;
  return session;
}

/** Returns when the session has ended. */
async function use(session) {
  const streams = byId("session-streams");
  const onStreams = () => void send(session, streams);
  streams.disabled = false;
  streams.addEventListener("click", onStreams);
  const stop = exchangeDatagrams(session);
  try {
    const { closeCode, reason } = await session.closed;
    note.textContent = `Closed with code ${closeCode}${reason === "" ? "" : `: ${reason}`}.`;
  } finally {
    stop();
    streams.disabled = true;
    streams.removeEventListener("click", onStreams);
  }
}

/** Sends numbered datagrams, and draws how long each takes to come back. Returns a function that stops it. */
function exchangeDatagrams({ datagrams }) {
  const draw = chart("session", milliseconds);
  const waiting = new Map();
  let next = 0;
  let received = 0;
  let lost = 0;
  const writer = datagrams.createWritable().getWriter();
  const timer = setInterval(() => {
    const now = performance.now();
    for (const [number, sent] of waiting) {
      if (now - sent < PATIENCE) continue;
      waiting.delete(number);
      lost += 1;
    }
    waiting.set(next, now);
    writer.write(new Uint32Array([next])).catch(() => {});
    next += 1;
    count("sent", next);
    count("received", received);
    count("lost", lost);
    byId("session-lost").classList.toggle("lost", lost > 0);
  }, 1000 / RATE);
  const reader = datagrams.readable.getReader();
  const read = async () => {
    for (let result = await reader.read(); !result.done; result = await reader.read()) {
      const [number] = new Uint32Array(result.value.slice().buffer);
      const sent = waiting.get(number);
      if (!waiting.delete(number)) continue;
      received += 1;
      draw(performance.now() - sent);
    }
  };
  read().catch(() => {}); // the session has ended
  return () => clearInterval(timer);
}

/** Opens streams at once; each carries 10 kB to the server and back. */
async function send(session, button) {
  button.disabled = true;
  const started = performance.now();
  try {
    await Promise.all(Array.from({ length: STREAMS }, () => roundTrip(session)));
    const took = milliseconds(performance.now() - started);
    byId("session-result").textContent = took;
  } catch (error) {
    byId("session-result").textContent = error.message;
  }
  button.disabled = false;
}

async function roundTrip(session) {
  const { readable, writable } = await session.createBidirectionalStream();
  const writer = writable.getWriter();
  const sent = writer.write(new Uint8Array(10_000)).then(() => writer.close());
  const reader = readable.getReader();
  for (let result = await reader.read(); !result.done; result = await reader.read());
  await sent;
}
