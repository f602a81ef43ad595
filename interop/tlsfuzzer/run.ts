/** Runs the scripts against our server. */

import { execFile } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import type { AddressInfo, Server } from "node:net";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeCertificate } from "../../src/host/certificates/testing/make-certificate.ts";
import { readOutcome, type ScriptOutcome } from "./outcome.ts";
import type { Script } from "./scripts.ts";
import { createTestServer } from "./server.ts";

/** Python's sources are not compiled with these tools, which run from dist-tools/interop/tlsfuzzer. */
const OVER_QUIC = fileURLToPath(new URL("../../../interop/tlsfuzzer/over-quic", import.meta.url));
const HOST = "127.0.0.1";
const TIME_LIMIT = 180_000;
const MAX_OUTPUT = 64 << 20;

export interface RunSettings {
  readonly python: string;
  readonly source: string;
  readonly folder: string;
  readonly scripts: readonly Script[];
  readonly onOutcome: (outcome: ScriptOutcome) => void;
}

export async function runScripts(settings: RunSettings): Promise<readonly ScriptOutcome[]> {
  const servers = { anonymous: createTestServer(undefined), requesting: createTestServer("optional") };
  try {
    const ports = { anonymous: await listen(servers.anonymous), requesting: await listen(servers.requesting) };
    const outcomes: ScriptOutcome[] = [];
    for (const script of settings.scripts) {
      const port = script.clientKey === undefined ? ports.anonymous : ports.requesting;
      const outcome = readOutcome(script, await outputOf(settings, script, port));
      settings.onOutcome(outcome);
      outcomes.push(outcome);
    }
    return outcomes;
  } finally {
    for (const server of Object.values(servers)) server.close();
  }
}

async function listen(server: Server): Promise<number> {
  server.listen(0, HOST);
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

function outputOf(settings: RunSettings, { name, options = [], clientKey }: Script, port: number): Promise<string> {
  const { python, source, folder } = settings;
  const args = [join("scripts", `test-tls13-${name}.py`), "-h", HOST, "-p", String(port), ...options];
  if (clientKey !== undefined) {
    const { cert, key } = makeCertificate({ key: clientKey, names: ["client.test"] });
    const [certFile, keyFile] = [join(folder, `${clientKey}.crt`), join(folder, `${clientKey}.key`)];
    writeFileSync(certFile, cert);
    writeFileSync(keyFile, key);
    args.push("-c", certFile, "-k", keyFile);
  }
  const env = { ...process.env, PYTHONPATH: [OVER_QUIC, source].join(delimiter) };
  return new Promise((resolve) => {
    execFile(python, args, { cwd: source, env, timeout: TIME_LIMIT, maxBuffer: MAX_OUTPUT }, (_, stdout, stderr) =>
      resolve(stdout + stderr),
    );
  });
}
