/** A client of ours against a server that follows a script. */

import { createTlsClient } from "../client.ts";
import type { TlsClientConfig, TlsHandshake } from "../handshake.ts";
import { clientConfig, type Flight, NOW } from "./pair.ts";
import { type Script, ScriptedServer } from "./scripted-server.ts";

export class Scene {
  readonly client: TlsHandshake;
  readonly server = new ScriptedServer();
  readonly hello: Uint8Array;

  constructor(config: Partial<TlsClientConfig> = {}) {
    this.client = createTlsClient(clientConfig(config));
    this.client.start(NOW);
    this.hello = this.client.pollTransmit()!.bytes;
  }

  give({ level, bytes }: Flight): void {
    this.client.handleCrypto(level, bytes, NOW);
    for (let event = this.client.pollEvent(); event !== undefined; event = this.client.pollEvent()) {
      if (event.type === "verify-certificate") this.client.certificateVerdict(undefined, NOW);
    }
  }

  /** Plays a flight, or only its first `until` messages. */
  play(script: Script = {}, until = Number.POSITIVE_INFINITY, hello = this.hello): this {
    let count = 0;
    for (const message of this.server.flight(hello, script)) {
      if (count === until) break;
      this.give(message);
      count += 1;
    }
    return this;
  }
}
