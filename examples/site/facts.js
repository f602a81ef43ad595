// Which protocol carried this page, according to the server and to the browser.
import { milliseconds, PROTOCOLS } from "./units.js";

/** The server's view of this page's connection; undefined if only files are served. */
export async function startFacts() {
  const [navigation] = performance.getEntriesByType("navigation");
  const seen = navigation?.nextHopProtocol ?? "";
  const connection = await ask("/api/connection");
  const root = document.documentElement;
  if (root.dataset.protocol === "unknown" && seen in PROTOCOLS) root.dataset.protocol = seen;
  if (connection === undefined) return undefined;

  document.getElementById("browser-command").textContent = connection.browser;
  if (connection.stats !== null) {
    const { handshake, rtt, group, cipherSuite } = connection.stats;
    show("handshake", milliseconds(handshake));
    show("rtt", milliseconds(rtt));
    show("group", group);
    show("cipherSuite", cipherSuite.replace(/^TLS_/, "").replaceAll("_", " "));
  }
  document.getElementById("agreement").textContent = agreement(seen);
  return connection;
}

/** The browser's view of the page and its resources. */
function agreement(seen) {
  if (seen === "") return "";
  const files = performance.getEntriesByType("resource").filter(({ nextHopProtocol }) => nextHopProtocol !== "");
  const same = files.filter(({ nextHopProtocol }) => nextHopProtocol === seen).length;
  const name = PROTOCOLS[seen] ?? seen;
  return `Your browser agrees: the page arrived over ${name}, and so did ${same} of its ${files.length} files.`;
}

function show(name, text) {
  document.querySelector(`[data-fact="${name}"]`).textContent = text;
}

async function ask(path) {
  try {
    const response = await fetch(path);
    return response.ok ? await response.json() : undefined;
  } catch {
    return undefined;
  }
}
