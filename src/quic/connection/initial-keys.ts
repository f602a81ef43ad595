/**
 * The keys of Initial packets (RFC 9001 §5.2) in each version that the connection has used or may use: during compatible
 * version negotiation, Initial packets of two versions share one packet number space (RFC 9369 §4.1).
 */

import { SparseMap } from "../../base/sparse-map.ts";
import type { CryptoEngine } from "../../crypto/engine.ts";
import { deriveInitialSecrets, derivePacketKeys, freeKeys, type PacketKeys } from "../keys/index.ts";
import type { ConnectionId } from "../packet/connection-id.ts";

interface KeyPair {
  readonly read: PacketKeys;
  readonly write: PacketKeys;
}

export class InitialKeys {
  readonly #engine: CryptoEngine;
  readonly #role: "client" | "server";
  #id: ConnectionId;
  readonly #byVersion = new SparseMap<number, KeyPair>();

  constructor(engine: CryptoEngine, role: "client" | "server", id: ConnectionId) {
    this.#engine = engine;
    this.#role = role;
    this.#id = id;
  }

  /** After a Retry, the keys are derived from another id. */
  replaceId(id: ConnectionId): void {
    this.#id = id;
    this.free();
  }

  free(): void {
    for (const { read, write } of this.#byVersion.values()) {
      freeKeys(read);
      freeKeys(write);
    }
    this.#byVersion.clear();
    this.#id.compact();
  }

  of(version: number): KeyPair {
    let pair = this.#byVersion.get(version);
    if (pair === undefined) {
      const secrets = deriveInitialSecrets(this.#engine, version, this.#id.bytes);
      const keys = (secret: Uint8Array) => derivePacketKeys(this.#engine, "aes-128-gcm", "sha256", secret, version);
      const [read, write] =
        this.#role === "client" ? [secrets.server, secrets.client] : [secrets.client, secrets.server];
      pair = { read: keys(read), write: keys(write) };
      this.#byVersion.set(version, pair);
    }
    return pair;
  }
}
