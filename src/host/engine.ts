/**
 * Which crypto engine this process uses: `portable` (node:crypto) unless NAGARE_CRYPTO asks for `pure` (JavaScript), for
 * comparison and for runtimes without node:crypto. The choice is made once and can be reported.
 */

import type { CryptoEngine } from "../crypto/engine.ts";

let chosen: Promise<CryptoEngine> | undefined;

export function cryptoEngine(): Promise<CryptoEngine> {
  chosen ??= loadEngine(process.env.NAGARE_CRYPTO ?? "portable");
  return chosen;
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
