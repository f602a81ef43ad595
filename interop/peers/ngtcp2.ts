/** ngtcp2's example client and server, with GnuTLS: of Debian bookworm, and newer ones of Debian trixie. */

import { basename, join } from "node:path";
import { freePort } from "../../src/host/udp/free-port.ts";
import { HOST } from "../certificates.ts";
import { Child, runChild } from "../child.ts";
import { sha256Of } from "../digest.ts";
import { debianProgram, packageVersion } from "../install/debian.ts";
import { trixieCommand, trixieVersion } from "../install/trixie.ts";
import { LOOPBACK } from "../loopback.ts";
import type { ClientRole, Download, Feature, PeerEntry, ServerRole, ServerSettings } from "../peer.ts";
import { isUdpBound } from "../port.ts";

const CLIENT_FEATURES: ReadonlySet<Feature> = new Set([
  "ecn",
  "chacha20",
  "early-data",
  "key-update",
  "migration",
  "rebinding",
  "resumption",
  "retry",
]);
const SERVER_FEATURES: ReadonlySet<Feature> = new Set([
  "ecn",
  "certificates",
  "chacha20",
  "early-data",
  "migration",
  "resumption",
  "retry",
]);

const CHACHA20_ONLY = "--ciphers=NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+CHACHA20-POLY1305";

export const ngtcp2: PeerEntry = {
  name: "ngtcp2",
  about: "`gtlsclient` and `gtlsserver` of Debian bookworm: GnuTLS",
  roles: ["server", "client"],
  async install(log) {
    const client = await debianProgram("gtlsclient", "ngtcp2-client", log);
    const server = await debianProgram("gtlsserver", "ngtcp2-server", log);
    return {
      version: await packageVersion("ngtcp2-client"),
      client: clientRole([client], CLIENT_FEATURES),
      server: serverRole([server], SERVER_FEATURES),
    };
  },
};

/** Knows version 2 as RFC 9369 has it; the older one knows a draft. */
export const newNgtcp2: PeerEntry = {
  name: "ngtcp2-new",
  about: "the same of Debian trixie",
  roles: ["server", "client"],
  async install(log) {
    const client = await trixieCommand("usr/bin/gtlsclient", log);
    const server = await trixieCommand("usr/sbin/gtlsserver", log);
    return {
      version: await trixieVersion("ngtcp2-client"),
      client: clientRole(client, new Set([...CLIENT_FEATURES, "upgrade", "version-2"])),
      server: serverRole(server, new Set([...SERVER_FEATURES, "upgrade", "version-2"])),
    };
  },
};

/** A handshake may take ten seconds by default. */
const timeouts = ({ isLossy }: Download | ServerSettings): readonly string[] =>
  isLossy === true ? ["--timeout=290s", "--handshake-timeout=290s"] : ["--timeout=30s"];

/** What the log of every packet must show. It is expensive, so it is enabled only for these cases. */
function evidenceOf({ keyUpdate, version2, moves }: Download): RegExp | undefined {
  if (keyUpdate === true) return /key update confirmed/i;
  if (version2 !== undefined) return /negotiated version is 0x6b3343cf/;
  if (moves === "on purpose") return /tx .*PATH_CHALLENGE/;
  return moves === "behind a NAT" ? /rx .*PATH_CHALLENGE/ : undefined;
}

const versionOptions = ({ version2 }: Download): readonly string[] => {
  if (version2 === undefined) return [];
  return version2 === "from the start" ? ["--version=v2"] : ["--version=v1", "--available-versions=v1,v2"];
};

const clientRole = (command: readonly string[], features: ReadonlySet<Feature>): ClientRole => ({
  features,
  async download(request, cell) {
    const urls = request.paths.map((each) => `https://${HOST}:${request.port}${each}`);
    const evidence = evidenceOf(request);
    const kept = ["session", "tp", "token"].map((name) => `--${name}-file=${join(cell.directory, `${name}.kept`)}`);
    const run = () =>
      runChild(
        [
          ...command,
          ...(evidence === undefined ? ["--quiet"] : ["--no-quic-dump", "--no-http-dump"]),
          ...(request.cipher === "chacha20" ? [CHACHA20_ONLY] : []),
          ...(request.keyUpdate === true ? ["--key-update=1ms"] : []),
          ...(request.resume === undefined ? [] : kept),
          ...(request.resume === "session" ? ["--disable-early-data"] : []),
          ...versionOptions(request),
          ...(request.moves === undefined ? [] : ["--change-local-addr=2ms"]),
          // A client that only receives would be unreachable at its new address, so the request follows the change.
          ...(request.moves === "behind a NAT" ? ["--nat-rebinding", "--delay-stream=100ms"] : []),
          ...timeouts(request),
          ...["--exit-on-all-streams-close", `--sni=${HOST}`, `--download=${cell.directory}`],
          ...[request.host ?? LOOPBACK, `${request.port}`, ...urls],
        ],
        { signal: cell.signal },
      );
    if (request.resume !== undefined) await run();
    const { stdout, stderr } = await run();
    const seen = evidence?.exec(stdout + stderr)?.[0];
    if (evidence !== undefined && seen === undefined) throw new Error(`gtlsclient's log has no "${evidence.source}"`);
    const files = request.paths.map((each) => join(cell.directory, basename(each)));
    return {
      sha256: await Promise.all(files.map(sha256Of)),
      protocol: "h3",
      connections: 1,
      ...(seen === undefined ? {} : { remark: seen }),
    };
  },
});

const serverRole = (command: readonly string[], features: ReadonlySet<Feature>): ServerRole => ({
  features,
  async start(settings, cell) {
    const port = await freePort();
    const child = new Child(
      [
        ...command,
        ...["--quiet", `--htdocs=${cell.site.directory}`, ...timeouts(settings)],
        ...(settings.retry === true ? ["--validate-addr"] : []),
        ...(settings.cipher === "chacha20" ? [CHACHA20_ONLY] : []),
        ...(settings.prefersVersion2 === true ? ["--preferred-versions=v2,v1"] : []),
        ...[settings.host ?? LOOPBACK, `${port}`, settings.keyFile, settings.certFile],
      ],
      { signal: cell.signal },
    );
    await child.until(() => isUdpBound(port), cell.signal);
    return { port, pid: child.pid, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
  },
});
