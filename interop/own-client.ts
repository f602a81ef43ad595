/** Our client, as it comes: it trusts the run's authority and finds peer.test on loopback. */

import { createHash } from "node:crypto";
import { createClient } from "../src/client/index.ts";
import type { CellFolder } from "./cell.ts";
import { HOST } from "./certificates.ts";
import type { Downloaded, ProtocolName } from "./peer.ts";

export interface OwnDownload {
  readonly port: number;
  readonly paths: readonly string[];
  readonly protocol: ProtocolName;
  readonly onKeyLog?: (line: string) => void;
}

export async function ownDownload(ask: OwnDownload, cell: CellFolder): Promise<Downloaded> {
  await using client = createClient({
    protocols: [ask.protocol],
    ca: cell.identity.ca,
    resolve: () => ["127.0.0.1"],
    keylog: ask.onKeyLog,
  });
  const spoken = new Set<string>();
  const sha256 = await Promise.all(
    ask.paths.map(async (path) => {
      const response = await client.fetch(`https://${HOST}:${ask.port}${path}`, { signal: cell.signal });
      if (response.status !== 200) throw new Error(`status ${response.status} for ${path}`);
      spoken.add(client.facts(response)!.protocol);
      const hash = createHash("sha256");
      for await (const chunk of response.body!) hash.update(chunk);
      return hash.digest("hex");
    }),
  );
  const connections = client.connections().length;
  return { sha256, protocol: [...spoken].join(" and ") as ProtocolName, connections };
}
