/** The endpoint as a client: downloads URLs into a folder, over as many connections as the test case says. */

import { createWriteStream } from "node:fs";
import { basename, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createClient } from "../../src/client/index.ts";
import { createHttp3Connector } from "../../src/host/client/h3-connector.ts";
import type { ChoosePreferred } from "../../src/host/client/preferred-address.ts";
import { resolveHost } from "../../src/host/client/resolve.ts";
import type { ResolvedAddress } from "../../src/host/client/session.ts";
import type { QuicEnvironment } from "../../src/host/quic/environment.ts";
import { versionTitle } from "../../src/host/quic/quic-options.ts";
import { hqDialer } from "../hq/dial.ts";
import type { HqSession } from "../hq/session.ts";
import type { ClientCase } from "./test-cases.ts";

export interface EndpointClientOptions extends ClientCase {
  readonly environment: QuicEnvironment;
  readonly urls: readonly URL[];
  readonly downloads: string;
  readonly onKeyLog: ((line: string) => void) | undefined;
}

/** As many connections at a time, if each file has one. */
const PARALLEL = 10;

/** Milliseconds to wait for a session ticket, which may follow the file. */
const TICKET_PATIENCE = 5_000;

/** Rejects if a file cannot be downloaded. */
export async function runEndpointClient(options: EndpointClientOptions): Promise<void> {
  const origins = new Set(options.urls.map(({ origin }) => origin));
  if (origins.size !== 1) throw new Error(`REQUESTS has ${origins.size} servers instead of one`);
  await (options.protocol === "h3" ? downloadOverH3(options) : downloadOverHq(options));
}

async function save(content: AsyncIterable<Uint8Array>, { pathname }: URL, folder: string): Promise<void> {
  await pipeline(content, createWriteStream(join(folder, basename(pathname))));
}

/** The runner wants to see a move: to another address than the current one, if possible of the same family. */
export const chooseOther: ChoosePreferred = (preferred, current) => {
  const others = preferred.filter(({ host, port }) => host !== current.host || port !== current.port);
  return others.find(({ family }) => family === current.family) ?? others[0];
};

/** The runner counts connections, so only one address is tried. */
async function firstAddress(host: string, port: number): Promise<ResolvedAddress> {
  const [first] = await resolveHost(host, port, undefined);
  return first!;
}

/** Without the brackets of an IPv6 address. */
const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, "");

const portOf = ({ port }: URL): number => (port === "" ? 443 : Number(port));

async function downloadOverHq(options: EndpointClientOptions): Promise<void> {
  const { environment, urls, downloads, connections, quic, updatesKeys = false, earlyData, onKeyLog } = options;
  const dial = hqDialer({ environment, updatesKeys, quic: { ...quic, choosePreferred: chooseOther } });
  const host = hostOf(urls[0]!);
  const port = portOf(urls[0]!);
  const target = { host, port, address: await firstAddress(host, port), onKeyLog };
  const download = async (some: readonly URL[], isResumed: boolean): Promise<HqSession> => {
    const session = await dial({ ...target, earlyData: isResumed && earlyData === true });
    try {
      await Promise.all(some.map((url) => save(session.get(url.pathname + url.search), url, downloads)));
    } catch (error) {
      await session.close();
      throw error;
    }
    console.log(`${some.length} files over hq-interop: ${describeSession(session)}`);
    return session;
  };
  switch (connections) {
    case "one":
      await (await download(urls, false)).close();
      break;
    case "resumed": {
      const first = await download(urls.slice(0, 1), false);
      await within(TICKET_PATIENCE, first.ticket);
      await first.close();
      await (await download(urls.slice(1), true)).close();
      break;
    }
    case "for each": {
      const left = urls.values();
      const work = async (): Promise<void> => {
        for (const url of left) await (await download([url], false)).close();
      };
      await Promise.all(Array.from({ length: PARALLEL }, work));
      break;
    }
  }
}

function describeSession({ connection, hasUpdatedKeys }: HqSession): string {
  const { remoteAddress, handshakeFacts, version } = connection;
  return [
    `${remoteAddress.host} port ${remoteAddress.port}`,
    versionTitle(version),
    handshakeFacts?.cipherSuite,
    handshakeFacts?.usedRetry === true ? "Retry seen" : undefined,
    handshakeFacts?.resumed === true ? "session resumed" : undefined,
    handshakeFacts?.acceptedEarlyData === true ? "early data accepted" : undefined,
    hasUpdatedKeys ? "keys updated" : undefined,
  ]
    .filter((each) => each !== undefined)
    .join(", ");
}

/** Resolves when the promise does, or when the time is up. */
async function within(milliseconds: number, promise: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([promise, late]);
  clearTimeout(timer);
}

async function downloadOverH3({ environment, urls, downloads, quic, onKeyLog }: EndpointClientOptions): Promise<void> {
  const { address } = await firstAddress(hostOf(urls[0]!), portOf(urls[0]!));
  const client = createClient({
    protocols: ["h3"],
    // The runner's authority is made for the run.
    rejectUnauthorized: false,
    resolve: () => [address],
    http3: createHttp3Connector(environment, { ...quic, choosePreferred: chooseOther }),
    keylog: onKeyLog,
    connectTimeout: 0,
    decompress: false,
    // The runner counts connections.
    replaceSilent: false,
  });
  try {
    await Promise.all(
      urls.map(async (url) => {
        const response = await client.fetch(url);
        if (response.status !== 200) throw new Error(`${url.pathname}: status ${response.status}`);
        await save(response.body!, url, downloads);
      }),
    );
  } catch (error) {
    await client.destroy();
    throw error;
  }
  await client.close();
}
