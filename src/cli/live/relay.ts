// Runs a relay until it is stopped.
import type { LiveOptions } from "../../edge/live/index.ts";
import type { Io } from "../io.ts";
import { parseDuration, parseSize, readSettings, type ServerFlags } from "../serve/flags.ts";
import { opener } from "./session.ts";

export interface RelayFlags extends ServerFlags {
  readonly jwtKey?: string;
  readonly upstream?: readonly string[];
  readonly upstreamToken?: string;
  readonly insecure?: true;
  readonly cacheSize: string;
  readonly cacheAge: string;
  readonly maxLatency: string;
}

export async function runRelay(flags: RelayFlags, io: Io): Promise<void> {
  const settings = readSettings(flags, io);
  const options: LiveOptions = {
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
  const { runServer } = await import("../serve/run.ts");
  await runServer(
    settings,
    {
      createService: async (log) => {
        const { createLiveRelay } = await import("../../edge/live/index.ts");
        const service = createLiveRelay({ ...options, log });
        for (const upstream of upstreams) {
          const onEvent = (event: { readonly type: string }): void => log(`nagare: ${upstream.label}: ${event.type}`);
          service.addUpstream({ ...upstream, onEvent });
        }
        return service;
      },
    },
    io,
  );
}
