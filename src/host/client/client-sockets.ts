// The sockets of one client connection over QUIC. The connection moves to a new socket when the caller asks for it, when the
// system has lost the path of the old one, and to the server's preferred address (RFC 9000 §9).
import { type SocketAddress, sameAddress } from "../../base/datagrams.ts";
import type { Connection, ConnectionEvent, MigrationRefusal } from "../../quic/index.ts";
import { detach, ignore } from "../guard.ts";
import type { ConnectionListener, QuicDriver } from "../quic/driver.ts";
import type { UdpSocket } from "../udp/udp-socket.ts";
import { ClientError } from "./errors.ts";
import type { ChoosePreferred } from "./preferred-address.ts";

/** Where a connection moves to. */
export interface MigrateOptions {
  /** The address of this machine to move to. By default the system chooses it. The port is always new. */
  readonly local?: string;
}

/** Opens a socket for the connection. */
export type OpenSocket = (remote: SocketAddress, local: string | undefined) => Promise<UdpSocket>;

const REFUSALS: Readonly<Record<MigrationRefusal, string>> = {
  "not-confirmed": "the handshake is not confirmed yet",
  disabled: "the server does not allow clients to change their address",
  "no-connection-id": "the server has provided no connection id for another address",
  "in-progress": "it is already moving",
  "same-route": "it already uses this address",
  unavailable: "it has ended, or has used too many addresses",
};

const failure = (why: string, cause?: unknown): ClientError =>
  new ClientError("MIGRATION_FAILED", `the connection cannot move to another address: ${why}`, { cause });

/** A move whose route is being validated. */
interface Move {
  readonly socket: UdpSocket;
  resolve(): void;
  reject(error: Error): void;
}

export class ClientSockets {
  readonly #connection: Connection;
  readonly #driver: QuicDriver;
  readonly #open: OpenSocket;
  readonly #choosePreferred: ChoosePreferred;
  #isOpening = false;
  #move: Move | undefined;

  constructor(connection: Connection, driver: QuicDriver, open: OpenSocket, choosePreferred: ChoosePreferred) {
    this.#connection = connection;
    this.#driver = driver;
    this.#open = open;
    this.#choosePreferred = choosePreferred;
    for (const socket of driver.sockets) this.#watch(socket);
  }

  /** Moves the connection to a new socket. Rejects if that is impossible; the connection then stays where it is. */
  migrate({ local }: MigrateOptions = {}): Promise<void> {
    return this.#moveTo(this.#connection.remoteAddress, local);
  }

  /** Handles the events that concern sockets, and passes the others on. */
  before(next: ConnectionListener): ConnectionListener {
    return {
      handleEvent: (event, now) => {
        if (event.type === "closed") this.#settle()?.reject(failure("it has ended"));
        if (!this.#handleEvent(event)) next.handleEvent(event, now);
      },
    };
  }

  #handleEvent(event: ConnectionEvent): boolean {
    switch (event.type) {
      case "migrated":
        this.#settle()?.resolve();
        return true;
      case "migration-failed": {
        const move = this.#settle();
        if (move !== undefined) this.#drop(move.socket);
        move?.reject(failure("the server did not answer there"));
        return true;
      }
      case "route-abandoned":
        for (const socket of this.#driver.sockets) {
          if (event.local === undefined || !sameAddress(socket.address, event.local)) continue;
          if (socket !== this.#move?.socket) this.#drop(socket);
          break;
        }
        return true;
      case "preferred-address": {
        const preferred = this.#choosePreferred(event.addresses, this.#connection.remoteAddress);
        if (preferred !== undefined) this.#tryMove(preferred);
        return true;
      }
      default:
        return false;
    }
  }

  #settle(): Move | undefined {
    const move = this.#move;
    this.#move = undefined;
    return move;
  }

  /** If it fails, the connection stays where it is; a request on it reports what happens there. */
  #tryMove(remote: SocketAddress): void {
    if (this.#move !== undefined || this.#isOpening || !this.#connection.isHandshakeConfirmed) return;
    detach("client h3 move", ignore, this.#moveTo(remote, undefined).catch(ignore));
  }

  async #moveTo(remote: SocketAddress, local: string | undefined): Promise<void> {
    if (this.#move !== undefined || this.#isOpening) throw failure(REFUSALS["in-progress"]);
    this.#isOpening = true;
    const socket = await this.#open(remote, local)
      .catch((error: Error) => {
        throw failure(error.message, error);
      })
      .finally(() => {
        this.#isOpening = false;
      });
    if (!this.#connection.isOpen) {
      await socket.close();
      throw failure(REFUSALS.unavailable);
    }
    this.#watch(socket);
    this.#driver.addSocket(socket);
    const refusal = this.#connection.migrate(socket.address, remote, this.#driver.now());
    if (refusal !== undefined) {
      this.#drop(socket);
      throw failure(REFUSALS[refusal]);
    }
    await new Promise<void>((resolve, reject) => {
      this.#move = { socket, resolve, reject };
    });
  }

  #watch(socket: UdpSocket): void {
    socket.onUnreachable = () => {
      // A path that is being tried may fail; the connection does not need it.
      if (socket === this.#move?.socket) return;
      this.#tryMove(this.#connection.remoteAddress);
    };
  }

  #drop(socket: UdpSocket): void {
    socket.onUnreachable = undefined;
    detach("client h3 socket", ignore, this.#driver.removeSocket(socket));
  }
}
