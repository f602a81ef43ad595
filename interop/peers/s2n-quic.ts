/** s2n-quic with the h3 crate, on rustls: the program in `s2n-quic/`. */

import { rustProgram } from "../install/rust.ts";
import type { Causes, Feature, PeerEntry } from "../peer.ts";
import { programClient, programServer } from "./program.ts";

// It has version 1 only, and neither 0-RTT nor key updates on request.
const SERVER_FEATURES: ReadonlySet<Feature> = new Set([
  "ecn",
  "certificates",
  "chacha20",
  "hq-interop",
  "migration",
  "retry",
]);
const CLIENT_FEATURES: ReadonlySet<Feature> = new Set(["ecn", "chacha20", "hq-interop", "hybrid", "retry"]);

const CAUSES: Causes = {
  resumption: "with rustls it passes on no session tickets, as clients of quic-go and aioquic show too",
};

export const s2nQuic: PeerEntry = {
  name: "s2n-quic",
  about: "a file server and client of ours on s2n-quic and the h3 crate, rustls",
  roles: ["server", "client"],
  async install(log) {
    const { path, version } = await rustProgram("s2n-quic", ["h3-files"], log);
    return {
      version,
      client: programClient([path], CLIENT_FEATURES, { causes: CAUSES }),
      server: programServer([path], SERVER_FEATURES, CAUSES),
    };
  },
};
