/** aioquic with its own HTTP/3: the program in `aioquic/`. */

import { pythonProgram } from "../install/python.ts";
import type { Causes, Feature, PeerEntry } from "../peer.ts";
import { programClient, programServer, programSessions } from "./program.ts";

const SERVER_CAUSES: Causes = {
  upgrade: "it follows the client's order of versions, in which ours puts the one that it starts with first",
};

const SERVER_FEATURES: ReadonlySet<Feature> = new Set([
  "certificates",
  "chacha20",
  "early-data",
  "hq-interop",
  "migration",
  "resumption",
  "retry",
  "version-2",
]);
// It has no hybrid key exchange.
const CLIENT_FEATURES: ReadonlySet<Feature> = new Set([
  "chacha20",
  "early-data",
  "hq-interop",
  "key-update",
  "migration",
  "resumption",
  "retry",
  "upgrade",
  "version-2",
]);

export const aioquic: PeerEntry = {
  name: "aioquic",
  about: "a file server and client of ours on its HTTP/3, Python",
  roles: ["server", "client"],
  async install(log) {
    const { command, version } = await pythonProgram("aioquic", log);
    return {
      version,
      client: programClient(command, CLIENT_FEATURES),
      server: programServer(command, SERVER_FEATURES, SERVER_CAUSES),
      webTransport: programSessions(command),
    };
  },
};
