// curl's -v and -i: "*" what happens, ">" what is sent, "<" what comes.
import type { ExchangeFacts, FetchInit, Protocol } from "../../client/index.ts";
import { type Colors, colorsFor, type Io } from "../io.ts";
import { duration, PROTOCOL_NAMES } from "./units.ts";

export class Verbose {
  readonly #io: Io;
  readonly #colors: Colors;

  constructor(io: Io) {
    this.#io = io;
    this.#colors = colorsFor(io.stderr, io.env);
  }

  request(url: URL, init: FetchInit): void {
    this.#say(">", `${init.method} ${url.pathname}${url.search}`);
    const headers = new Headers(init.headers as Headers);
    if (!headers.has("host")) this.#say(">", `host: ${url.host}`);
    for (const [name, value] of headers) this.#say(">", `${name}: ${value}`);
    this.#say(">", "");
  }

  informational(status: number, headers: Headers): void {
    this.#say("<", String(status));
    for (const [name, value] of headers) this.#say("<", `${name}: ${value}`);
    this.#say("<", "");
  }

  response(response: Response, facts: ExchangeFacts): void {
    for (const { status, url } of facts.redirects) this.note(`${url} answered ${status}, followed`);
    const { connection, protocol } = facts;
    const where = `${facts.remoteAddress} port ${facts.remotePort}`;
    this.note(facts.reused ? `the connection to ${where} is used again` : `connected to ${where}`);
    if (!facts.reused && connection.handshakeEnd !== undefined && connection.handshakeStart !== undefined) {
      const details = Object.entries(facts.stats().details)
        .map(([name, value]) => `${name} ${value}`)
        .join(", ");
      this.note(
        `handshake in ${duration(connection.handshakeEnd - connection.handshakeStart)}${details === "" ? "" : ` (${details})`}`,
      );
    }
    this.note(`speaking ${PROTOCOL_NAMES[protocol]}`);
    for (const line of headLines(response, protocol).trimEnd().split("\r\n")) this.#say("<", line);
    this.#say("<", "");
  }

  note(text: string): void {
    this.#say("*", text);
  }

  #say(mark: string, text: string): void {
    this.#io.stderr.write(`${this.#colors.dim(mark)} ${printable(text)}\n`);
  }
}

/** The status line and fields, as HTTP/1.1 would write them. */
export function headLines(response: Response, protocol: Protocol): string {
  const version = PROTOCOL_NAMES[protocol];
  const lines = [`${version} ${response.status}${response.statusText === "" ? "" : ` ${response.statusText}`}`];
  for (const [name, value] of response.headers) lines.push(`${name}: ${value}`);
  return `${lines.map(printable).join("\r\n")}\r\n\r\n`;
}

/** A field value may hold what a terminal would obey. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is the point
  return text.replace(/[\x00-\x08\x0a-\x1f\x7f-\x9f]/g, "�");
}
