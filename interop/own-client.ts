/** Our client with default settings. It trusts the run's authority and resolves peer.test to loopback. */

import { createHash } from "node:crypto";
import { createClient, type QuicClientOptions } from "../src/client/index.ts";
import type { CellFolder } from "./cell.ts";
import { HOST } from "./certificates.ts";
import type { Downloaded, ProtocolName } from "./peer.ts";

export interface OwnDownload {
  readonly port: number;
  readonly paths: readonly string[];
  readonly protocol: ProtocolName;
  readonly onKeyLog?: (line: string) => void;
  readonly quic?: QuicClientOptions;
  /** Moves the connection to another port, and to 127.0.0.2, during the download. */
  readonly moves?: boolean;
}

export async function ownDownload(request: OwnDownload, cell: CellFolder): Promise<Downloaded> {
  await using client = createClient({
    protocols: [request.protocol],
    ca: cell.identity.ca,
    resolve: () => ["127.0.0.1"],
    keylog: request.onKeyLog,
    quic: request.quic,
  });
  const spoken = new Set<string>();
  const remarks = new Set<string | number | undefined>();
  const sha256 = await Promise.all(
    request.paths.map(async (path) => {
      const response = await client.fetch(`https://${HOST}:${request.port}${path}`, { signal: cell.signal });
      if (response.status !== 200) throw new Error(`status ${response.status} for ${path}`);
      spoken.add(client.facts(response)!.protocol);
      const hash = createHash("sha256");
      let isFirst = true;
      for await (const chunk of response.body!) {
        hash.update(chunk);
        if (isFirst && request.moves === true)
          for (const to of [{}, { local: "127.0.0.2" }]) await client.connections()[0]!.migrate!(to);
        isFirst = false;
      }
      remarks.add(client.facts(response)!.stats().details.quic);
      return hash.digest("hex");
    }),
  );
  const connections = client.connections().length;
  return {
    sha256,
    protocol: [...spoken].join(" and ") as ProtocolName,
    connections,
    remark: [...remarks].join(" and "),
  };
}
