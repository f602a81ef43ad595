// Runs a relay until it is stopped.
import type { LiveOptions } from "../../edge/live/index.ts";
import { developmentIdentity } from "../../host/certificates/index.ts";
import { publishTestSource, type RunningSource } from "../../host/live/test-broadcast.ts";
import type { Io } from "../io.ts";
import { parseDuration, parseSize, readSettings, type ServerFlags } from "../serve/flags.ts";
import { opener } from "./session.ts";

/** The broadcast of --test-source. */
const TEST_NAME = "clock";

export interface RelayFlags extends ServerFlags {
  readonly jwtKey?: string;
  readonly upstream?: readonly string[];
  readonly upstreamToken?: string;
  readonly insecure?: true;
  readonly cacheSize: string;
  readonly cacheAge: string;
  readonly maxLatency: string;
  readonly page: boolean;
  readonly testSource?: true;
}

export async function runRelay(flags: RelayFlags, io: Io): Promise<void> {
  const settings = readSettings(flags, io);
  // Pages connect to a certificate for development by its hash, so it has to be known here.
  const development =
    settings.certificates.length === 0 ? await developmentIdentity({ names: settings.names }) : undefined;
  const options: LiveOptions = {
    page: flags.page && { certificateHash: development?.sha256 },
    cacheBytes: parseSize(flags.cacheSize, "--cache-size"),
    cacheAge: parseDuration(flags.cacheAge, "--cache-age"),
    maxLatency: parseDuration(flags.maxLatency, "--max-latency"),
    ...(flags.jwtKey === undefined
      ? {}
      : { authorize: await (await import("../../edge/live/tokens.ts")).liveTokens({ keyFile: flags.jwtKey }) }),
  };
  const upstreams = await Promise.all(
    (flags.upstream ?? []).map(async (via) => ({
      label: via,
      open: await opener(
        {
          via,
          ...(flags.upstreamToken === undefined ? {} : { token: flags.upstreamToken }),
          ...(flags.insecure ? { insecure: true as const } : {}),
        },
        "--upstream",
      ),
    })),
  );
  let source: RunningSource | undefined;
  const { runServer } = await import("../serve/run.ts");
  await runServer(
    settings,
    {
      ...(development === undefined ? {} : { identity: development }),
      createService: async (log) => {
        const { createLiveRelay } = await import("../../edge/live/index.ts");
        const service = createLiveRelay({ ...options, log });
        for (const upstream of upstreams) {
          const onEvent = (event: { readonly type: string }): void => log(`nagare: ${upstream.label}: ${event.type}`);
          service.addUpstream({ ...upstream, onEvent });
        }
        if (flags.testSource) source = await publishTestSource(service.host, TEST_NAME);
        return service;
      },
      onListening: async (url, log) => {
        if (flags.page) log(`nagare: a page with a player on ${url.href}`);
        return () => source?.stop();
      },
    },
    io,
  );
}
