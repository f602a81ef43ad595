/** @moq/qmux, which has sessions over a WebSocket in both roles: the program `webtransport/moq-qmux.ts`. */

import { fileURLToPath } from "node:url";
import { npmPackage } from "../install/npm.ts";
import type { PeerEntry } from "../peer.ts";
import { isTcpBound } from "../port.ts";
import { programSessions } from "./program.ts";

const VERSION = "0.3.3";

export const moqQmux: PeerEntry = {
  name: "moq-qmux",
  about: "WebTransport over a WebSocket; a server and client of ours on the WebSocket of `ws`",
  roles: ["server", "client"],
  async install(log) {
    const modules = await npmPackage("moq-qmux", `@moq/qmux@${VERSION}`, log);
    const program = fileURLToPath(new URL("../webtransport/moq-qmux.js", import.meta.url));
    const command = [process.execPath, program, `--modules=${modules}`];
    return { version: VERSION, webTransport: programSessions(command, isTcpBound) };
  },
};
