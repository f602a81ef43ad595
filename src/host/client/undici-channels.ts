// Keeps a request of undici's Client off undici's diagnostics channels. nagare/undici publishes its requests when
// they are dispatched, before it knows the protocol; on HTTP/1.1 undici would publish each a second time, and tracing
// tools would report two requests.
import type { Channel } from "node:diagnostics_channel";
import { undiciChannels } from "./undici.ts";

interface Message {
  readonly request: object;
}
type Publisher = Pick<Channel, "hasSubscribers" | "publish">;

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
  for (const name of REQUEST_CHANNELS) {
    const channel = undiciChannels[name];
    if (channel !== undefined) undiciChannels[name] = filtered(channel);
  }
}

function filtered(channel: Publisher): Publisher {
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
