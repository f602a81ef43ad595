/**
 * Keeps Node's own server for HTTP/1.1 and HTTP/2, beneath the exchanges, from tools that observe servers: Node
 * publishes its objects on diagnostics channels and measures them for PerformanceObservers, and tracing tools make a
 * span of each request that it emits. `nagare/node` shows them the `req` and `res` that its listeners get, once for each
 * request in every version, and fetch handlers have their own channel.
 */
import { channel } from "node:diagnostics_channel";
import type { EventEmitter } from "node:events";
import { Http1Response } from "./http1-response.ts";

const CHANNELS = ["http.server.request.start", "http.server.response.finish"];

let isHidden = false;

export function hideInnerServer(server: EventEmitter): void {
  // Datadog's tracer gives each server that node:http2 creates an `emit` of its own.
  delete (server as { emit?: unknown }).emit;
  hideInnerResponses();
}

/** Keeps messages about inner responses from subscribers. Node calls `publish` only if there are any. */
function hideInnerResponses(): void {
  if (isHidden) return;
  isHidden = true;
  for (const each of CHANNELS.map((name) => channel(name))) {
    const publish = function (this: typeof each, message: unknown): void {
      if ((message as { response?: unknown }).response instanceof Http1Response) return;
      Object.getPrototypeOf(this).publish.call(this, message);
    };
    // Node changes a channel's prototype with its first and last subscriber, so an own property stays.
    Object.defineProperty(each, "publish", { value: publish, configurable: true, writable: true });
  }
}
