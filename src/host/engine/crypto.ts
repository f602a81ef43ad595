/**
 * The crypto engines by name, and NAGARE_CRYPTO, which selects one for comparison: `portable` (node:crypto), `openssl`
 * (the same library, without node:crypto's cost per packet) or `pure` (JavaScript, for runtimes without node:crypto).
 */

import type { CryptoEngine } from "../../crypto/engine.ts";
import { EngineError, wantsCallList } from "./choice.ts";
import { loadKoffi } from "./koffi.ts";

/** Undefined unless NAGARE_CRYPTO demands one. */
export async function demandedCrypto(): Promise<CryptoEngine | undefined> {
  const { NAGARE_CRYPTO: name = "" } = process.env;
  return name === "" ? undefined : loadCrypto(name);
}

export async function loadCrypto(name: string): Promise<CryptoEngine> {
  switch (name) {
    case "portable":
      return (await import("../../crypto/portable/index.ts")).portableEngine;
    case "openssl": {
      const loaded = await loadKoffi();
      if (!("koffi" in loaded)) throw new EngineError(`NAGARE_CRYPTO=openssl: ${loaded.reason}`);
      const { createOpensslEngine } = await import("../../crypto/openssl/index.ts");
      return createOpensslEngine(loaded.koffi, { callList: wantsCallList() });
    }
    case "pure":
      return (await import("../../crypto/pure/index.ts")).pureEngine;
    default:
      throw new EngineError(`NAGARE_CRYPTO=${name}: the engines are "portable", "openssl" and "pure"`);
  }
}
