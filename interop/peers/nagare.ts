/** Ourselves, with default settings: the usual side of the matrix, and its own peer. */

import { readFileSync } from "node:fs";
import { loadIdentityFiles } from "../../src/host/certificates/identity.ts";
import { ownDownload } from "../own-client.ts";
import { startOwnServer } from "../own-server.ts";
import { type ClientRole, type Feature, LOSSY_IDLE, type Peer, type PeerEntry, type ServerRole } from "../peer.ts";
import { ownSessions } from "../webtransport/own.ts";

const client: ClientRole = {
  features: new Set<Feature>([
    "ecn",
    "chacha20",
    "early-data",
    "h2",
    "hq-interop",
    "http/1.1",
    "key-update",
    "migration",
    "resumption",
    "retry",
    "upgrade",
    "version-2",
  ]),
  download: ownDownload,
};

const server: ServerRole = {
  features: new Set<Feature>([
    "ecn",
    "certificates",
    "early-data",
    "h2",
    "hq-interop",
    "http/1.1",
    "migration",
    "rebinding",
    "resumption",
    "retry",
    "upgrade",
    "version-2",
  ]),
  async start({ host, protocol, retry, prefersVersion2, isLossy, ...files }, cell) {
    return await startOwnServer(cell, {
      // An expired one is a case of its own.
      identity: await loadIdentityFiles(files, { ignoreValidity: true }),
      ...(host === undefined ? {} : { host }),
      hq: protocol === "hq-interop",
      retry: retry === true,
      // A response may wait for several doubled probe timeouts.
      ...(isLossy === true ? { stallTimeout: LOSSY_IDLE } : {}),
      quic: {
        ...(prefersVersion2 === true ? { versions: ["v2", "v1"] } : {}),
        ...(isLossy === true ? { handshakeTimeout: 0, idleTimeout: LOSSY_IDLE } : {}),
      },
    });
  },
};

/** From dist-tools/interop/peers. */
const manifest = new URL("../../../package.json", import.meta.url);

export const ourselves = (): Peer => ({
  version: (JSON.parse(readFileSync(manifest, "utf8")) as { readonly version: string }).version,
  client,
  server,
  webTransport: ownSessions,
});

export const nagare: PeerEntry = {
  name: "nagare",
  about: "ourselves",
  roles: ["server", "client"],
  install: async () => ourselves(),
};
