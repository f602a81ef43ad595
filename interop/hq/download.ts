/** Our client over hq-interop, in a cell of the matrix. */

import { createHash } from "node:crypto";
import { systemEnvironment } from "../../src/host/quic/environment.ts";
import { versionTitle } from "../../src/host/quic/quic-options.ts";
import type { CellFolder } from "../cell.ts";
import { HOST } from "../certificates.ts";
import type { Download, Downloaded } from "../peer.ts";
import { hqDialer } from "./dial.ts";

export async function hqDownload(
  { port, paths }: Download,
  { identity, trace, signal }: CellFolder,
): Promise<Downloaded> {
  const address = { address: "127.0.0.1", family: 4 } as const;
  const session = await hqDialer({ environment: { ...systemEnvironment, trace } })({
    host: HOST,
    port,
    address,
    ca: [identity.ca],
    signal,
  });
  try {
    const sha256 = await Promise.all(paths.map((path) => digestOf(session.get(path))));
    return { sha256, protocol: "hq-interop", connections: 1, remark: versionTitle(session.connection.version) };
  } finally {
    await session.close();
  }
}

async function digestOf(content: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of content) hash.update(chunk);
  return hash.digest("hex");
}
