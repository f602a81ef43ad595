/** Bun, whose server and fetch have HTTP/3 of their own: the program in `bun/`. */

import { join } from "node:path";
import { peerSource } from "../install/build.ts";
import { exists } from "../install/debian.ts";
import { npmPackage } from "../install/npm.ts";
import type { Causes, Feature, PeerEntry } from "../peer.ts";
import { Skip } from "../result.ts";
import { programClient, programServer } from "./program.ts";

const VERSION = "1.4.5";

// Its options concern HTTP, not QUIC.
const SERVER_FEATURES: ReadonlySet<Feature> = new Set(["certificates", "h2", "http/1.1", "upgrade"]);
const CLIENT_FEATURES: ReadonlySet<Feature> = new Set(["hybrid", "retry"]);

const SERVER_CAUSES: Causes = {
  "version-2":
    "it sends no version_information to a client that starts with version 2, against RFC 9369 §4, as gtlsclient's log shows too",
  resumption:
    "it converts each connection to version 2, whose sessions a client that starts with version 1 cannot use (RFC 9369 §5)",
};

export const bun: PeerEntry = {
  name: "bun",
  about: "a file server and client of ours on its `serve` and `fetch`; its HTTP/3 is in C",
  roles: ["server", "client"],
  async install(log) {
    const modules = await npmPackage("bun", `bun@${VERSION}`, log);
    const program = `bun-${process.platform}-${process.arch === "arm64" ? "aarch64" : process.arch}`;
    const path = join(modules, "@oven", program, "bin/bun");
    if (!(await exists(path))) throw new Skip(`bun has no program for ${process.platform} on ${process.arch}`);
    const command = [path, join(peerSource("bun"), "main.js")];
    return {
      version: VERSION,
      client: programClient(command, CLIENT_FEATURES, {
        environment: ({ identity }) => ({ NODE_EXTRA_CA_CERTS: identity.caFile }),
      }),
      server: programServer(command, SERVER_FEATURES, SERVER_CAUSES),
    };
  },
};
