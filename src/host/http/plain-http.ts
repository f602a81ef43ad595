/** The answer to plain HTTP on a port that speaks TLS: without one, a client sees only that the connection closed. */
import type { Socket } from "node:net";

const TEXT = "400 Bad Request: this port speaks HTTPS, and the request came as plain HTTP. Use https:// instead.\n";
const ANSWER = `HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${TEXT.length}\r\nConnection: close\r\n\r\n${TEXT}`;

/** `error` is what TLS made of the first bytes; `raw` the connection below it. */
export function answerPlainHttp(error: Error & { readonly code?: string }, raw: Socket | undefined): void {
  if (error.code === "ERR_SSL_HTTP_REQUEST" && raw?.writable) raw.end(ANSWER);
}
