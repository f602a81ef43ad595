/** ngtcp2's example client and server, with GnuTLS. */

import { basename, join } from "node:path";
import { freePort } from "../../src/host/udp/free-port.ts";
import { HOST } from "../certificates.ts";
import { Child, runChild } from "../child.ts";
import { sha256Of } from "../digest.ts";
import { debianProgram, packageVersion } from "../install/debian.ts";
import type { ClientRole, Feature, PeerEntry, ServerRole } from "../peer.ts";
import { isUdpBound } from "../port.ts";

const CLIENT_FEATURES: ReadonlySet<Feature> = new Set(["chacha20", "key-update", "retry"]);
const SERVER_FEATURES: ReadonlySet<Feature> = new Set(["certificates", "chacha20", "retry"]);

const CHACHA20_ONLY = "--ciphers=NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+CHACHA20-POLY1305";

export const ngtcp2: PeerEntry = {
  name: "ngtcp2",
  roles: ["server", "client"],
  async install(log) {
    const client = await debianProgram("gtlsclient", "ngtcp2-client", log);
    const server = await debianProgram("gtlsserver", "ngtcp2-server", log);
    return { version: await packageVersion("ngtcp2-client"), client: clientRole(client), server: serverRole(server) };
  },
};

const clientRole = (path: string): ClientRole => ({
  features: CLIENT_FEATURES,
  async download(request, cell) {
    const urls = request.paths.map((each) => `https://${HOST}:${request.port}${each}`);
    // Only the expensive log of every packet shows a key update, so it is enabled only for that case.
    const isVerbose = request.keyUpdate === true;
    const { stdout, stderr } = await runChild(
      [
        path,
        ...(isVerbose ? ["--no-quic-dump", "--no-http-dump"] : ["--quiet"]),
        ...(request.cipher === "chacha20" ? [CHACHA20_ONLY] : []),
        ...(request.keyUpdate === true ? ["--key-update=1ms"] : []),
        ...["--exit-on-all-streams-close", "--timeout=30s", `--sni=${HOST}`, `--download=${cell.directory}`],
        ...["127.0.0.1", `${request.port}`, ...urls],
      ],
      { signal: cell.signal },
    );
    if (isVerbose && !/key update confirmed/i.test(stdout + stderr))
      throw new Error("gtlsclient reports no key update");
    const files = request.paths.map((each) => join(cell.directory, basename(each)));
    return {
      sha256: await Promise.all(files.map(sha256Of)),
      protocol: "h3",
      connections: 1,
      ...(isVerbose ? { remark: "key update confirmed" } : {}),
    };
  },
});

const serverRole = (path: string): ServerRole => ({
  features: SERVER_FEATURES,
  async start(settings, cell) {
    const port = await freePort();
    const child = new Child(
      [
        path,
        ...["--quiet", `--htdocs=${cell.site.directory}`, "--timeout=30s"],
        ...(settings.retry === true ? ["--validate-addr"] : []),
        ...(settings.cipher === "chacha20" ? [CHACHA20_ONLY] : []),
        ...["127.0.0.1", `${port}`, settings.keyFile, settings.certFile],
      ],
      { signal: cell.signal },
    );
    await child.until(() => isUdpBound(port), cell.signal);
    return { port, pid: child.pid, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
  },
});
