// Draws a QUIC connection's figures as the server samples them.
import { chart } from "./chart.js";
import { bytes, milliseconds } from "./units.js";

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
