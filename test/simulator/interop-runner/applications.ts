/** What the runner's clients and servers speak above QUIC: hq-interop (HTTP/0.9) and HTTP/3. */

import { H3Connection, type H3Options } from "../../../src/h3/index.ts";
import type { StreamId, StreamTransport, TransportEvent } from "../../../src/quic/transport.ts";
import { content, Download, type RequestedFile, sizeOf } from "./files.ts";

export type Protocol = "hq-interop" | "h3";

export interface Application {
  handle(event: TransportEvent): void;
}

export interface ClientApplication extends Application {
  readonly received: number;
  readonly isDone: boolean;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export const serverApplication = (protocol: string, transport: StreamTransport, h3: H3Options): Application =>
  protocol === "h3" ? new H3Server(transport, h3) : new HqServer(transport);

export const clientApplication = (
  protocol: Protocol,
  transport: StreamTransport,
  wanted: readonly RequestedFile[],
  h3: H3Options,
): ClientApplication => (protocol === "h3" ? new H3Client(transport, wanted, h3) : new HqClient(transport, wanted));

class HqServer implements Application {
  readonly #transport: StreamTransport;
  readonly #requests = new Map<StreamId, string>();
  readonly #sending = new Map<StreamId, { readonly path: string; sent: number }>();

  constructor(transport: StreamTransport) {
    this.#transport = transport;
  }

  handle(event: TransportEvent): void {
    if (event.type === "stream-readable") this.#read(event.id);
    if (event.type === "stream-writable") this.#write(event.id);
  }

  #read(id: StreamId): void {
    for (let chunk = this.#transport.read(id); chunk !== undefined; chunk = this.#transport.read(id)) {
      const text = (this.#requests.get(id) ?? "") + decoder.decode(chunk.bytes);
      this.#requests.set(id, text);
      if (!chunk.fin) continue;
      this.#requests.delete(id);
      const path = /^GET (\S+)\r\n$/.exec(text)?.[1];
      if (path === undefined) throw new Error(`not a request: ${text}`);
      this.#sending.set(id, { path, sent: 0 });
      this.#write(id);
    }
  }

  #write(id: StreamId): void {
    const file = this.#sending.get(id);
    while (file !== undefined && this.#transport.writableBytes(id) > 0) {
      const bytes = content(file.path, file.sent);
      file.sent += bytes.length;
      const isLast = file.sent === sizeOf(file.path);
      this.#transport.write(id, bytes, isLast);
      if (!isLast) continue;
      this.#sending.delete(id);
      return;
    }
  }
}

class HqClient implements ClientApplication {
  readonly #transport: StreamTransport;
  readonly #waiting: Download[];
  readonly #downloads = new Map<StreamId, Download>();
  #completed = 0;
  readonly #total: number;
  received = 0;

  constructor(transport: StreamTransport, wanted: readonly RequestedFile[]) {
    this.#transport = transport;
    this.#waiting = wanted.map((file) => new Download(file));
    this.#total = wanted.length;
  }

  get isDone(): boolean {
    return this.#completed === this.#total;
  }

  handle(event: TransportEvent): void {
    if (event.type === "connected" || event.type === "streams-available") this.#request();
    if (event.type === "stream-readable") this.#read(event.id);
  }

  #request(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const id = this.#transport.openStream("bidi");
      if (id === undefined) return;
      this.#waiting.shift();
      this.#downloads.set(id, next);
      this.#transport.write(id, encoder.encode(`GET ${next.path}\r\n`), true);
    }
  }

  #read(id: StreamId): void {
    const download = this.#downloads.get(id);
    if (download === undefined) throw new Error(`stream ${id} is not a response`);
    for (let chunk = this.#transport.read(id); chunk !== undefined; chunk = this.#transport.read(id)) {
      this.received += chunk.bytes.length;
      download.take(chunk.bytes, chunk.fin);
    }
    if (!download.isComplete) return;
    this.#downloads.delete(id);
    this.#completed += 1;
  }
}

class H3Server implements Application {
  readonly #h3: H3Connection;
  readonly #sending = new Map<StreamId, { readonly path: string; sent: number }>();

  constructor(transport: StreamTransport, options: H3Options) {
    this.#h3 = new H3Connection(transport, options);
  }

  handle(given: TransportEvent): void {
    this.#h3.handleTransportEvent(given);
    for (let event = this.#h3.pollEvent(); event !== undefined; event = this.#h3.pollEvent()) {
      if (event.type === "request") {
        const path = event.head.path!;
        this.#h3.respond(event.id, 200, [["content-length", String(sizeOf(path))]], false);
        this.#sending.set(event.id, { path, sent: 0 });
        this.#write(event.id);
      }
      if (event.type === "writable") this.#write(event.id);
    }
  }

  #write(id: StreamId): void {
    const file = this.#sending.get(id);
    while (file !== undefined && this.#h3.hasRoom(id)) {
      const bytes = content(file.path, file.sent);
      file.sent += bytes.length;
      const isLast = file.sent === sizeOf(file.path);
      this.#h3.writeData(id, bytes, isLast);
      if (!isLast) continue;
      this.#sending.delete(id);
      return;
    }
  }
}

class H3Client implements ClientApplication {
  readonly #h3: H3Connection;
  readonly #wanted: readonly RequestedFile[];
  readonly #downloads = new Map<StreamId, Download>();
  #completed = 0;
  received = 0;

  constructor(transport: StreamTransport, wanted: readonly RequestedFile[], options: H3Options) {
    this.#h3 = new H3Connection(transport, options);
    this.#wanted = wanted;
  }

  get isDone(): boolean {
    return this.#completed === this.#wanted.length;
  }

  handle(given: TransportEvent): void {
    this.#h3.handleTransportEvent(given);
    if (given.type === "connected") {
      for (const file of this.#wanted) {
        const head = { method: "GET", scheme: "https", authority: "server.test", path: file.path, fields: [] };
        this.#downloads.set(this.#h3.request(head, true)!, new Download(file));
      }
    }
    for (let event = this.#h3.pollEvent(); event !== undefined; event = this.#h3.pollEvent()) {
      if (event.type === "response" && event.head.status !== 200) throw new Error(`status ${event.head.status}`);
      if (event.type === "data") this.#read(event.id);
      if (event.type === "finished") {
        this.#downloads.get(event.id)!.take(new Uint8Array(0), true);
        this.#completed += 1;
      }
    }
  }

  #read(id: StreamId): void {
    for (let chunk = this.#h3.readData(id); chunk !== undefined; chunk = this.#h3.readData(id)) {
      this.received += chunk.bytes.length;
      this.#downloads.get(id)!.take(chunk.bytes, false);
    }
  }
}
