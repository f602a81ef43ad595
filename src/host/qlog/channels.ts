/**
 * Publishes connections on channels of node:diagnostics_channel: "nagare:quic" and "nagare:http3". Messages are qlog events
 * with redacted fields. Subscribers hear of connections that begin later; without any, connections create no events.
 */

import { channel } from "node:diagnostics_channel";
import { toHex } from "../../wire/hex.ts";
import type { TraceConnection } from "../quic/tracing.ts";
import { ConnectionEvents } from "./events.ts";
import type { QlogObject } from "./values.ts";

/** A message on a channel. */
export interface TraceMessage {
  /** The id that the client first sent to, in hexadecimal. */
  readonly connection: string;
  readonly role: "client" | "server";
  /** Milliseconds since the connection began. */
  readonly time: number;
  /** The name of the event in qlog, such as "quic:packet_sent". */
  readonly name: string;
  readonly data: QlogObject;
}

const quic = channel("nagare:quic");
const http3 = channel("nagare:http3");

export const publishConnection: TraceConnection = (originalDestination, role) => {
  if (!quic.hasSubscribers && !http3.hasSubscribers) return undefined;
  const connection = toHex(originalDestination.bytes);
  const events = new ConnectionEvents(({ name, data }, time) => {
    const target = name.startsWith("http3:") ? http3 : quic;
    if (target.hasSubscribers) target.publish({ connection, role, time, name, data } satisfies TraceMessage);
  }, true);
  return (event, now) => events.handle(event, now);
};
