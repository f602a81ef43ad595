/**
 * qlog as in draft-ietf-quic-qlog-main-schema, -quic-events and -h3-events (July 2026). Unlike the drafts, which allow
 * extensions, it allows no other events and members. It has only the events that the recordings could have.
 */

import {
  anyOf,
  both,
  type Check,
  float,
  hex,
  kinds,
  listOf,
  matching,
  object,
  oneOf,
  rule,
  text,
  uint64,
} from "./checks.ts";
import { http3Events } from "./http3-schema.ts";
import { quicEvents } from "./quic-schema.ts";

const loglevelEvents: Readonly<Record<string, Check>> = {
  error: object({ "code?": uint64, "message?": text }),
  warning: object({ "code?": uint64, "message?": text }),
  info: object({ message: text }),
  debug: object({ message: text }),
  verbose: object({ message: text }),
};

const inNamespace = (namespace: string, events: Readonly<Record<string, Check>>): [string, Check][] =>
  Object.entries(events).map(([name, data]) => [
    `${namespace}:${name}`,
    object({ time: float, name: text, data, "tuple?": text, "group_id?": hex() }),
  ]);

/** A record after the first. */
export const event: Check = kinds(
  "name",
  Object.fromEntries([
    ...inNamespace("quic", quicEvents),
    ...inNamespace("http3", http3Events),
    ...inNamespace("loglevel", loglevelEvents),
  ]),
);

const date = matching(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/);

/** The first record. */
export const fileHeader: Check = object({
  file_schema: oneOf("urn:ietf:params:qlog:file:sequential"),
  serialization_format: oneOf("application/qlog+json-seq"),
  "title?": text,
  "description?": text,
  trace: object({
    "title?": text,
    "description?": text,
    event_schemas: listOf(matching(/^urn:ietf:params:qlog:events:(?:quic-\d\d|http3-\d\d|loglevel)$/), 1),
    vantage_point: object({ "name?": text, type: oneOf("client", "server") }),
    common_fields: object({
      "group_id?": hex(),
      time_format: oneOf("relative_to_epoch"),
      reference_time: both(
        object({
          clock_type: oneOf("system", "monotonic"),
          epoch: anyOf(date, oneOf("unknown")),
          "wall_clock_time?": date,
        }),
        rule(
          "a monotonic clock has no epoch",
          ({ clock_type, epoch }) => clock_type !== "monotonic" || epoch === "unknown",
        ),
      ),
    }),
  }),
});
