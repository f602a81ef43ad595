/** Short responses in plain text. */

import { STATUS_CODES } from "node:http";
import type { FieldLine } from "../../http/index.ts";
import { respondWhole, type ServerExchange } from "./exchange.ts";

/** `404 Not Found`, and the reason if there is one. */
export function respondText(
  exchange: ServerExchange,
  status: number,
  reason?: string,
  fields: readonly FieldLine[] = [],
): void {
  if (exchange.aborted !== undefined) return;
  const title = `${status} ${STATUS_CODES[status] ?? ""}`.trimEnd();
  const content = new TextEncoder().encode(`${title}${reason === undefined ? "" : `: ${reason}`}\n`);
  respondContent(exchange, status, content, "text/plain; charset=utf-8", fields);
}

/** A whole response; only its head to HEAD (RFC 9110 §9.3.2). */
export function respondContent(
  exchange: ServerExchange,
  status: number,
  content: Uint8Array,
  contentType: string,
  fields: readonly FieldLine[] = [],
): void {
  const head: FieldLine[] = [...fields, ["content-type", contentType], ["content-length", String(content.byteLength)]];
  if (exchange.method === "HEAD" || content.byteLength === 0) exchange.respond(status, head, { endStream: true });
  else respondWhole(exchange, status, head, content);
}
