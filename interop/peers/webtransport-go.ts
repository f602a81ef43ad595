/** webtransport-go, with the server and client in `webtransport-go/`. */

import { goProgram } from "../install/go.ts";
import type { PeerEntry } from "../peer.ts";
import { programSessions } from "./program.ts";

export const webTransportGo: PeerEntry = {
  name: "webtransport-go",
  about: "a server and client of ours on it and quic-go 0.63, Go's TLS",
  roles: ["server", "client"],
  async install(log) {
    const { path, version } = await goProgram("webtransport-go", "github.com/quic-go/webtransport-go", log);
    const { client, server } = programSessions([path]);
    return { version, webTransport: { client: { ...client, needsDraft15: true }, ...(server && { server }) } };
  },
};
