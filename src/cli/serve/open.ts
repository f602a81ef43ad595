// --open: opens the page in a Chromium with its own profile, which accepts the development certificate over HTTP/3.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromiumFlags } from "../../edge/chromium.ts";
import type { DevelopmentIdentity } from "../../host/certificates/development.ts";
import type { Identity } from "../../host/certificates/identity.ts";
import { describeFault, type Fault, guard } from "../../host/guard.ts";
import { CHROMIUM, findProgram } from "../find-program.ts";
import type { Io } from "../io.ts";

/** Opens the page. If there is no Chromium, or it does not start, logs that and leaves the server running. */
export async function openPage(url: URL, identity: Identity, io: Pick<Io, "env">, log: (line: string) => void) {
  const chromium = await findProgram(CHROMIUM, io.env);
  if (chromium === undefined) {
    log("nagare: --open found no Chromium on PATH: install it (Debian: apt-get install chromium), or open the URL");
    return;
  }
  const profile = mkdtempSync(join(tmpdir(), "nagare-browser-"));
  const onFault = (fault: Fault): void => log(describeFault(fault));
  const removeProfile = guard("cli browser profile", onFault, () =>
    rmSync(profile, { recursive: true, force: true, maxRetries: 3 }),
  );
  const args = [
    `--user-data-dir=${profile}`,
    "--no-first-run",
    "--no-default-browser-check",
    ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []), // Chromium requires this to run as root
    ...(isForDevelopment(identity) ? chromiumFlags(url, identity) : []),
    url.href,
  ];
  // In a separate process group, so that Ctrl-C reaches only the server.
  const browser = spawn(chromium, args, { stdio: "ignore", detached: true, env: { ...io.env } });
  browser.unref();
  browser.once(
    "exit",
    guard("cli browser", onFault, (code: number | null) => {
      if (code !== 0 && code !== null)
        log(`nagare: ${chromium} exited with ${code}; does this machine have a display?`);
      removeProfile();
      process.once("exit", removeProfile); // files that its helper processes write later
    }),
  );
  try {
    await once(browser, "spawn");
  } catch (error) {
    log(`nagare: ${chromium} did not start: ${(error as Error).message}`);
    removeProfile();
  }
}

const isForDevelopment = (identity: Identity): identity is DevelopmentIdentity => "spkiHash" in identity;
