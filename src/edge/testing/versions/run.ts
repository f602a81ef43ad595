/** Runs a row over one version, and normalizes the outcome. */

import type { FieldSection, HttpVersion } from "../../../http/index.ts";
import { openRawHttp1 } from "./raw-http1.ts";
import { openRawHttp2 } from "./raw-http2.ts";
import { openRawHttp3 } from "./raw-http3.ts";
import type { OpenRawClient, RawAnswer, RawClient, RawRequest } from "./raw-message.ts";
import type { Cut, Outcome, Row } from "./row.ts";
import type { TableServer } from "./services.ts";

export const RAW_CLIENTS: readonly (readonly [HttpVersion, OpenRawClient])[] = [
  ["http/1.1", openRawHttp1],
  ["h2", openRawHttp2],
  ["h3", openRawHttp3],
];

/** RFC 9113 §7, RFC 9114 §8.1 */
const CUTS: Readonly<Record<string, Cut>> = {
  "h2 1": "malformed",
  "h2 2": "failed",
  "h2 11": "too much",
  "h3 270": "malformed",
  "h3 258": "failed",
  // HTTP/1.1 has no other way to signal that a message is incomplete (RFC 9112 §8).
  "http/1.1 closed": "failed",
};

const CONNECTION_SPECIFIC = /^(connection|keep-alive|transfer-encoding|date|alt-svc)$/;

const cutOf = (version: HttpVersion, cut: RawAnswer["cut"]): Cut | undefined =>
  cut === undefined ? undefined : (CUTS[`${version} ${cut}`] ?? "closed");

export async function outcomeOf(client: RawClient, server: TableServer, row: Row): Promise<Outcome> {
  const request: RawRequest = row.request;
  server.takeSeen();
  const answer = await client.send(request);
  const seen = server.takeSeen();
  return {
    status: answer.status,
    fields: normalized(answer.fields),
    // Part of an aborted response may be lost on the way (RFC 9000 §3.3).
    body: answer.cut === undefined ? answer.body : "",
    trailers: answer.trailers,
    informational: answer.informational.map(({ status }) => status),
    cut: cutOf(client.version, answer.cut),
    seen:
      seen === undefined || client.version !== "http/1.1"
        ? seen
        : { ...seen, fields: seen.fields.filter(([name]) => row.http1Only?.names.includes(name) !== true) },
  };
}

/** Joins lines with the same name into one list (RFC 9110 §5.3), and sorts by name, since the order of names is irrelevant. */
function normalized(fields: FieldSection): FieldSection {
  const combined = new Map<string, string>();
  for (const [name, value] of fields) {
    if (CONNECTION_SPECIFIC.test(name)) continue;
    const before = combined.get(name);
    combined.set(name, before === undefined ? value : `${before}${name === "set-cookie" ? "\n" : ", "}${value}`);
  }
  return [...combined].sort(([a], [b]) => (a < b ? -1 : 1));
}
