/** nginx with its own QUIC, from Debian trixie. */

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "../../src/host/udp/free-port.ts";
import type { CellFolder } from "../cell.ts";
import { HOST } from "../certificates.ts";
import { Child } from "../child.ts";
import { versionOf } from "../install/debian.ts";
import { trixieCommand } from "../install/trixie.ts";
import { authority, LOOPBACK } from "../loopback.ts";
import type { Feature, PeerEntry, ServerRole, ServerSettings } from "../peer.ts";
import { isUdpBound } from "../port.ts";

const FEATURES: ReadonlySet<Feature> = new Set(["certificates", "chacha20", "h2", "http/1.1", "resumption", "retry"]);

export const nginx: PeerEntry = {
  name: "nginx",
  about: "of Debian trixie: its own QUIC, OpenSSL",
  roles: ["client"],
  async install(log) {
    const command = await trixieCommand("usr/sbin/nginx", log);
    return { version: await versionOf([...command, "-v"]), server: serverRole(command) };
  },
};

const serverRole = (command: readonly string[]): ServerRole => ({
  features: FEATURES,
  async start(settings, cell) {
    const port = await freePort();
    const prefix = join(cell.directory, "nginx");
    await mkdir(prefix);
    const file = join(prefix, "nginx.conf");
    await writeFile(file, configuration(port, prefix, settings, cell));
    const child = new Child([...command, "-e", "stderr", "-p", prefix, "-c", file], { signal: cell.signal });
    await child.until(() => isUdpBound(port), cell.signal);
    return { port, pid: child.pid, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
  },
});

const configuration = (port: number, prefix: string, settings: ServerSettings, cell: CellFolder): string => `
${process.getuid?.() === 0 ? "user root;" : ""}
daemon off;
# One process: it ends, and is measured, by one id.
master_process off;
pid ${prefix}/nginx.pid;
error_log stderr warn;
events { worker_connections 256; }
http {
  access_log off;
  default_type application/octet-stream;
  ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((each) => `${each}_temp_path ${prefix}/${each};`).join(" ")}
  ${settings.origin === undefined ? "" : `upstream origin { server ${new URL(settings.origin).host}; keepalive 64; }`}
  server {
    listen ${authority(settings.host ?? LOOPBACK, port)} quic;
    listen ${authority(settings.host ?? LOOPBACK, port)} ssl;
    http2 on;
    server_name ${HOST};
    quic_retry ${settings.retry === true ? "on" : "off"};
    ssl_protocols TLSv1.3;
    ${settings.cipher === "chacha20" ? "ssl_conf_command Ciphersuites TLS_CHACHA20_POLY1305_SHA256;" : ""}
    ssl_certificate ${settings.certFile};
    ssl_certificate_key ${settings.keyFile};
    ${content(settings, cell)}
  }
}
`;

/** A proxy is measured with connections that nginx would close after a thousand requests. */
const content = ({ origin }: ServerSettings, cell: CellFolder): string =>
  origin === undefined
    ? `root ${cell.site.directory};`
    : `keepalive_requests 100000000;
    location / {
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
    }`;
