/** Our client with default settings. It trusts the run's authority and resolves peer.test to loopback. */

import { createHash } from "node:crypto";
import { createClient } from "../src/client/index.ts";
import { createHttp3Connector, type QuicDialerOptions } from "../src/host/client/h3-connector.ts";
import type { Http3Connector } from "../src/host/client/http3.ts";
import { systemEnvironment } from "../src/host/quic/environment.ts";
import { type TraceConnection, traceAll } from "../src/host/quic/tracing.ts";
import type { CellFolder } from "./cell.ts";
import { HOST } from "./certificates.ts";
import { hqDownload } from "./hq/download.ts";
import { LOOPBACK } from "./loopback.ts";
import { type Download, type Downloaded, type HttpName, LOSSY_IDLE, type ProtocolName } from "./peer.ts";

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

/** Packets, so that an update is early in the download. */
const KEY_UPDATE_AFTER = 5;

const CHACHA20 = "TLS_CHACHA20_POLY1305_SHA256";

const quicOptions = ({ version2, cipher, keyUpdate, isLossy }: Download): QuicDialerOptions => ({
  ...(isLossy === undefined ? {} : { idleTimeout: LOSSY_IDLE }),
  ...(version2 === "from the start" ? { version: "v2" } : {}),
  ...(cipher === undefined ? {} : { cipherSuites: [CHACHA20] }),
  ...(keyUpdate === undefined ? {} : { keyUpdateAfter: KEY_UPDATE_AFTER }),
});

async function downloadOnceOrTwice(request: OwnDownload, cell: CellFolder): Promise<Downloaded> {
  const phases = new KeyPhases();
  // The clients of a cell share their sessions.
  const http3 = createHttp3Connector(
    { ...systemEnvironment, trace: traceAll([phases.trace, cell.trace]) },
    quicOptions(request),
  );
  const { downloaded, details } = await download(request, cell, http3);
  if (request.cipher !== undefined && details.cipher !== CHACHA20) throw new Error(`the cipher was ${details.cipher}`);
  if (request.keyUpdate !== undefined) return { ...downloaded, remark: phases.check() };
  if (request.resume === undefined) return downloaded;
  const second = await download(request, cell, http3);
  if (second.details.session !== "resumed") throw new Error("the session was not resumed");
  const early = second.details["early data"] === "accepted";
  if (request.resume === "early" && !early) throw new Error("the early data was not accepted");
  return { ...second.downloaded, remark: early ? "0-RTT accepted" : "session resumed" };
}

/** Sees which key phases both sides use (RFC 9001 §6). */
class KeyPhases {
  #sent = 0;
  #received = 0;

  readonly trace: TraceConnection = () => (event) => {
    if (event.type === "quic:packet-sent") this.#sent += event.header.keyPhase;
    if (event.type === "quic:packet-received") this.#received += event.header.keyPhase;
  };

  check(): string {
    if (this.#sent === 0) throw new Error("our client did not update its keys");
    if (this.#received === 0) throw new Error("the server did not follow the key update");
    return `${this.#received} packets received in the second key phase`;
  }
}

async function download(request: OwnDownload, cell: CellFolder, http3: Http3Connector) {
  await using client = createClient({
    protocols: [request.protocol as HttpName],
    ca: cell.identity.ca,
    resolve: () => [request.host ?? LOOPBACK],
    keylog: request.onKeyLog,
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
