/** A socket that is made before its target is known, as by `new net.Socket()`: it connects with TLS if it has to. */
import type { Socket } from "node:net";
import { Duplex } from "node:stream";

type Connect = (...given: unknown[]) => Socket;

export class LateSocket extends Duplex {
  #socket: Socket | undefined;
  readonly #connect: Connect;

  constructor(connect: Connect) {
    super({ allowHalfOpen: false });
    this.#connect = connect;
  }

  connect(...given: unknown[]): this {
    const callback = given.at(-1);
    const isCalledBack = typeof callback === "function";
    const socket = this.#connect(...(isCalledBack ? given.slice(0, -1) : given));
    this.#socket = socket;
    if (isCalledBack) this.once("connect", callback as () => void);
    socket.on("connect", () => {
      this.emit("connect");
      this.emit("ready");
    });
    socket.on("data", (chunk) => this.push(chunk) || socket.pause());
    socket.on("end", () => this.push(null));
    socket.on("error", (error) => this.destroy(error));
    socket.on("close", () => this.destroy());
    return this;
  }

  override _read(): void {
    this.#socket?.resume();
  }

  override _write(chunk: Uint8Array, _encoding: string, callback: (error?: Error | null) => void): void {
    this.#socket!.write(chunk, callback);
  }

  override _final(callback: () => void): void {
    this.#socket!.end(callback);
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#socket?.destroy();
    callback(error);
  }
}
