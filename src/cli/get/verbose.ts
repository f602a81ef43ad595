// curl's -v: "*" marks events, ">" what is sent and "<" what is received, all in order.
import type { SentRequest } from "../../client/index.ts";
import { printable } from "../../wire/printable.ts";
import { type Colors, colorsFor, type Io } from "../io.ts";
import { duration, PROTOCOL_NAMES } from "./units.ts";

export class Verbose {
  readonly #io: Io;
  readonly #colors: Colors;

  constructor(io: Io) {
    this.#io = io;
    this.#colors = colorsFor(io.stderr, io.env);
  }

  /** Prints how the connection was made, then everything that is sent. */
  request(sent: SentRequest): void {
    const { head, contentLength, protocol, connection } = sent;
    const where = `${sent.remoteAddress} port ${sent.remotePort}`;
    this.note(sent.reused ? `reusing the connection to ${where}` : `connected to ${where}`);
    if (!sent.reused && connection.handshakeEnd !== undefined && connection.handshakeStart !== undefined) {
      const details = Object.entries(sent.stats().details)
        .map(([name, value]) => `${name} ${value}`)
        .join(", ");
      this.note(
        `handshake in ${duration(connection.handshakeEnd - connection.handshakeStart)}${details === "" ? "" : ` (${details})`}`,
      );
    }
    this.#say(">", `${head.method} ${head.path} ${PROTOCOL_NAMES[protocol]}`);
    this.#say(">", `host: ${head.authority}`);
    for (const [name, value] of head.fields) this.#say(">", `${name}: ${value}`);
    if (contentLength !== undefined) this.#say(">", `content-length: ${contentLength}`);
    this.#say(">", "");
  }

  received(line: string): void {
    this.#say("<", line);
  }

  note(text: string): void {
    this.#say("*", text);
  }

  #say(mark: string, text: string): void {
    this.#io.stderr.write(`${this.#colors.dim(mark)} ${printable(text)}\n`);
  }
}
