/** Hashes and HMAC on @noble/hashes. */

import { hmac as nobleHmac } from "@noble/hashes/hmac.js";
import { sha256, sha384 } from "@noble/hashes/sha2.js";
import type { HashName, RunningHash } from "../engine.ts";

const HASHES = { sha256, sha384 } as const;

export function createRunningHash(name: HashName): RunningHash {
  const running = HASHES[name].create();
  return {
    update: (bytes) => void running.update(bytes),
    digest: () => running.clone().digest(),
    digestWith: (more) => running.clone().update(more).digest(),
  };
}

export const hash = (name: HashName, bytes: Uint8Array): Uint8Array => HASHES[name](bytes);

export const hmac = (name: HashName, key: Uint8Array, bytes: Uint8Array, length?: number): Uint8Array =>
  nobleHmac(HASHES[name], key, bytes).subarray(0, length);
