/**
 * A server's secret, kept between runs. From it are derived the keys of stateless resets, with which a restarted server
 * tells clients immediately that their old connections are gone (RFC 9000 §10.3.2), of address tokens, and of session
 * tickets.
 */

import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { SocketAddress } from "../../base/datagrams.ts";
import type { CryptoEngine } from "../../crypto/engine.ts";
import { utf8 } from "../../wire/text.ts";
import { cacheDirectory, placeFile } from "../kept-file.ts";

export const RESET_KEY_LENGTH = 32;

/** The user's key, created if it does not exist. If it cannot be stored, it lasts until exit, and `isKept` is false. */
export async function keptResetKey(
  directory: string = cacheDirectory(),
): Promise<{ readonly key: Uint8Array; readonly isKept: boolean }> {
  const path = join(directory, "reset-key");
  const kept = await readKey(path);
  if (kept !== undefined) return { key: kept, isKept: true };
  const fresh = new Uint8Array(randomBytes(RESET_KEY_LENGTH));
  try {
    const other = await placeFile(path, `${Buffer.from(fresh).toString("hex")}\n`, () => readKey(path));
    return { key: other ?? fresh, isKept: true };
  } catch {
    return { key: fresh, isKept: false };
  }
}

/** Returns undefined if the file is missing or damaged. */
async function readKey(path: string): Promise<Uint8Array | undefined> {
  const text = await readFile(path, "latin1").catch(() => "");
  const key = new Uint8Array(Buffer.from(text.trim(), "hex"));
  return key.length === RESET_KEY_LENGTH ? key : undefined;
}

/**
 * An endpoint's own secret. Two endpoints that share a secret would reveal the tokens of each other's connections to anyone
 * who sends one endpoint a connection id of the other (RFC 9000 §21.11).
 */
export function resetSecret(engine: CryptoEngine, key: Uint8Array, { host, port }: SocketAddress): Uint8Array {
  return engine.hmac("sha256", key, utf8(`nagare stateless reset ${host} ${port}`));
}
