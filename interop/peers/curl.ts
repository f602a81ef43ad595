/** curl with HTTP/3, from Debian trixie. */

import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { HOST } from "../certificates.ts";
import { runChild } from "../child.ts";
import { sha256Of } from "../digest.ts";
import { versionOf } from "../install/debian.ts";
import { trixieCommand } from "../install/trixie.ts";
import { LOOPBACK } from "../loopback.ts";
import type { ClientRole, Feature, HttpName, PeerEntry } from "../peer.ts";

const FEATURES: ReadonlySet<Feature> = new Set(["chacha20", "h2", "http/1.1", "hybrid", "retry"]);

const PROTOCOL_OPTION = { h3: "--http3-only", h2: "--http2", "http/1.1": "--http1.1" } as const;

/** The values of `%{http_version}`. */
const PROTOCOL_OF: Readonly<Record<string, "h3" | "h2" | "http/1.1">> = { "3": "h3", "2": "h2", "1.1": "http/1.1" };

export const curl: PeerEntry = {
  name: "curl",
  about: "of Debian trixie: OpenSSL, nghttp3",
  roles: ["server"],
  async install(log) {
    const command = await trixieCommand("usr/bin/curl", log);
    return { version: await versionOf([...command, "--version"]), client: clientRole(command) };
  },
};

const clientRole = (command: readonly string[]): ClientRole => ({
  features: FEATURES,
  async download(request, cell) {
    // A cell may download several files at the same time.
    const directory = await mkdtemp(join(cell.directory, "curl-"));
    const files = request.paths.map((_, i) => join(directory, `${i}`));
    const urls = request.paths.map((path) => `https://${HOST}:${request.port}${path}`);
    const { stdout } = await runChild(
      [
        ...command,
        ...["--silent", "--show-error", "--fail", PROTOCOL_OPTION[request.protocol as HttpName]],
        ...["--cacert", cell.identity.caFile, "--resolve", `${HOST}:${request.port}:${request.host ?? LOOPBACK}`],
        ...(request.cipher === "chacha20" ? ["--tls13-ciphers", "TLS_CHACHA20_POLY1305_SHA256"] : []),
        // Without --parallel-immediate they share a connection of up to 100 streams (CURLMOPT_MAX_CONCURRENT_STREAMS).
        ...(urls.length > 1 ? ["--parallel", "--parallel-max", "100"] : []),
        ...["--write-out", "%{http_version} %{num_connects}\\n"],
        ...urls.flatMap((url, i) => ["--output", files[i]!, url]),
      ],
      { signal: cell.signal },
    );
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => line.split(" "));
    const versions = [...new Set(lines.map(([version]) => version!))];
    return {
      sha256: await Promise.all(files.map(sha256Of)),
      protocol: PROTOCOL_OF[versions.join()] ?? (versions.join() as "h3"),
      connections: lines.reduce((sum, [, connects]) => sum + Number(connects), 0),
    };
  },
});
