// Keeps a request of undici's Client off undici's diagnostics channels. nagare/undici publishes its requests when
// they are dispatched, before it knows the protocol; on HTTP/1.1 undici would publish each a second time, and tracing
// tools would report two requests.
import type { Channel } from "node:diagnostics_channel";
import { createRequire } from "node:module";

interface Message {
  readonly request: object;
}
type Channels = Record<string, Pick<Channel, "hasSubscribers" | "publish"> | undefined>;

/** The channels whose messages name a request. */
const REQUEST_CHANNELS = [
  "create",
  "bodySent",
  "bodyChunkSent",
  "bodyChunkReceived",
  "headers",
  "trailers",
  "error",
  "sendHeaders",
];

const hidden = new WeakSet<object>();
let isHiding = false;
let isPrepared = false;

/** Calls `dispatch`, which passes one request to undici synchronously. Nothing of that request is published. */
export function unpublished(dispatch: () => unknown): void {
  prepare();
  isHiding = true;
  try {
    dispatch();
  } finally {
    isHiding = false;
  }
}

/** Puts a filter between our copy of undici and the channels. Other requests of that copy pass. */
function prepare(): void {
  if (isPrepared) return;
  isPrepared = true;
  const { channels } = createRequire(import.meta.url)("undici/lib/core/diagnostics.js") as { channels: Channels };
  for (const name of REQUEST_CHANNELS) {
    const channel = channels[name];
    if (channel !== undefined) channels[name] = filtered(channel);
  }
}

function filtered(channel: NonNullable<Channels[string]>): NonNullable<Channels[string]> {
  return {
    get hasSubscribers() {
      return isHiding || channel.hasSubscribers;
    },
    publish(message) {
      const { request } = message as Message;
      // "create" comes first, and from the constructor of the request: what follows may be another request.
      if (isHiding) hidden.add(request);
      isHiding = false;
      if (!hidden.has(request)) channel.publish(message);
    },
  };
}
