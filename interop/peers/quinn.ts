/** quinn with the h3 crate, on rustls: the program in `quinn/`. */

import { rustProgram } from "../install/rust.ts";
import type { Feature, PeerEntry } from "../peer.ts";
import { programClient, programServer } from "./program.ts";

// It has version 1 only.
const SERVER_FEATURES: ReadonlySet<Feature> = new Set([
  "ecn",
  "certificates",
  "chacha20",
  "early-data",
  "hq-interop",
  "migration",
  "resumption",
  "retry",
]);
const CLIENT_FEATURES: ReadonlySet<Feature> = new Set([
  "ecn",
  "chacha20",
  "early-data",
  "hq-interop",
  "hybrid",
  "key-update",
  "migration",
  "resumption",
  "retry",
]);

export const quinn: PeerEntry = {
  name: "quinn",
  about: "a file server and client of ours on quinn and the h3 crate, rustls",
  roles: ["server", "client"],
  async install(log) {
    const { path, version } = await rustProgram("quinn", ["h3-files"], log);
    return {
      version,
      client: programClient([path], CLIENT_FEATURES),
      server: programServer([path], SERVER_FEATURES),
    };
  },
};
