/** HTTP/1.1 as bytes on a TLS socket, and a parser for its responses (RFC 9112). */

import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";
import type { FieldLine } from "../../../http/index.ts";
import { AnswerBuilder, AUTHORITY, type OpenRawClient, type RawAnswer, type RawRequest } from "./raw-message.ts";

export function http1Bytes(request: RawRequest): string {
  if (request.http1 !== undefined) return request.http1.replaceAll("\n", "\r\n");
  const { method = "GET", target = "/", authority = AUTHORITY, fields = [], body = [], trailers } = request;
  let head = `${method} ${target} HTTP/1.1\r\n`;
  if (authority !== null) head += `Host: ${authority}\r\n`;
  for (const [name, value] of fields) head += `${name}: ${value}\r\n`;
  const isSized = fields.some(([name]) => name.toLowerCase() === "content-length");
  const isCoded = fields.some(([name]) => name.toLowerCase() === "transfer-encoding");
  if (body.length === 0 && trailers === undefined) return `${head}\r\n`;
  if (isSized) return `${head}\r\n${body.join("")}`;
  if (!isCoded) head += "Transfer-Encoding: chunked\r\n";
  const chunks = body.filter((chunk) => chunk !== "").map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`);
  const trailing = (trailers ?? []).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${head}\r\n${chunks.join("")}0\r\n${trailing.join("")}\r\n`;
}

/** Reads lines, or a number of bytes, from a socket. */
class Source {
  #bytes = "";
  #isEnded = false;
  #wake: (() => void) | undefined;

  constructor(socket: TLSSocket) {
    socket.on("data", (chunk: Buffer) => {
      this.#bytes += chunk.toString("latin1");
      this.#wake?.();
    });
    const end = (): void => {
      this.#isEnded = true;
      this.#wake?.();
    };
    socket.on("error", () => undefined);
    socket.on("end", end);
    socket.on("close", end);
  }

  async line(): Promise<string | undefined> {
    while (!this.#bytes.includes("\r\n")) if (!(await this.#more())) return undefined;
    const end = this.#bytes.indexOf("\r\n");
    const line = this.#bytes.slice(0, end);
    this.#bytes = this.#bytes.slice(end + 2);
    return line;
  }

  async take(count: number): Promise<string> {
    while (this.#bytes.length < count) if (!(await this.#more())) break;
    const taken = this.#bytes.slice(0, count);
    this.#bytes = this.#bytes.slice(count);
    return taken;
  }

  async #more(): Promise<boolean> {
    if (this.#isEnded) return false;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    return true;
  }
}

async function fieldsFrom(source: Source): Promise<FieldLine[] | undefined> {
  const fields: FieldLine[] = [];
  for (let line = await source.line(); line !== ""; line = await source.line()) {
    if (line === undefined) return undefined;
    const colon = line.indexOf(":");
    fields.push([line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]);
  }
  return fields;
}

const latin1 = (text: string): Uint8Array => Buffer.from(text, "latin1");

async function answerFrom(source: Source, method: string): Promise<RawAnswer> {
  const answer = new AnswerBuilder();
  for (;;) {
    const status = Number((await source.line())?.split(" ")[1]);
    const fields = await fieldsFrom(source);
    if (fields === undefined || Number.isNaN(status)) return answer.end("closed");
    answer.head(status, fields);
    if (status < 200) continue;
    const fieldOf = (name: string): string | undefined => fields.find((line) => line[0] === name)?.[1];
    if (method === "HEAD" || status === 204 || status === 304) return answer.end(undefined);
    if (fieldOf("transfer-encoding") === "chunked") return chunksFrom(source, answer);
    const length = Number(fieldOf("content-length") ?? Number.POSITIVE_INFINITY);
    const body = await source.take(length);
    answer.content(latin1(body));
    return answer.end(Number.isFinite(length) && body.length < length ? "closed" : undefined);
  }
}

async function chunksFrom(source: Source, answer: AnswerBuilder): Promise<RawAnswer> {
  for (;;) {
    const line = await source.line();
    if (line === undefined) return answer.end("closed");
    const size = Number.parseInt(line, 16);
    if (size === 0) break;
    answer.content(latin1(await source.take(size)));
    await source.line();
  }
  const trailers = await fieldsFrom(source);
  return trailers === undefined ? answer.end("closed") : answer.end(undefined, trailers);
}

/** Each request has its own connection, since many of them end it. */
export const openRawHttp1: OpenRawClient = async (port) => ({
  version: "http/1.1",
  send: async (request) => {
    const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ALPNProtocols: ["http/1.1"] });
    const source = new Source(socket);
    await once(socket, "secureConnect");
    const bytes = http1Bytes(request);
    socket.write(bytes, "latin1");
    try {
      return await answerFrom(source, bytes.split(" ", 1)[0]!);
    } finally {
      socket.destroy();
    }
  },
  close: () => undefined,
});
