/** Our client with default settings. It trusts the run's authority and resolves peer.test to loopback. */

import { createHash } from "node:crypto";
import { createClient, type QuicClientOptions } from "../src/client/index.ts";
import { createHttp3Connector } from "../src/host/client/h3-connector.ts";
import type { Http3Connector } from "../src/host/client/http3.ts";
import type { CellFolder } from "./cell.ts";
import { HOST } from "./certificates.ts";
import type { Downloaded, ProtocolName, Resumption } from "./peer.ts";

export interface OwnDownload {
  readonly port: number;
  readonly paths: readonly string[];
  readonly protocol: ProtocolName;
  readonly onKeyLog?: (line: string) => void;
  readonly quic?: QuicClientOptions;
  /** Moves the connection to another port, and to 127.0.0.2, during the download. */
  readonly moves?: boolean;
  readonly resume?: Resumption | undefined;
}

export async function ownDownload(request: OwnDownload, cell: CellFolder): Promise<Downloaded> {
  if (request.resume === undefined) {
    return (await download(request, cell, singleConnector(request.quic))).downloaded;
  }
  // The two clients share their sessions.
  const http3 = createHttp3Connector(undefined, request.quic);
  await download(request, cell, http3);
  const { downloaded, details } = await download(request, cell, http3);
  if (details.session !== "resumed") throw new Error("the session was not resumed");
  const early = details["early data"] === "accepted";
  if (request.resume === "early" && !early) throw new Error("the early data was not accepted");
  return { ...downloaded, remark: early ? "0-RTT accepted" : "session resumed" };
}

/** Does not try another connection beside one that is silent for a moment: the public runner's cases count handshakes. */
function singleConnector(quic: QuicClientOptions | undefined): Http3Connector {
  const connector = createHttp3Connector(undefined, quic);
  let isUsed = false;
  return {
    ...connector,
    connect: async (origin, options) => {
      if (isUsed) throw new Error("there is one connection already");
      isUsed = true;
      return connector.connect(origin, options);
    },
  };
}

async function download(request: OwnDownload, cell: CellFolder, http3: Http3Connector | undefined) {
  await using client = createClient({
    protocols: [request.protocol],
    ca: cell.identity.ca,
    resolve: () => ["127.0.0.1"],
    keylog: request.onKeyLog,
    quic: request.quic,
    earlyData: request.resume === "early",
    http3,
    // The cell has the limit.
    connectTimeout: 0,
  });
  const spoken = new Set<string>();
  const remarks = new Set<string | number | undefined>();
  let details: Readonly<Record<string, string | number>> = {};
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
      details = client.facts(response)!.stats().details;
      remarks.add(details.quic);
      return hash.digest("hex");
    }),
  );
  const connections = client.connections().length;
  const downloaded: Downloaded = {
    sha256,
    protocol: [...spoken].join(" and ") as ProtocolName,
    connections,
    remark: [...remarks].join(" and "),
  };
  return { downloaded, details };
}
