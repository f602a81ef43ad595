/** Runs the serve command as a process would, with signals. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { vi } from "vitest";
import type { InterruptSignal, Io } from "../../src/cli/io.ts";
import { runCli } from "../../src/cli/program.ts";
import { openPage } from "../../src/cli/serve/open.ts";
import { serve } from "../../src/edge/serve.ts";
import { loadIdentity } from "../../src/host/certificates/identity.ts";
import { localhostIdentity } from "../../src/host/http/testing/identities.ts";
import { armed } from "./armed.ts";
import { closers, log } from "./world.ts";

const outputTo = (onLine: (line: string) => void): Writable =>
  new Writable({
    write(chunk: Buffer, _encoding, callback) {
      onLine(chunk.toString());
      callback();
    },
  });

function makeFiles() {
  const folder = mkdtempSync(join(tmpdir(), "nagare-guards-cli-"));
  closers.push(() => rmSync(folder, { recursive: true, force: true }));
  const files = { certFile: join(folder, "cert.pem"), keyFile: join(folder, "key.pem") };
  writeFileSync(files.certFile, localhostIdentity.cert);
  writeFileSync(files.keyFile, localhostIdentity.key);
  return { folder, files };
}

/** A server that looks at its certificate files until the fault has happened. */
export async function rotated(): Promise<void> {
  const { files } = makeFiles();
  const server = await serve({ port: 0, host: "127.0.0.1", tls: files, log }, () => new Response());
  await vi.waitUntil(() => armed.entry === undefined, { timeout: 10_000 });
  await server.close({ timeout: 0 });
}

/** Runs `nagare serve`, sends SIGHUP, then stops it. */
export async function reloadServe(): Promise<void> {
  await stopServe({ impatient: false, reloads: true });
}

/** Runs `nagare serve` and sends it as many signals as needed to stop it. */
export async function stopServe({
  impatient,
  reloads = false,
}: {
  impatient: boolean;
  reloads?: boolean;
}): Promise<void> {
  const { folder, files } = makeFiles();
  const listeners = new Set<(signal: InterruptSignal) => void>();
  const signal = (): void => {
    for (const listener of [...listeners]) listener("SIGTERM");
  };
  const io: Io = {
    stdin: new PassThrough(),
    // The URL is printed once the command listens for signals.
    stdout: outputTo(() => setImmediate(signal)),
    stderr: outputTo((line) => {
      log(line);
      if (line.includes("internal fault (cli signal)"))
        setImmediate(signal); // the fault lost the previous one
      else if (impatient && line.includes("stopping")) signal(); // before the server has closed
    }),
    env: {},
    onReload(listener) {
      // Once the command listens for the other signals, too.
      if (reloads) setImmediate(listener);
      return () => undefined;
    },
    onInterrupt(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  await runCli(["serve", folder, "-p", "0", "-H", "127.0.0.1", "--cert", files.certFile, "--key", files.keyFile], io);
  process.exitCode = undefined; // otherwise that of the test runner
}

/** A browser that exits immediately. */
export async function browserExits(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "nagare-guards-browser-"));
  closers.push(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "chromium"), "#!/bin/sh\nexit 0\n");
  chmodSync(join(folder, "chromium"), 0o755);
  await openPage(new URL("https://localhost/"), loadIdentity(localhostIdentity), { env: { PATH: folder } }, log);
}
