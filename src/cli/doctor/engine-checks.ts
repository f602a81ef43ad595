// Checks of the engine for HTTP/3: which one is in use, and a line for each thing that it can do.

import { chooseEngine, describeEngine } from "../../host/engine/engine.ts";
import type { UdpCapabilities } from "../../host/udp/udp-socket.ts";
import type { Check, CheckResult } from "./check.ts";

export const ENGINE_CHECKS: readonly Check[] = [
  { name: "engine", run: engine },
  { name: "packet protection", run: packetProtection },
  { name: "UDP GSO", run: () => capability("gso", "a train of datagrams leaves in one call") },
  { name: "UDP GRO", run: () => capability("gro", "a train of datagrams arrives in one call") },
  { name: "UDP ECN", run: () => capability("ecn", "congestion marks are sent and seen") },
  { name: "UDP DF", run: () => capability("df", "fragmentation is forbidden, so that path MTU probes mean something") },
  { name: "UDP pktinfo", run: () => capability("pktinfo", "one socket answers from each address that is asked") },
];

async function engine(): Promise<CheckResult> {
  const chosen = await chooseEngine();
  const { fallback } = chosen;
  if (fallback === undefined) return { verdict: "ok", detail: describeEngine(chosen) };
  const detail = `portable engine: ${fallback.reason}`;
  return { verdict: "absent", detail, ...(fallback.advice === undefined ? {} : { advice: fallback.advice }) };
}

async function packetProtection(): Promise<CheckResult> {
  const { crypto, cryptoProblem } = await chooseEngine();
  if (cryptoProblem !== undefined) return { verdict: "absent", detail: `node:crypto: ${cryptoProblem}` };
  if (crypto.name === "openssl")
    return { verdict: "ok", detail: `OpenSSL ${process.versions.openssl}, called directly, ${crypto.detail}` };
  if (crypto.name === "portable") return { verdict: "ok", detail: "node:crypto" };
  return { verdict: "absent", detail: crypto.name, advice: "unset NAGARE_CRYPTO for a faster engine" };
}

async function capability(name: keyof UdpCapabilities, meaning: string): Promise<CheckResult> {
  const { name: engine, udp } = await chooseEngine();
  if (udp.capabilities[name]) return { verdict: "ok", detail: meaning };
  const detail = engine === "portable" ? "not with the portable engine" : "not supported by this kernel";
  return { verdict: "absent", detail };
}
