/** Queries over QUIC: the server's side of one connection (RFC 9250), for a listener's table of protocols. */

import { DOQ_ALPN, DOQ_ERRORS, DoqConnection } from "../../../dns/index.ts";
import { type Connection, type ConnectionEvent, isTransportEvent } from "../../../quic/index.ts";
import type { CreateServerProtocol, ServerProtocol } from "../../quic/server-protocol.ts";
import type { DnsPeer, Respond } from "./responder.ts";

/** Answers queries that arrive in 0-RTT data too: they change nothing (RFC 9250 §4.5). */
export const serveDoq = (respond: Respond): Readonly<Record<typeof DOQ_ALPN, CreateServerProtocol>> => ({
  [DOQ_ALPN]: (connection) => new DoqServerProtocol(connection, respond),
});

class DoqServerProtocol implements ServerProtocol {
  readonly #doq: DoqConnection;
  readonly #respond: Respond;
  readonly #from: DnsPeer;

  constructor(connection: Connection, respond: Respond) {
    this.#doq = new DoqConnection(connection);
    this.#respond = respond;
    const { host, port } = connection.remoteAddress;
    this.#from = { address: host, port };
    connection.setExcessiveLoadCode(DOQ_ERRORS.EXCESSIVE_LOAD);
  }

  handleEvent(event: ConnectionEvent): void {
    if (!isTransportEvent(event)) return;
    this.#doq.handleTransportEvent(event);
    for (let next = this.#doq.pollEvent(); next !== undefined; next = this.#doq.pollEvent()) {
      if (next.type !== "query") continue;
      const response = this.#respond(next.message, "quic", this.#from);
      if (response === undefined) this.#doq.cancel(next.id, DOQ_ERRORS.PROTOCOL_ERROR);
      else this.#doq.respond(next.id, response);
    }
  }

  /** Each query is answered when it arrives, so no query is in progress. Responses that are lost now are not sent again. */
  drain(): void {
    this.#doq.close();
  }

  close(): void {
    this.#doq.close();
  }
}
