/** The common case: downloads files over one protocol, in either role, and compares every byte. */

import { statSync } from "node:fs";
import { join } from "node:path";
import type { UdpRelayOptions } from "../../src/host/relay/options.ts";
import { startUdpRelay, type UdpRelay } from "../../src/host/relay/udp-relay.ts";
import type { Case } from "../case.ts";
import type { CellFolder } from "../cell.ts";
import { ownDownload } from "../own-client.ts";
import { startOwnServer } from "../own-server.ts";
import type {
  ClientRole,
  Download,
  Downloaded,
  Feature,
  Peer,
  ProtocolName,
  Resumption,
  ServerRole,
  Version2,
} from "../peer.ts";
import type { Role } from "../result.ts";
import type { Site } from "../site.ts";
import { Wire } from "../wire.ts";

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
  /** The server's chain does not fit into what it may send before the client's address is valid. */
  readonly longChain?: true;
  /** Downloads each file on a connection of its own. */
  readonly connects?: "for each";
  /** Between client and server; without it, they are connected directly. */
  readonly link?: Link;
  /** With a link: returns a remark, or throws if the link shows that the case failed. */
  check?(seen: Seen): string | undefined;
}

export type Link = Pick<UdpRelayOptions, "up" | "down" | "rebinding">;

/** What the link has seen; `role` is ours. */
export interface Seen {
  readonly role: Role;
  readonly wire: Wire;
  readonly relay: UdpRelay;
  readonly connections: number;
  /** The sizes of the files. */
  readonly bytes: number;
}

export function downloadCase(options: DownloadCase): Case {
  const { name, needs, roles = ["server", "client"] } = options;
  return {
    name,
    roles,
    unsupported(peer, role) {
      const other = opposite(peer, role);
      if (other === undefined) return "the peer does not have this role";
      if (needs === undefined || other.features.has(needs)) return undefined;
      return other.causes?.[needs] ?? `the peer does not support ${needs}`;
    },
    run: (peer, role, cell) => (role === "server" ? runOwnServer : runOwnClient)(options, peer, cell),
  };
}

const opposite = (peer: Peer, role: Role): ClientRole | ServerRole | undefined =>
  role === "server" ? peer.client : peer.server;

async function runOwnServer(options: DownloadCase, peer: Peer, cell: CellFolder): Promise<string> {
  const { version2, moves } = options;
  await using server = await startOwnServer(cell, {
    retry: options.retry === true,
    quic: {
      ...(version2 === "by upgrade" ? { versions: ["v2", "v1"] } : {}),
      // As long as the cell may take: with heavy loss, a handshake may take longer than the default allows.
      ...(options.link === undefined ? {} : { handshakeTimeout: 0 }),
    },
    ...(options.longChain === undefined ? {} : { identity: cell.identity.longChain.identity }),
  });
  const verdict = await measured(options, "server", server.port, cell, (port, paths) =>
    peer.client!.download(
      {
        port,
        paths,
        protocol: options.protocol,
        ...(options.cipher === undefined ? {} : { cipher: options.cipher }),
        ...(options.keyUpdate === undefined ? {} : { keyUpdate: options.keyUpdate }),
        ...(version2 === undefined ? {} : { version2 }),
        ...(moves === undefined ? {} : { moves }),
        ...(options.resume === undefined ? {} : { resume: options.resume }),
      },
      cell,
    ),
  );
  if (options.group !== undefined && server.seen.group !== options.group) {
    throw new Error(`the key exchange was ${server.seen.group} instead of ${options.group}`);
  }
  if (options.resume !== undefined && !server.seen.resumed) throw new Error("no connection resumed a session");
  if (options.resume === "early" && !server.seen.early) throw new Error("no request came in 0-RTT data");
  return verdict;
}

async function runOwnClient(options: DownloadCase, peer: Peer, cell: CellFolder): Promise<string> {
  const { certFile, keyFile } = options.longChain === undefined ? cell.identity : cell.identity.longChain;
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
  return await measured(options, "client", server.port, cell, async (port, paths) => {
    const downloaded = await ownDownload(
      {
        port,
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
    return downloaded;
  });
}

/** As many connections at a time, if each file has one. */
const PARALLEL = 10;

/** Downloads all files, over the case's link if it has one, and checks everything that both show. */
async function measured(
  options: DownloadCase,
  role: Role,
  serverPort: number,
  cell: CellFolder,
  download: (port: number, paths: readonly string[]) => Promise<Downloaded>,
): Promise<string> {
  const paths = options.paths(cell.site);
  const started = performance.now();
  if (options.link === undefined) {
    return checkDownload(options, paths, await download(serverPort, paths), performance.now() - started, cell);
  }
  const wire = new Wire();
  const server = { host: "127.0.0.1", port: serverPort };
  await using relay = await startUdpRelay({ server, ...options.link, observe: wire.observe });
  const downloaded =
    options.connects === undefined
      ? await download(relay.port, paths)
      : await downloadEach(paths, (path) => download(relay.port, [path]));
  const connections = options.connects === undefined ? 1 : paths.length;
  const bytes = paths.reduce((sum, path) => sum + statSync(join(cell.site.directory, path)).size, 0);
  if (wire.handshakes !== connections) throw new Error(`${wire.handshakes} handshakes instead of ${connections}`);
  const remark = options.check?.({ role, wire, relay, connections, bytes });
  const seen = [downloaded.remark, remark].filter((each) => each !== undefined).join(", ");
  return checkDownload(options, paths, { ...downloaded, remark: seen }, performance.now() - started, cell);
}

async function downloadEach(
  paths: readonly string[],
  download: (path: string) => Promise<Downloaded>,
): Promise<Downloaded> {
  const sha256: string[] = [];
  let protocol: ProtocolName = "h3";
  const left = paths.entries();
  const work = async () => {
    for (const [index, path] of left) {
      const one = await download(path);
      sha256[index] = one.sha256[0]!;
      protocol = one.protocol;
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
  return { sha256, protocol };
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
