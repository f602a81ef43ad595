/**
 * A tap between TLS and node:http2, which hides PRIORITY_UPDATE frames (RFC 9218 §7.1) and has none of drafts: it reads along what
 * clients send, and may add frames after SETTINGS. It costs CPU, because Node otherwise moves these bytes without JavaScript, so a listener has it only on request.
 */
import type { Http2SecureServer, ServerHttp2Session } from "node:http2";
import type { TLSSocket } from "node:tls";
import {
  completePriority,
  HTTP2_PROTOCOL_ERROR,
  Http2Boundary,
  Http2FrameError,
  type Priority,
  PriorityUpdateReader,
  parsePriority,
} from "../../http/priority/index.ts";
import { type Fault, guard } from "../guard.ts";
import type { ListenerOptions } from "./listener.ts";
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

const tapOf = (socket: TLSSocket, onFault: (fault: Fault) => void, bytes: Uint8Array): TappedSocket =>
  bytes.length === 0 ? new TappedSocket(socket, onFault) : new AnnouncingSocket(socket, onFault, bytes);

/** Writes frames of its own once, after the server's SETTINGS. */
class AnnouncingSocket extends TappedSocket {
  readonly #boundary = new Http2Boundary("server");
  #bytes: Uint8Array | undefined;

  constructor(tls: TLSSocket, onFault: (fault: Fault) => void, bytes: Uint8Array) {
    super(tls, onFault);
    this.#bytes = bytes;
  }

  override _write(chunk: Uint8Array, encoding: unknown, done: (error?: Error | null) => void): void {
    super._write(chunk, encoding, done);
    this.#follow(chunk);
  }

  override _writev(chunks: readonly { readonly chunk: Uint8Array }[], done: (error?: Error | null) => void): void {
    super._writev(chunks, done);
    for (const { chunk } of chunks) this.#follow(chunk, chunk === chunks.at(-1)!.chunk);
  }

  #follow(chunk: Uint8Array, isLast = true): void {
    if (this.#bytes === undefined) return;
    this.#boundary.handle(chunk);
    if (!isLast || !this.#boundary.isOpen || this.tls.destroyed || this.tls.writableEnded) return;
    this.tls.write(this.#bytes);
    this.#bytes = undefined;
  }
}

export class Http2Tap {
  readonly #sockets = new WeakMap<ServerHttp2Session, TappedSocket>();
  #current: TappedSocket | undefined;

  /** Puts a tap before the sessions of a server. */
  constructor(server: Http2SecureServer, onFault: (fault: Fault) => void, frames: readonly Uint8Array[] = []) {
    const bytes = Buffer.concat(frames);
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
          this.#current = socket.alpnProtocol === "h2" ? tapOf(socket, onFault, bytes) : undefined;
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

/** A tap for options that need one. */
export const http2TapFor = (
  { http2PriorityUpdate, connectionFrames }: Pick<ListenerOptions, "http2PriorityUpdate" | "connectionFrames">,
  server: Http2SecureServer,
  onFault: (fault: Fault) => void,
): Http2Tap | undefined =>
  http2PriorityUpdate || connectionFrames !== undefined
    ? new Http2Tap(server, onFault, connectionFrames?.h2)
    : undefined;
