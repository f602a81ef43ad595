/**
 * Loaded before a file of undici's tests. UNDICI_SUITE_OVER chooses the agent: "undici" leaves undici's own in place;
 * "install" calls install(), and requests to http:// take the way they have there; a protocol also adds a server of
 * nagare/node beside each server of the test, and sends requests there.
 * UNDICI_SUITE_FETCH=global puts Node's own fetch in place of that of the sources.
 */
import { setGlobalFetch } from "./global-fetch.ts";
import { mirrorServers } from "./mirror.ts";

const { UNDICI_SUITE_OVER: over = "undici", UNDICI_SUITE_FETCH: fetch, UNDICI_SUITE_SOURCE: source } = process.env;

if (fetch === "global") setGlobalFetch(source!);
if (over !== "undici") {
  const { install } = await import("../../src/undici/index.ts");
  if (over === "install") install();
  else mirrorServers(over as "http/1.1" | "h2" | "h3");
}
