/** A third party decrypts our traffic from a capture with our key log, down to HTTP/3 frames (RFC 9850). */

import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { captureRelay } from "../../src/host/udp/capturing-relay.ts";
import type { Case } from "../case.ts";
import type { CellFolder } from "../cell.ts";
import { ownDownload } from "../own-client.ts";
import { startOwnServer } from "../own-server.ts";
import type { Role } from "../result.ts";

/** RFC 9114 §7.2. */
const FRAMES = { DATA: 0, HEADERS: 1, SETTINGS: 4 } as const;

export const keylog: Case = {
  name: "keylog",
  shows:
    "SETTINGS, HEADERS and DATA frames decrypted from a capture with the key log (RFC 9850) of our server, and of our client",
  roles: ["server", "client"],
  isOursOnly: true,
  unsupported: ({ peer }) => (peer.reader === undefined ? "the peer does not read captures" : undefined),
  async run({ peer, role }, cell) {
    const keys = join(cell.directory, "keys");
    const capture = join(cell.directory, "capture.pcap");
    const port = await record(role, capture, (line) => appendFileSync(keys, `${line}\n`, { mode: 0o600 }), cell);
    const types = await peer.reader!.http3FrameTypes(capture, keys, port, cell);
    const missing = Object.entries(FRAMES).filter(([, type]) => !types.has(type));
    if (missing.length > 0) throw new Error(`no ${missing.map(([name]) => name).join(", ")} frame was decrypted`);
    return `${Object.keys(FRAMES).join(", ")} frames decrypted with the ${role}'s key log`;
  },
};

/**
 * Our client fetches a file from our server, and one of them logs its keys. Returns the server's port in the capture.
 */
async function record(
  role: Role,
  capture: string,
  onKeyLog: (line: string) => void,
  cell: CellFolder,
): Promise<number> {
  await using server = await startOwnServer(cell, role === "server" ? { onKeyLog } : {});
  await using relay = await captureRelay(server.port, capture);
  const request = { port: relay.port, paths: [cell.site.small], protocol: "h3" } as const;
  await ownDownload(role === "client" ? { ...request, onKeyLog } : request, cell);
  return server.port;
}
