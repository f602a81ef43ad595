/** Caddy, which uses quic-go for HTTP/3. */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "../../src/host/udp/free-port.ts";
import { HOST } from "../certificates.ts";
import { Child } from "../child.ts";
import { debianProgram, versionOf } from "../install/debian.ts";
import { goPackage } from "../install/go.ts";
import { LOOPBACK } from "../loopback.ts";
import type { Feature, PeerEntry, ServerRole, ServerSettings } from "../peer.ts";
import { isUdpBound } from "../port.ts";

// Go cannot select TLS 1.3 suites, and Caddy uses Retry only under load.
const FEATURES: ReadonlySet<Feature> = new Set(["certificates", "early-data", "h2", "http/1.1", "resumption"]);

export const caddy: PeerEntry = {
  name: "caddy",
  about: "quic-go, Go's TLS",
  roles: ["client"],
  async install(log) {
    const path = await debianProgram("caddy", "caddy", log);
    return { version: await versionOf([path, "version"]), server: serverRole(path) };
  },
};

const NEW_VERSION = "2.11.9";

/** Caddy of today, built from its module. */
export async function newCaddyProgram(
  log: (line: string) => void,
): Promise<{ readonly path: string; readonly version: string }> {
  const path = await goPackage("caddy", `github.com/caddyserver/caddy/v2/cmd/caddy@v${NEW_VERSION}`, log);
  return { path, version: NEW_VERSION };
}

/** Built from its module, with a quic-go of today. */
export const newCaddy: PeerEntry = {
  name: "caddy-new",
  about: "the same of its Go module, with today's quic-go",
  roles: ["client"],
  async install(log) {
    const { path, version } = await newCaddyProgram(log);
    return { version, server: serverRole(path, new Set([...FEATURES, "ecn"])) };
  },
};

const serverRole = (path: string, features = FEATURES): ServerRole => ({
  features,
  async start(settings, cell) {
    const port = await freePort();
    const file = join(cell.directory, "Caddyfile");
    await writeFile(file, caddyfile(port, cell.site.directory, settings));
    const child = new Child([path, "run", "--config", file, "--adapter", "caddyfile"], {
      env: { XDG_DATA_HOME: cell.directory, XDG_CONFIG_HOME: cell.directory, HOME: cell.directory },
      signal: cell.signal,
    });
    await child.until(() => isUdpBound(port), cell.signal);
    return { port, pid: child.pid, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
  },
});

const caddyfile = (
  port: number,
  site: string,
  { host = LOOPBACK, certFile, keyFile, origin }: ServerSettings,
): string => `{
	admin off
	auto_https disable_redirects
	skip_install_trust
	https_port ${port}
	servers {
		protocols h1 h2 h3
	}
}
https://${HOST}:${port} {
	bind ${host}
	tls ${certFile} ${keyFile}
	${origin === undefined ? `root * ${site}\n\tfile_server` : `reverse_proxy ${origin}`}
}
`;
