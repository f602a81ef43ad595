/** quic-go's http3 package, with the file server and client in `quic-go/`. */

import { basename, join } from "node:path";
import { freePort } from "../../src/host/udp/free-port.ts";
import { HOST } from "../certificates.ts";
import { Child, runChild } from "../child.ts";
import { sha256Of } from "../digest.ts";
import { goProgram } from "../install/go.ts";
import type { ClientRole, Feature, PeerEntry, ServerRole } from "../peer.ts";
import { isUdpBound } from "../port.ts";

// Go cannot select TLS 1.3 suites.
const SERVER_FEATURES: ReadonlySet<Feature> = new Set(["certificates", "early-data", "resumption", "retry"]);
const CLIENT_FEATURES: ReadonlySet<Feature> = new Set(["early-data", "hybrid", "resumption", "retry"]);

export const quicGo: PeerEntry = {
  name: "quic-go",
  roles: ["server", "client"],
  async install(log) {
    const { path, version } = await goProgram("quic-go", "github.com/quic-go/quic-go", log);
    return { version, client: clientRole(path), server: serverRole(path) };
  },
};

interface Report {
  readonly protocol: string;
  readonly resumed: boolean;
  readonly used0RTT: boolean;
}

const clientRole = (path: string): ClientRole => ({
  features: CLIENT_FEATURES,
  async download(request, cell) {
    const { stdout } = await runChild(
      [
        path,
        ...["-role=client", `-address=127.0.0.1:${request.port}`, `-name=${HOST}`],
        ...[`-ca=${cell.identity.caFile}`, `-output=${cell.directory}`, `-resume=${request.resume ?? ""}`],
        ...request.paths,
      ],
      { signal: cell.signal },
    );
    const report = JSON.parse(stdout) as Report;
    if (report.protocol !== "HTTP/3.0") throw new Error(`quic-go used ${report.protocol}`);
    if (request.resume !== undefined && !report.resumed) throw new Error("quic-go did not resume its session");
    if (request.resume === "early" && !report.used0RTT) throw new Error("quic-go's early data was not accepted");
    return {
      sha256: await Promise.all(request.paths.map((each) => sha256Of(join(cell.directory, basename(each))))),
      protocol: "h3",
      connections: 1,
      ...(report.used0RTT ? { remark: "0-RTT accepted" } : {}),
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
        ...["-role=server", `-address=127.0.0.1:${port}`, `-root=${cell.site.directory}`],
        ...[`-cert=${settings.certFile}`, `-key=${settings.keyFile}`, `-retry=${settings.retry === true}`],
      ],
      { signal: cell.signal },
    );
    await child.until(() => isUdpBound(port), cell.signal);
    return { port, pid: child.pid, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
  },
});
