/** Answers plain HTTP on a TLS port. Otherwise a client would only see the connection close. */
import type { Socket } from "node:net";

const TEXT = "400 Bad Request: this port speaks HTTPS, but the request was plain HTTP. Use https:// instead.\n";
const ANSWER = `HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${TEXT.length}\r\nConnection: close\r\n\r\n${TEXT}`;

/** `error` is TLS's error about the first bytes; `raw` is the TCP connection. */
export function answerPlainHttp(error: Error & { readonly code?: string }, raw: Socket | undefined): void {
  if (error.code === "ERR_SSL_HTTP_REQUEST" && raw?.writable) raw.end(ANSWER);
}
