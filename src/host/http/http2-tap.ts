/**
 * A tap between TLS and node:http2, which hides PRIORITY_UPDATE frames (RFC 9218 §7.1): it reads along what clients send. It
 * costs CPU, because Node otherwise moves these bytes without JavaScript, so a listener has it only on request.
 */
import type { Http2SecureServer, ServerHttp2Session } from "node:http2";
import type { TLSSocket } from "node:tls";
import {
  completePriority,
  HTTP2_PROTOCOL_ERROR,
  Http2FrameError,
  type Priority,
  PriorityUpdateReader,
  parsePriority,
} from "../../http/priority/index.ts";
import { type Fault, guard } from "../guard.ts";
import { TappedSocket } from "./tapped-socket.ts";

/** An HTTP/2 request whose priority may change. */
interface Prioritized {
  handlePriority(priority: Priority): void;
}

/** The requests of a session by their streams, and updates of those that have not arrived. */
export class Http2Priorities {
  readonly #requests = new Map<number, Prioritized>();
  readonly #early = new Map<number, Priority>();
  readonly #maxStreams: number;
  #lastStream = 0;

  constructor(maxStreams: number) {
    this.#maxStreams = maxStreams;
  }

  /** Returns what an update has said before. */
  add(id: number, request: Prioritized): Priority | undefined {
    this.#requests.set(id, request);
    this.#lastStream = Math.max(this.#lastStream, id);
    const early = this.#early.get(id);
    // RFC 9113 §5.1.1: lower ones that were not used are closed.
    for (const known of this.#early.keys()) if (known <= id) this.#early.delete(known);
    return early;
  }

  delete(id: number): void {
    this.#requests.delete(id);
  }

  handleUpdate(id: number, value: string): void {
    // RFC 9218 §7 allows to end the connection for a value that does not parse. A hint is not worth that.
    const members = parsePriority(value);
    if (members === undefined) return;
    const priority = completePriority(members);
    const request = this.#requests.get(id);
    if (request !== undefined) request.handlePriority(priority);
    else if (id > this.#lastStream) {
      this.#early.set(id, priority);
      // RFC 9218 §7.1
      if (this.#early.size + this.#requests.size > this.#maxStreams) {
        throw new Http2FrameError(HTTP2_PROTOCOL_ERROR, "PRIORITY_UPDATE of more streams than may be open");
      }
    }
  }
}

export class Http2Tap {
  readonly #sockets = new WeakMap<ServerHttp2Session, TappedSocket>();
  #current: TappedSocket | undefined;

  /** Puts a tap before the sessions of a server. */
  constructor(server: Http2SecureServer, onFault: (fault: Fault) => void) {
    const [begin] = server.listeners("secureConnection") as ((socket: unknown) => void)[];
    server.removeAllListeners("secureConnection");
    server.on(
      "secureConnection",
      guard(
        "http2 tap",
        (fault, socket: TLSSocket) => {
          socket.destroy();
          onFault(fault);
        },
        (socket: TLSSocket) => {
          this.#current = socket.alpnProtocol === "h2" ? new TappedSocket(socket, onFault) : undefined;
          begin!.call(server, this.#current ?? socket);
          this.#current = undefined;
        },
      ),
    );
  }

  /** The TLS connection of a session, which sees only the tap. */
  socketOf(session: ServerHttp2Session): TLSSocket | undefined {
    if (this.#current !== undefined && !this.#sockets.has(session)) this.#sockets.set(session, this.#current);
    return this.#sockets.get(session)?.tls;
  }

  /** Begins to read a session's frames. */
  connect(session: ServerHttp2Session, maxStreams: number): Http2Priorities | undefined {
    const socket = this.#sockets.get(session);
    if (socket === undefined) return undefined;
    const priorities = new Http2Priorities(maxStreams);
    const reader = new PriorityUpdateReader((id, value) => priorities.handleUpdate(id, value));
    socket.onData = (bytes) => {
      try {
        reader.read(bytes);
      } catch (error) {
        if (!(error instanceof Http2FrameError)) throw error;
        socket.onData = () => {};
        session.destroy(error, error.code);
      }
    };
    return priorities;
  }
}
