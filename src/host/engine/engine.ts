/**
 * Chooses this process's engine: what opens UDP sockets, protects packets, and reads cached files. The fast one is used
 * if everything it needs works here, which is found out once, by probes with known answers. Otherwise the portable one
 * takes its place.
 */

import type { ForeignFunctions } from "../../base/foreign.ts";
import type { CryptoEngine } from "../../crypto/engine.ts";
import { noPageCache, type PageCache } from "../files/page-cache.ts";
import { portableUdp } from "../udp/portable-engine.ts";
import type { UdpCapabilities, UdpEngine } from "../udp/udp-socket.ts";
import { type EngineChoice, EngineError, engineChoice, wantsCallList } from "./choice.ts";
import { demandedCrypto, loadCrypto } from "./crypto.ts";
import { loadKoffi, type Unavailable } from "./koffi.ts";

export interface Engine {
  readonly name: "portable" | "fast";
  readonly udp: UdpEngine;
  readonly crypto: CryptoEngine;
  readonly pageCache: PageCache;
  /** Why the fast engine protects packets with node:crypto; undefined unless it does. */
  readonly cryptoProblem?: string;
  /** For display: the version of koffi. */
  readonly koffi: string | undefined;
  /** Why the fast engine was not chosen; undefined if it was, or if the portable one was demanded. */
  readonly fallback: Unavailable | undefined;
}

/** Resolves to the engine for an option; rejects with an `EngineError` if it is unknown or demanded in vain. */
export async function chooseEngine(option?: EngineChoice): Promise<Engine> {
  const choice = engineChoice(option);
  if (choice === "portable") return portableEngine(undefined);
  const fast = await fastEngine();
  if ("udp" in fast) return fast;
  if (choice === "auto") return portableEngine(fast);
  const advice = fast.advice === undefined ? "" : `: ${fast.advice}`;
  throw new EngineError(`the fast engine was demanded (NAGARE_ENGINE=fast), but ${fast.reason}${advice}`);
}

async function portableEngine(fallback: Unavailable | undefined): Promise<Engine> {
  const crypto = (await demandedCrypto()) ?? (await loadCrypto("portable"));
  return { name: "portable", udp: portableUdp, crypto, pageCache: noPageCache, koffi: undefined, fallback };
}

/** The crypto engine of this process, for programs that open no sockets. */
export const cryptoEngine = async (): Promise<CryptoEngine> => (await chooseEngine()).crypto;

let probed: Promise<Engine | Unavailable> | undefined;

/** The fast engine, or why it cannot be used. */
export function fastEngine(): Promise<Engine | Unavailable> {
  probed ??= loadFast();
  return probed;
}

/** `load` replaces the import of koffi in tests. */
export async function loadFast(load?: () => Promise<unknown>): Promise<Engine | Unavailable> {
  const loaded = await loadKoffi(load);
  if (!("koffi" in loaded)) return loaded;
  const { koffi } = loaded;
  try {
    return await probe(koffi);
  } catch (error) {
    if (error instanceof EngineError) throw error;
    const reason = `a probe of this machine failed: ${(error as Error).message}`;
    return { reason, advice: "a sandbox such as seccomp may forbid it", isUnexpected: true };
  }
}

async function probe(koffi: ForeignFunctions): Promise<Engine> {
  const { createFastUdp } = await import("../udp/fast/engine.ts");
  const udp = createFastUdp(koffi);
  const crypto = await fastCrypto(koffi);
  const pageCache = await fastPageCache(koffi);
  return { name: "fast", udp, ...crypto, pageCache, koffi: koffi.version, fallback: undefined };
}

/** A C library without the call still has fast sockets. */
async function fastPageCache(koffi: ForeignFunctions): Promise<PageCache> {
  const { createKernelPageCache } = await import("../files/kernel-page-cache.ts");
  try {
    return createKernelPageCache(koffi);
  } catch {
    return noPageCache;
  }
}

/** A node binary without OpenSSL's functions, such as Electron's, still has fast sockets. */
async function fastCrypto(koffi: ForeignFunctions): Promise<Pick<Engine, "crypto" | "cryptoProblem">> {
  const demanded = await demandedCrypto();
  if (demanded !== undefined) return { crypto: demanded };
  const callList = wantsCallList();
  const { createOpensslEngine } = await import("../../crypto/openssl/index.ts");
  try {
    return { crypto: createOpensslEngine(koffi, { callList }) };
  } catch (error) {
    return { crypto: await loadCrypto("portable"), cryptoProblem: (error as Error).message };
  }
}

/** One line for the start of a server, and for `nagare doctor`. */
export function describeEngine({ name, koffi, udp, crypto, fallback }: Engine): string {
  if (name === "fast") {
    const labels = Object.entries(LABELS).flatMap(([capability, label]) =>
      udp.capabilities[capability as keyof UdpCapabilities] ? [label] : [],
    );
    return `fast engine: UDP with ${labels.join(", ")}, packets protected by ${crypto.name} (koffi ${koffi})`;
  }
  if (fallback === undefined) return "portable engine, as demanded: node:dgram and node:crypto";
  return `portable engine: ${fallback.reason}${fallback.advice === undefined ? "" : ` (${fallback.advice})`}`;
}

/** In the order of display. */
const LABELS: Readonly<Record<keyof UdpCapabilities, string>> = {
  gso: "GSO",
  gro: "GRO",
  ecn: "ECN",
  df: "DF",
  pktinfo: "pktinfo",
};
