/** The common case: downloads files over one protocol, in either role, and compares every byte. */

import { statSync } from "node:fs";
import { join } from "node:path";
import type { UdpRelayOptions } from "../../src/host/relay/options.ts";
import { startUdpRelay, type UdpRelay } from "../../src/host/relay/udp-relay.ts";
import type { Case } from "../case.ts";
import type { CellFolder } from "../cell.ts";
import type { LoopbackHost } from "../loopback.ts";
import type {
  ClientRole,
  Download,
  Downloaded,
  Feature,
  ProtocolName,
  Resumption,
  SeenClients,
  ServerRole,
  ServerSettings,
  Version2,
} from "../peer.ts";
import type { Role } from "../result.ts";
import type { Site } from "../site.ts";
import { Wire } from "../wire.ts";

export interface DownloadCase {
  readonly name: string;
  readonly shows: string;
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
  /** The key exchange that the server must have used, if it tells. */
  readonly group?: string;
  /** The address of both; IPv4 by default. */
  readonly host?: LoopbackHost;
  /** The server's chain does not fit into what it may send before the client's address is valid. */
  readonly longChain?: true;
  /** Downloads each file on a connection of its own. */
  readonly connects?: "for each";
  /** Handshakes may take longer than is normal. */
  readonly isLossy?: true;
  /** Between client and server; without it, they are connected directly. */
  readonly link?: Link;
  /** With a link: returns a remark, or throws if the link shows that the case failed. */
  check?(seen: Seen): string | undefined;
}

export type Link = Pick<UdpRelayOptions, "up" | "down" | "rebinding">;

/** What the link has seen; `role` is that of our side. */
export interface Seen {
  readonly role: Role;
  readonly wire: Wire;
  readonly relay: UdpRelay;
  readonly connections: number;
  /** The sizes of the files. */
  readonly bytes: number;
  /** The seconds that each connection took, if each file has one. */
  readonly seconds: readonly number[];
}

/** As in the public runner. */
const LOSSY_TIMEOUT = 300_000;

/** What both must support; of other features, one side shows that the other can do without them. */
const MUTUAL: ReadonlySet<Feature> = new Set([
  "early-data",
  "hq-interop",
  "migration",
  "resumption",
  "retry",
  "upgrade",
  "version-2",
]);

export function downloadCase(options: DownloadCase): Case {
  const { name, shows, needs, roles = ["server", "client"] } = options;
  return {
    name,
    shows,
    roles,
    ...(options.isLossy === undefined ? {} : { timeout: LOSSY_TIMEOUT }),
    unsupported({ side, peer, role }) {
      const [own, other] = role === "server" ? [side.server, peer.client] : [side.client, peer.server];
      const client = role === "server" ? peer.client : side.client;
      if (other === undefined) return "the peer does not have this role";
      if (own === undefined) return "our side does not have this role";
      if (needs === undefined) return undefined;
      if (needs === "key-update")
        return client!.features.has(needs) ? undefined : "the client cannot update its keys at will";
      if (needs === "chacha20" && own.features.has(needs)) return undefined; // one side with a single suite is enough
      if (!other.features.has(needs)) return other.causes?.[needs] ?? `the peer does not support ${needs}`;
      return MUTUAL.has(needs) && !own.features.has(needs) ? `our side does not support ${needs}` : undefined;
    },
    async run({ side, peer, role }, cell) {
      const [client, server] = role === "server" ? [peer.client!, side.server!] : [side.client!, peer.server!];
      await using running = await server.start(serverSettings(options, server, cell), cell);
      // Awaited here, because the server ends with this function.
      const verdict = await measured(options, role, running.port, cell, (port, paths) =>
        client.download(request(options, client, port, paths), cell),
      );
      if (running.seen !== undefined) checkSeen(options, running.seen);
      return verdict;
    },
  };
}

const serverSettings = (options: DownloadCase, { features }: ServerRole, { identity }: CellFolder): ServerSettings => {
  const { certFile, keyFile } = options.longChain === undefined ? identity : identity.longChain;
  return {
    certFile,
    keyFile,
    ...(options.host === undefined ? {} : { host: options.host }),
    ...(options.protocol === "hq-interop" ? { protocol: options.protocol } : {}),
    ...(options.retry === undefined ? {} : { retry: options.retry }),
    ...(options.version2 === "by upgrade" ? { prefersVersion2: true } : {}),
    ...(options.isLossy === undefined ? {} : { isLossy: options.isLossy }),
    // One side with a single suite is enough.
    ...(options.cipher !== undefined && features.has("chacha20") ? { cipher: options.cipher } : {}),
  };
};

const request = (
  options: DownloadCase,
  { features }: ClientRole,
  port: number,
  paths: readonly string[],
): Download => ({
  port,
  paths,
  protocol: options.protocol,
  ...(options.host === undefined ? {} : { host: options.host }),
  ...(options.version2 === undefined ? {} : { version2: options.version2 }),
  ...(options.moves === undefined ? {} : { moves: options.moves }),
  ...(options.resume === undefined ? {} : { resume: options.resume }),
  ...(options.isLossy === undefined ? {} : { isLossy: options.isLossy }),
  ...(options.cipher !== undefined && features.has("chacha20") ? { cipher: options.cipher } : {}),
  ...(options.keyUpdate !== undefined && features.has("key-update") ? { keyUpdate: options.keyUpdate } : {}),
});

function checkSeen({ group, resume }: DownloadCase, seen: SeenClients): void {
  if (group !== undefined && seen.group !== group) {
    throw new Error(`the key exchange was ${seen.group} instead of ${group}`);
  }
  if (resume !== undefined && !seen.resumed) throw new Error("no connection resumed a session");
  if (resume === "early" && !seen.early) throw new Error("no request came in 0-RTT data");
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
  const { seconds, ...downloaded } =
    options.connects === undefined
      ? { ...(await download(relay.port, paths)), seconds: [] }
      : await downloadEach(paths, (path) => download(relay.port, [path]));
  // The first of two gets the session that the second resumes.
  const connections = options.connects === undefined ? (options.resume === undefined ? 1 : 2) : paths.length;
  const bytes = paths.reduce((sum, path) => sum + statSync(join(cell.site.directory, path)).size, 0);
  if (wire.handshakes !== connections) throw new Error(`${wire.handshakes} handshakes instead of ${connections}`);
  const remark = options.check?.({ role, wire, relay, connections, bytes, seconds });
  const seen = [downloaded.remark, remark].filter((each) => each !== undefined).join(", ");
  return checkDownload(options, paths, { ...downloaded, remark: seen }, performance.now() - started, cell);
}

async function downloadEach(
  paths: readonly string[],
  download: (path: string) => Promise<Downloaded>,
): Promise<Downloaded & { readonly seconds: readonly number[] }> {
  const sha256: string[] = [];
  const seconds: number[] = [];
  let protocol: ProtocolName = "h3";
  const left = paths.entries();
  const work = async () => {
    for (const [index, path] of left) {
      const started = performance.now();
      const one = await download(path);
      seconds[index] = (performance.now() - started) / 1000;
      sha256[index] = one.sha256[0]!;
      protocol = one.protocol;
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
  return { sha256, protocol, seconds };
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
    .filter((each) => each !== undefined && each !== "")
    .join(", ");
}
