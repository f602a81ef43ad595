// DNS over QUIC (RFC 9250) for resolvers: one connection to each server, kept while it is in use.
import { type DnsServer, DOQ_ALPN, DoqConnection } from "../../dns/index.ts";
import { type ConnectionEvent, isTransportEvent, type StreamId } from "../../quic/index.ts";
import { ipVersion } from "../../wire/ip-address.ts";
import { quicDialer } from "../client/h3-connector.ts";
import type { ClientProtocols, DialedConnection, DialedProtocol } from "../client/quic-protocols.ts";
import { detach, guard, ignore } from "../guard.ts";
import { describeClose } from "../quic/close-reason.ts";
import { type QuicEnvironment, systemEnvironment } from "../quic/environment.ts";
import type { Carry } from "./exchange.ts";

export interface QuicCarrierOptions {
  /** Authorities to trust instead of Node's own, as PEM. */
  readonly ca?: string | readonly string[] | undefined;
  /** Skips the verification of certificates, and thus accepts any impostor. */
  readonly acceptsAnyCertificate?: boolean;
  readonly environment?: QuicEnvironment;
}

export interface QuicCarrier extends AsyncDisposable {
  readonly carry: Carry;
}

/** Milliseconds for a connection, handshake included. */
const CONNECT_TIMEOUT = 10_000;

export function quicCarrier({
  ca,
  acceptsAnyCertificate = false,
  environment = systemEnvironment,
}: QuicCarrierOptions = {}): QuicCarrier {
  const sessions = new Map<string, Promise<DoqSession>>();
  const protocols: ClientProtocols<DoqSession> = {
    [DOQ_ALPN]: (dialed) => new DoqSession(dialed, () => sessions.delete(dialed.origin)),
  };
  const dial = quicDialer(protocols, environment);
  const never = new AbortController().signal;

  const open = async (origin: string, { address, port, name = address }: DnsServer): Promise<DoqSession> => {
    try {
      return await dial(origin, {
        servername: name,
        port,
        addresses: [{ address, family: ipVersion(address) ?? 4 }],
        lookupStart: 0,
        lookupEnd: 0,
        ca: typeof ca === "string" ? [ca] : ca,
        rejectUnauthorized: !acceptsAnyCertificate,
        earlyData: false,
        keylog: undefined,
        connectTimeout: CONNECT_TIMEOUT,
        // Another question may wait for the same connection.
        signal: never,
        onChange: () => {},
      });
    } catch (error) {
      sessions.delete(origin);
      throw error;
    }
  };

  const sessionTo = (server: DnsServer): Promise<DoqSession> => {
    const origin = `doq://${server.name ?? ""}@${server.address}:${server.port}`;
    const session = sessions.get(origin) ?? open(origin, server);
    sessions.set(origin, session);
    return session;
  };

  return {
    async carry(server, message, signal) {
      const session = await sessionTo(server);
      signal.throwIfAborted();
      return session.ask(message, signal);
    },
    async [Symbol.asyncDispose]() {
      const all = await Promise.allSettled(sessions.values());
      for (const each of all) if (each.status === "fulfilled") each.value.destroy(new Error("the resolver was closed"));
    },
  };
}

interface Waiting {
  readonly message: Uint8Array;
  resolve(response: Uint8Array): void;
  reject(error: Error): void;
}

class DoqSession implements DialedProtocol {
  readonly #doq: DoqConnection;
  readonly #dialed: DialedConnection;
  readonly #asked = new Map<StreamId, Waiting>();
  /** Queries for which the server allows no stream yet. */
  readonly #waiting = new Set<Waiting>();
  readonly #onClosed: () => void;

  constructor(dialed: DialedConnection, onClosed: () => void) {
    this.#dialed = dialed;
    this.#doq = new DoqConnection(dialed.connection);
    this.#onClosed = onClosed;
  }

  /** Rejects with the signal's reason, or with why there is no response. */
  ask(message: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.#doq.isClosed) {
        reject(new Error("the connection has ended"));
        return;
      }
      const forget = (): void => signal.removeEventListener("abort", abort);
      const waiting: Waiting = {
        message,
        resolve: (response) => {
          forget();
          resolve(response);
        },
        reject: (error) => {
          forget();
          reject(error);
        },
      };
      const abort = guard(
        "client dns quic abort",
        ({ error }) => reject(error),
        () => {
          this.#forget(waiting);
          reject(signal.reason);
        },
      );
      signal.addEventListener("abort", abort, { once: true });
      this.#start(waiting);
    });
  }

  #start(waiting: Waiting): void {
    const id = this.#doq.ask(waiting.message);
    if (id === undefined) {
      this.#waiting.add(waiting);
      return;
    }
    this.#waiting.delete(waiting);
    this.#asked.set(id, waiting);
  }

  #forget(waiting: Waiting): void {
    this.#waiting.delete(waiting);
    for (const [id, each] of this.#asked) {
      if (each !== waiting) continue;
      this.#asked.delete(id);
      this.#doq.cancel(id);
    }
  }

  handleEvent(event: ConnectionEvent): void {
    if (event.type === "session") this.#dialed.keepSession(event, undefined);
    if (isTransportEvent(event)) this.#doq.handleTransportEvent(event);
    for (let next = this.#doq.pollEvent(); next !== undefined; next = this.#doq.pollEvent()) {
      switch (next.type) {
        case "response":
          this.#take(next.id)?.resolve(next.message);
          break;
        case "failed":
          this.#take(next.id)?.reject(new Error(next.why));
          break;
        case "streams-available":
          for (const each of [...this.#waiting]) this.#start(each);
          break;
        case "closed":
          this.#end(new Error(`the connection ended: ${describeClose(next.reason)}`));
          break;
      }
    }
  }

  #take(id: StreamId): Waiting | undefined {
    const waiting = this.#asked.get(id);
    this.#asked.delete(id);
    return waiting;
  }

  destroy(error: Error): void {
    if (this.#doq.isClosed) return;
    this.#doq.close();
    this.#end(error);
  }

  #end(error: Error): void {
    const all = [...this.#asked.values(), ...this.#waiting];
    this.#asked.clear();
    this.#waiting.clear();
    for (const each of all) each.reject(error);
    this.#onClosed();
    detach("client dns quic closed", ignore, this.#dialed.driver.close());
  }
}
