/** Our client with default settings. It trusts the run's authority and resolves peer.test to loopback. */

import { createHash } from "node:crypto";
import { createClient, type QuicClientOptions } from "../src/client/index.ts";
import { createHttp3Connector } from "../src/host/client/h3-connector.ts";
import type { Http3Connector } from "../src/host/client/http3.ts";
import type { CellFolder } from "./cell.ts";
import { HOST } from "./certificates.ts";
import { hqDownload } from "./hq/download.ts";
import type { Download, Downloaded, HttpName, ProtocolName } from "./peer.ts";

export interface OwnDownload extends Download {
  readonly onKeyLog?: (line: string) => void;
}

export async function ownDownload(request: OwnDownload, cell: CellFolder): Promise<Downloaded> {
  if (request.protocol === "hq-interop") return hqDownload(request, cell);
  const downloaded = await downloadOnceOrTwice(request, cell);
  if (request.version2 !== undefined && downloaded.remark !== "version 2") {
    throw new Error(`the connection used ${downloaded.remark}`);
  }
  return downloaded;
}

const quicOptions = ({ version2 }: Download): QuicClientOptions | undefined =>
  version2 === "from the start" ? { version: "v2" } : undefined;

async function downloadOnceOrTwice(request: OwnDownload, cell: CellFolder): Promise<Downloaded> {
  if (request.resume === undefined) return (await download(request, cell, undefined)).downloaded;
  // The two clients share their sessions.
  const http3 = createHttp3Connector(undefined, quicOptions(request));
  await download(request, cell, http3);
  const { downloaded, details } = await download(request, cell, http3);
  if (details.session !== "resumed") throw new Error("the session was not resumed");
  const early = details["early data"] === "accepted";
  if (request.resume === "early" && !early) throw new Error("the early data was not accepted");
  return { ...downloaded, remark: early ? "0-RTT accepted" : "session resumed" };
}

async function download(request: OwnDownload, cell: CellFolder, http3: Http3Connector | undefined) {
  await using client = createClient({
    protocols: [request.protocol as HttpName],
    ca: cell.identity.ca,
    resolve: () => ["127.0.0.1"],
    keylog: request.onKeyLog,
    quic: quicOptions(request),
    earlyData: request.resume === "early",
    http3,
    // The cell has the limit.
    connectTimeout: 0,
    // Cases count connections, and a second one is legitimate after three lost probes.
    replaceSilent: false,
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
        if (isFirst && request.moves !== undefined)
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
