/** The common case: downloads files over one protocol, in either role, and compares every byte. */

import type { Case } from "../case.ts";
import type { CellFolder } from "../cell.ts";
import { ownDownload } from "../own-client.ts";
import { startOwnServer } from "../own-server.ts";
import type { Download, Downloaded, Feature, Peer, ProtocolName, Resumption, Version2 } from "../peer.ts";
import type { Role } from "../result.ts";
import type { Site } from "../site.ts";

export interface DownloadCase {
  readonly name: string;
  readonly protocol: ProtocolName;
  paths(site: Site): readonly string[];
  /** The feature that the peer needs. */
  readonly needs?: Feature;
  readonly roles?: readonly Role[];
  readonly retry?: true;
  readonly cipher?: "chacha20";
  readonly keyUpdate?: true;
  readonly version2?: Version2;
  readonly moves?: Download["moves"];
  readonly resume?: Resumption;
  /** The key exchange that our server must have used. */
  readonly group?: string;
}

export function downloadCase(options: DownloadCase): Case {
  const { name, needs, roles = ["server", "client"] } = options;
  return {
    name,
    roles,
    unsupported(peer, role) {
      const other = opposite(peer, role);
      if (other === undefined) return "the peer does not have this role";
      return needs === undefined || other.features.has(needs) ? undefined : `the peer does not support ${needs}`;
    },
    run: (peer, role, cell) => (role === "server" ? runOwnServer : runOwnClient)(options, peer, cell),
  };
}

const opposite = (peer: Peer, role: Role): { readonly features: ReadonlySet<Feature> } | undefined =>
  role === "server" ? peer.client : peer.server;

async function runOwnServer(options: DownloadCase, peer: Peer, cell: CellFolder): Promise<string> {
  const { version2, moves } = options;
  await using server = await startOwnServer(cell, {
    retry: options.retry === true,
    ...(version2 === "by upgrade" ? { quic: { versions: ["v2", "v1"] } } : {}),
  });
  const paths = options.paths(cell.site);
  const started = performance.now();
  const downloaded = await peer.client!.download(
    {
      port: server.port,
      paths,
      protocol: options.protocol,
      ...(options.cipher === undefined ? {} : { cipher: options.cipher }),
      ...(options.keyUpdate === undefined ? {} : { keyUpdate: options.keyUpdate }),
      ...(version2 === undefined ? {} : { version2 }),
      ...(moves === undefined ? {} : { moves }),
      ...(options.resume === undefined ? {} : { resume: options.resume }),
    },
    cell,
  );
  if (options.group !== undefined && server.seen.group !== options.group) {
    throw new Error(`the key exchange was ${server.seen.group} instead of ${options.group}`);
  }
  if (options.resume !== undefined && !server.seen.resumed) throw new Error("no connection resumed a session");
  if (options.resume === "early" && !server.seen.early) throw new Error("no request came in 0-RTT data");
  return checkDownload(options, paths, downloaded, performance.now() - started, cell);
}

async function runOwnClient(options: DownloadCase, peer: Peer, cell: CellFolder): Promise<string> {
  const { certFile, keyFile } = cell.identity;
  await using server = await peer.server!.start(
    {
      certFile,
      keyFile,
      ...(options.retry === undefined ? {} : { retry: options.retry }),
      ...(options.cipher === undefined ? {} : { cipher: options.cipher }),
      ...(options.version2 === "by upgrade" ? { prefersVersion2: true } : {}),
    },
    cell,
  );
  const paths = options.paths(cell.site);
  const started = performance.now();
  const downloaded = await ownDownload(
    {
      port: server.port,
      paths,
      protocol: options.protocol,
      ...(options.version2 === "from the start" ? { quic: { version: "v2" } } : {}),
      moves: options.moves !== undefined,
      resume: options.resume,
    },
    cell,
  );
  if (options.version2 !== undefined && downloaded.remark !== "version 2") {
    throw new Error(`the connection used ${downloaded.remark}`);
  }
  return checkDownload(options, paths, downloaded, performance.now() - started, cell);
}

function checkDownload(
  options: DownloadCase,
  paths: readonly string[],
  { sha256, protocol, connections, remark }: Downloaded,
  milliseconds: number,
  { site }: CellFolder,
): string {
  const different = paths.filter((path, i) => sha256[i] !== site.sha256.get(path));
  if (different.length > 0)
    throw new Error(`the content differs from what was served: ${different.slice(0, 3).join(", ")}`);
  if (protocol !== options.protocol) throw new Error(`transferred over ${protocol} instead of ${options.protocol}`);
  // HTTP/1.1 has no streams, so it needs several connections.
  if (options.protocol !== "http/1.1" && connections !== undefined && connections !== 1) {
    throw new Error(`${connections} connections instead of one`);
  }
  const what = paths.length === 1 ? "1 file" : `${paths.length} files`;
  return [`${what} over ${protocol}, identical`, remark, `${(milliseconds / 1000).toFixed(1)} s`]
    .filter((each) => each !== undefined)
    .join(", ");
}
