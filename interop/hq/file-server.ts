/**
 * A file server over HTTP/0.9 (ALPN hq-interop), for interop runs. It reads a file as fast as the client takes it, with
 * system calls that do not wait: the files are on a local disk, and most are shorter than one read.
 */

import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { locateFile, type ServedTree } from "../../src/edge/files/locate.ts";
import { parsePath } from "../../src/edge/files/safe-path.ts";
import type { CreateServerProtocol, ServerProtocol } from "../../src/host/quic/server-protocol.ts";
import { HQ_ALPN, HqConnection, type HqEvent } from "../../src/http/hq.ts";
import { type Connection, type ConnectionEvent, isTransportEvent, type StreamId } from "../../src/quic/index.ts";

const CHUNK = 64 * 1024;
const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;

/** For a listener's table of protocols: serves the files below `root`. */
export function hqFiles(
  root: string,
  log: (line: string) => void = console.error,
): Readonly<Record<typeof HQ_ALPN, CreateServerProtocol>> {
  const tree: ServedTree = { root, onRefused: (path, why) => log(`${path} is not served: ${why}`) };
  return { [HQ_ALPN]: (connection) => new HqFileServer(connection, tree) };
}

/** A file being sent. */
interface Sending {
  readonly fd: number;
  left: number;
}

class HqFileServer implements ServerProtocol {
  readonly #hq: HqConnection;
  readonly #tree: ServedTree;
  readonly #sending = new Map<StreamId, Sending>();
  /** Responses that the client has not acknowledged completely. */
  readonly #unfinished = new Set<StreamId>();
  #isDraining = false;

  constructor(connection: Connection, tree: ServedTree) {
    this.#hq = new HqConnection(connection);
    this.#tree = tree;
  }

  handleEvent(event: ConnectionEvent): void {
    if (!isTransportEvent(event)) return;
    this.#hq.handleTransportEvent(event);
    for (let next = this.#hq.pollEvent(); next !== undefined; next = this.#hq.pollEvent()) this.#handleHq(next);
    if (event.type === "stream-finished") this.#finish(event.id);
  }

  #handleHq(event: HqEvent): void {
    switch (event.type) {
      case "request":
        this.#respond(event.id, event.path);
        break;
      case "writable":
        this.#send(event.id);
        break;
      case "reset":
        this.#abort(event.id);
        break;
      case "closed":
        for (const id of [...this.#sending.keys()]) this.#stop(id);
        this.#unfinished.clear();
        break;
    }
  }

  #respond(id: StreamId, path: string): void {
    const sending = this.#isDraining ? undefined : this.#open(path);
    if (sending === undefined) {
      this.#hq.cancel(id);
      return;
    }
    this.#unfinished.add(id);
    this.#sending.set(id, sending);
    this.#send(id);
  }

  #open(target: string): Sending | undefined {
    const path = parsePath(target);
    const file = path.ok && !path.trailingSlash ? locateFile(this.#tree, path.segments) : undefined;
    if (file === undefined) return undefined;
    let fd: number | undefined;
    try {
      // Without O_NONBLOCK, opening a file that has become a pipe would wait for a writer. Windows has neither flag.
      fd = openSync(file.path, O_RDONLY | (O_NOFOLLOW ?? 0) | (O_NONBLOCK ?? 0));
      const stats = fstatSync(fd);
      if (stats.isFile()) return { fd, left: stats.size };
    } catch {
      // Removed in the meantime, or too many files are open.
    }
    if (fd !== undefined) closeSync(fd);
    return undefined;
  }

  /** Sends until the transport is full or the file ends. */
  #send(id: StreamId): void {
    for (let file = this.#sending.get(id); file !== undefined; file = this.#sending.get(id)) {
      if (!this.#hq.hasRoom(id)) return;
      const chunk = Buffer.allocUnsafeSlow(Math.min(file.left, CHUNK));
      let length = 0;
      try {
        if (chunk.length > 0) length = readSync(file.fd, chunk, 0, chunk.length, null);
      } catch {
        // As if the file ended here.
      }
      if (length === 0 && file.left > 0) {
        // The client must not take what it has for the whole file.
        this.#hq.cancel(id);
        this.#abort(id);
        return;
      }
      file.left -= length;
      const isLast = file.left === 0;
      this.#hq.writeData(id, chunk.subarray(0, length), isLast);
      if (isLast) this.#stop(id);
    }
  }

  #stop(id: StreamId): void {
    const file = this.#sending.get(id);
    if (file === undefined) return;
    this.#sending.delete(id);
    closeSync(file.fd);
  }

  #abort(id: StreamId): void {
    this.#stop(id);
    this.#finish(id);
  }

  #finish(id: StreamId): void {
    this.#unfinished.delete(id);
    if (this.#isDraining && this.#unfinished.size === 0) this.#hq.close();
  }

  drain(): void {
    this.#isDraining = true;
    if (this.#unfinished.size === 0) this.#hq.close();
  }

  close(): void {
    this.#hq.close();
    for (const id of [...this.#sending.keys()]) this.#stop(id);
  }
}
