/** HAProxy with its own QUIC, from Debian trixie, in front of our server over HTTP/1.1. */

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "../../src/host/udp/free-port.ts";
import { Child } from "../child.ts";
import { versionOf } from "../install/debian.ts";
import { trixieCommand } from "../install/trixie.ts";
import { LOOPBACK } from "../loopback.ts";
import { startOwnServer } from "../own-server.ts";
import type { Feature, PeerEntry, ServerRole, ServerSettings } from "../peer.ts";
import { isUdpBound } from "../port.ts";

const FEATURES: ReadonlySet<Feature> = new Set(["certificates", "chacha20", "h2", "http/1.1", "retry"]);

export const haproxy: PeerEntry = {
  name: "haproxy",
  about: "its own, OpenSSL; as a proxy for our server",
  roles: ["client"],
  async install(log) {
    const command = await trixieCommand("usr/sbin/haproxy", log);
    return { version: await versionOf([...command, "-v"]), server: serverRole(command) };
  },
};

const serverRole = (command: readonly string[]): ServerRole => ({
  features: FEATURES,
  async start(settings, cell) {
    const origin = await startOwnServer(cell);
    const port = await freePort();
    const both = join(cell.directory, "haproxy.pem");
    await writeFile(both, (await readFile(settings.certFile, "utf8")) + (await readFile(settings.keyFile, "utf8")));
    const file = join(cell.directory, "haproxy.cfg");
    await writeFile(file, configuration(port, both, origin.port, settings));
    const child = new Child([...command, "-db", "-f", file], { signal: cell.signal });
    await child.until(() => isUdpBound(port), cell.signal);
    return {
      port,
      pid: child.pid,
      async [Symbol.asyncDispose]() {
        await child[Symbol.asyncDispose]();
        await origin[Symbol.asyncDispose]();
      },
    };
  },
});

const configuration = (
  port: number,
  both: string,
  origin: number,
  { host = LOOPBACK, cipher, retry }: ServerSettings,
): string => {
  const tls = `ssl crt ${both}${cipher === undefined ? "" : " ciphersuites TLS_CHACHA20_POLY1305_SHA256"}`;
  return `
global
  # The TLS library of Debian has no interface for QUIC; this build does with what it has.
  limited-quic
defaults
  mode http
  timeout connect 10s
  timeout client 170s
  timeout server 170s
frontend front
  bind ${host === LOOPBACK ? "quic4" : "quic6"}@${host}:${port} ${tls} alpn h3${retry === true ? " quic-force-retry" : ""}
  bind ${host}:${port} ${tls} alpn h2,http/1.1
  default_backend back
backend back
  server origin 127.0.0.1:${origin} ssl verify none alpn http/1.1
`;
};
