/**
 * Our client's first request goes over HTTP/3 to where Knot's HTTPS record says: nothing listens at the origin's own port, neither
 * over TCP nor over UDP, so without the record the site is not found.
 */

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { ClientError, createClient, createResolver } from "../../src/client/index.ts";
import { freePort } from "../../src/host/udp/free-port.ts";
import { HOST, type TestIdentity } from "../certificates.ts";
import type { PeerEntry } from "../peer.ts";
import { createSite } from "../site.ts";
import { startKnot } from "./servers.ts";

const APEX = `$ORIGIN ${HOST}.\n@ 60 SOA ns h 1 2 3 4 5\n@ 60 NS ns\nns 60 A 127.0.0.1\n@ 60 A 127.0.0.1\n`;
/** Milliseconds for both parts. */
const LIMIT = 60_000;

export async function firstRequest(
  peer: PeerEntry,
  knot: readonly string[],
  parent: string,
  identity: TestIdentity,
  log: (line: string) => void,
): Promise<string> {
  const { version, server } = await peer.install(log);
  const directory = join(parent, `first-request-${peer.name}`);
  await mkdir(directory, { recursive: true });
  const site = createSite(directory, 1);
  const cell = { directory, site, identity, signal: AbortSignal.timeout(LIMIT) };
  await using running = await server!.start(identity, cell);
  const nothing = await freePort();
  const record = `_${nothing}._https 60 HTTPS 1 ${HOST}. alpn=h3,h2 port=${running.port}\n`;
  const url = `https://${HOST}:${nothing}${site.page}`;
  const without = await protocolOf(url, APEX, knot, join(directory, "without"), identity);
  if (without !== undefined) throw new Error(`without the record, the response came over ${without}`);
  const over = await protocolOf(url, APEX + record, knot, join(directory, "with"), identity);
  if (over !== "h3") throw new Error(`with the record, the response came over ${over ?? "nothing"}`);
  return `version ${version}: the first request is over h3; without the record, it fails`;
}

/** Of the first response to a fresh client; undefined if nothing listens where it connects. */
async function protocolOf(
  url: string,
  zone: string,
  knot: readonly string[],
  directory: string,
  identity: TestIdentity,
): Promise<string | undefined> {
  await mkdir(directory, { recursive: true });
  await using started = await startKnot(knot, directory, zone, identity, HOST);
  await using resolver = createResolver({ servers: [`127.0.0.1:${started.port}`] });
  await using client = createClient({ ca: identity.ca, resolver });
  try {
    const response = await client.fetch(url);
    if (!response.ok) throw new Error(`the response is ${response.status}`);
    await response.text();
    return client.facts(response)!.protocol;
  } catch (error) {
    if (error instanceof ClientError && error.code === "CONNECTION_REFUSED") return undefined;
    throw error;
  }
}
