/**
 * Selects this process's crypto engine: `portable` (node:crypto) unless NAGARE_CRYPTO requests `pure` (JavaScript), for
 * comparison and for runtimes without node:crypto. The choice is made once.
 */

import type { CryptoEngine } from "../crypto/engine.ts";

let engine: Promise<CryptoEngine> | undefined;

export function cryptoEngine(): Promise<CryptoEngine> {
  engine ??= loadEngine(process.env.NAGARE_CRYPTO ?? "portable");
  return engine;
}

export async function loadEngine(name: string): Promise<CryptoEngine> {
  switch (name) {
    case "portable":
      return (await import("../crypto/portable/index.ts")).portableEngine;
    case "pure":
      return (await import("../crypto/pure/index.ts")).pureEngine;
    default:
      throw new Error(`NAGARE_CRYPTO=${name}: the engines are "portable" and "pure"`);
  }
}
