/** quic-go's http3 package, with the file server and client in `quic-go/`. */

import { goProgram } from "../install/go.ts";
import type { Feature, PeerEntry } from "../peer.ts";
import { programClient, programServer } from "./program.ts";

// Go cannot select TLS 1.3 suites.
const SERVER_FEATURES: ReadonlySet<Feature> = new Set([
  "ecn",
  "certificates",
  "early-data",
  "hq-interop",
  "resumption",
  "retry",
]);
const CLIENT_FEATURES: ReadonlySet<Feature> = new Set([
  "ecn",
  "early-data",
  "hq-interop",
  "hybrid",
  "resumption",
  "retry",
]);

export const quicGo: PeerEntry = {
  name: "quic-go",
  about: "a file server and client of ours on its http3 package, Go's TLS",
  roles: ["server", "client"],
  async install(log) {
    const { path, version } = await goProgram("quic-go", "github.com/quic-go/quic-go", log);
    return {
      version,
      client: programClient([path], CLIENT_FEATURES),
      server: programServer([path], SERVER_FEATURES),
    };
  },
};
