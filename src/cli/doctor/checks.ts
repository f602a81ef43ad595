// Checks of what Nagare needs from a machine. Each one tries the real thing.

import { existsSync } from "node:fs";
import { isBuiltin } from "node:module";
import { echoDatagram, grantedBuffers, tryPort } from "../../host/udp/probe.ts";
import { CHROMIUM, findProgram } from "../find-program.ts";
import { bytes } from "../get/units.ts";
import type { Io } from "../io.ts";
import { readVersion } from "../version.ts";
import type { Check, CheckResult } from "./check.ts";
import { ENGINE_CHECKS } from "./engine-checks.ts";
import { requestFromOwnServer } from "./own-server.ts";
import { WORKER_CHECKS } from "./worker-checks.ts";

const ok = (detail: string): CheckResult => ({ verdict: "ok", detail });
const failed = (detail: string, advice: string): CheckResult => ({ verdict: "failed", detail, advice });
const absent = (detail: string, advice: string): CheckResult => ({ verdict: "absent", detail, advice });

export const CHECKS: readonly Check[] = [
  { name: "nagare", run: async () => ok(readVersion()) },
  { name: "node", run: node },
  { name: "openssl", run: async () => ok(process.versions.openssl ?? "none") },
  { name: "node:quic", run: async () => nodeQuic({ version: process.version, features: process.features, isBuiltin }) },
  ...ENGINE_CHECKS,
  ...WORKER_CHECKS,
  { name: "clock", run: clock },
  { name: "UDP over IPv4", run: () => echoCheck("127.0.0.1") },
  { name: "UDP over IPv6", run: () => echoCheck("::1") },
  { name: "UDP buffers", run: buffers },
  { name: "HTTP/3 to itself", run: () => requestFromOwnServer("h3").then(ok) },
  { name: "HTTP/2 to itself", run: () => requestFromOwnServer("h2").then(ok) },
  { name: "certificate", run: certificate },
  { name: "port 443", run: port443 },
  { name: "Chromium", run: chromium },
  { name: "SSLKEYLOGFILE", run: keylog },
];

async function node(): Promise<CheckResult> {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19)) return failed(process.version, "install Node 24, or at least 20.19");
  return ok(`${process.version}${major < 24 ? " (24 is recommended)" : ""} on ${process.platform} ${process.arch}`);
}

export interface NodeFacts {
  readonly version: string;
  /** Since Node 24, `quic` is true if the module was compiled in. */
  readonly features: object & { readonly quic?: boolean };
  /** True for modules that can be imported, which depends on flags. */
  isBuiltin(name: string): boolean;
}

/** Node's own QUIC, which is experimental. Nagare does not use it. */
export function nodeQuic({ version, features, isBuiltin }: NodeFacts): CheckResult {
  if (isBuiltin("node:quic")) return ok("enabled (experimental); Nagare uses its own QUIC");
  if (features.quic === true) {
    return absent("compiled in, but not enabled", "not needed; node --experimental-quic enables it for your own code");
  }
  return absent(`not compiled into ${version}`, "not needed: Nagare has its own QUIC and HTTP/3");
}

/** Certificates are checked against the clock: if it is years off, every certificate is invalid. */
async function clock(): Promise<CheckResult> {
  const now = new Date();
  const shown = now.toISOString();
  const year = now.getUTCFullYear();
  if (year < 2025 || year > 2060) return failed(shown, "set the clock: no certificate is valid at this time");
  return ok(shown);
}

async function echoCheck(address: string): Promise<CheckResult> {
  try {
    return ok(`${address} answers`.concat(` (${(await echoDatagram(address)).toFixed(2)} ms)`));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
    const detail = `${address}: ${code}`;
    if (address.includes(":")) return absent(detail, "this machine has no IPv6: everything works over IPv4");
    return failed(
      detail,
      "HTTP/3 needs UDP: check the rules of the sandbox or firewall; HTTP/1.1 and HTTP/2 work without it",
    );
  }
}

/** A burst at 1 Gbit/s fills a megabyte in 8 ms, and a JavaScript process can easily be busy for that long. */
const GOOD_BUFFER = 1 << 20;

async function buffers(): Promise<CheckResult> {
  const { receive, send } = await grantedBuffers(4 * GOOD_BUFFER);
  const detail = `${bytes(receive)} receive, ${bytes(send)} send`;
  if (Math.min(receive, send) >= GOOD_BUFFER) return ok(detail);
  return absent(detail, "for fast downloads: sysctl -w net.core.rmem_max=4194304 net.core.wmem_max=4194304");
}

async function certificate(): Promise<CheckResult> {
  const { developmentIdentity } = await import("../../host/certificates/index.ts");
  const { names, notAfter, path } = await developmentIdentity();
  const days = Math.floor((notAfter.getTime() - Date.now()) / 86_400_000);
  const detail = `development certificate for ${names.join(", ")}, ${days} days left`;
  if (path === undefined)
    return absent(
      detail,
      "it cannot be saved, so each start generates a new one: set XDG_CACHE_HOME to a writable folder",
    );
  return ok(`${detail} (${path})`);
}

async function port443(): Promise<CheckResult> {
  try {
    await tryPort(443);
    return ok("available, TCP and UDP");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EADDRINUSE")
      return absent("in use", "stop the program that uses it, or serve on another port with -p");
    const grant = `setcap cap_net_bind_service=+ep ${process.execPath}`;
    if (code === "EACCES") return absent("no permission", `serve on another port with -p, or: sudo ${grant}`);
    return absent(code ?? String(error), "serve on another port with -p");
  }
}

async function chromium(env: Io["env"]): Promise<CheckResult> {
  const path = await findProgram(CHROMIUM, env);
  if (path !== undefined) return ok(path);
  return absent(
    "not on PATH",
    "install it to open pages over HTTP/3 with the development certificate (Debian: apt-get install chromium)",
  );
}

async function keylog(env: Io["env"]): Promise<CheckResult> {
  const path = env.SSLKEYLOGFILE;
  if (path === undefined || path === "")
    return absent("not set", "set it to a file path to let Wireshark decrypt your own traffic");
  const exists = existsSync(path) ? "" : ", not created yet";
  return ok(`${path}${exists}: anyone who can read this file can decrypt the traffic`);
}
