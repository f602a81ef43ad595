/** The session tickets of a listener, and what it accepts with them. */

import type { SocketAddress } from "../../base/datagrams.ts";
import { settingsFrom } from "../../h3/index.ts";
import { type ConnectionConfig, type ConnectionFactsForTls, earlyDataContext } from "../../quic/index.ts";
import { MemoryStrikeRegister, type StrikeRegister, TicketKeys, type TicketPolicy } from "../../tls/index.ts";
import { utf8 } from "../../wire/text.ts";
import type { ListenerOptions } from "../http/listener.ts";

export class SessionTickets {
  readonly #contextOf: (application: Uint8Array) => Uint8Array;
  /** The settings as text, without and with tunnels. */
  readonly #settings = [false, true].map((enableConnectProtocol) =>
    JSON.stringify(settingsFrom({ enableConnectProtocol })),
  );
  readonly #keys: TicketKeys;
  readonly #register: StrikeRegister | undefined;

  /** `secret` is that of `resetKey`, or a random one. */
  constructor(config: ConnectionConfig, secret: Uint8Array, options: ListenerOptions) {
    const { earlyData = "safe", resetKey, strikeRegister } = options;
    this.#contextOf = earlyDataContext(config);
    this.#keys = new TicketKeys(config.engine, secret, config.rng);
    // Other processes may accept tickets of a given key, so a register of this process would not see all of their uses.
    const own = resetKey === undefined ? new MemoryStrikeRegister() : undefined;
    this.#register = earlyData === "off" ? undefined : (strikeRegister ?? own);
  }

  policy({ remote, version }: ConnectionFactsForTls, acceptsTunnels: boolean): TicketPolicy {
    const register = this.#register;
    return {
      keys: this.#keys,
      binding: version,
      earlyData: register && { register, context: this.#context(remote, acceptsTunnels) },
    };
  }

  /**
   * Includes the client's address: 0-RTT data arrives before an address is validated, so that anyone with a ticket could
   * otherwise send requests in the name of any address.
   */
  #context({ host }: SocketAddress, acceptsTunnels: boolean): Uint8Array {
    return this.#contextOf(utf8(`[${this.#settings[acceptsTunnels ? 1 : 0]},${JSON.stringify(host)}]`));
  }
}
