// A session with a relay, for publish and watch.
import { WebTransport, type WebTransportClientOptions } from "../../client/webtransport/index.ts";
import { describeFault } from "../../host/guard.ts";
import { KeptSession, type KeptSessionOptions, type UpstreamEvent } from "../../host/live/kept-session.ts";
import { LiveHost } from "../../host/live/live-relay.ts";
import { broadcastUrl, namespaceOf } from "../../host/live/names.ts";
import { alpnOf, type Draft } from "../../media/moq/draft.ts";
import type { Namespace } from "../../media/moq/model.ts";
import type { MoqPeer, SegmentProtocol } from "../../media/relay/index.ts";
import { printable } from "../../wire/printable.ts";
import { CliError, EXIT, usageError } from "../fail.ts";
import { readPem } from "../get/flags.ts";
import type { Io } from "../io.ts";

export interface LiveFlags {
  readonly via: string;
  readonly token?: string;
  readonly draft?: "14" | "16" | "18" | "20" | "warp" | "warp-02";
  readonly "http1.1"?: true;
  readonly http3Only?: true;
  readonly insecure?: true;
  readonly cacert?: string;
  readonly json?: true;
}

/** Drafts whose sessions are of one broadcast. */
const SEGMENT_DRAFTS: Readonly<Record<string, SegmentProtocol>> = { warp: "warp-01", "warp-02": "warp-02" };

/** Rejects with a usage error if the URL is none. */
export async function opener(
  { via, token, insecure, cacert, ...flags }: Omit<LiveFlags, "json" | "draft">,
  option = "--via",
): Promise<(protocols: readonly string[]) => WebTransport> {
  if (!URL.canParse(via) || new URL(via).protocol !== "https:") {
    throw usageError(`${option} ${via} is not an https URL`, "give one such as https://relay.example/");
  }
  const client: WebTransportClientOptions = {
    rejectUnauthorized: insecure !== true,
    ...(cacert === undefined ? {} : { ca: await readPem(cacert) }),
    ...(flags["http1.1"] ? { protocols: ["http/1.1"] } : flags.http3Only ? { protocols: ["h3"] } : {}),
  };
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return (protocols) => new WebTransport(via, { protocols: [...protocols], headers, client });
}

/** Throws a usage error if nothing is left of the name. */
export function namespaceFrom(name: string): Namespace {
  const namespace = namespaceOf(name);
  if (namespace.length === 0 || namespace.length > 32) {
    throw usageError(`${JSON.stringify(name)} is not a name`, "give one such as live/room, with at most 32 parts");
  }
  return namespace;
}

/** Prints what happens, for people or for programs. */
export function reporter(io: Io, json: true | undefined): (event: Record<string, unknown>, line: string) => void {
  return (event, line) =>
    void io.stderr.write(json ? `${JSON.stringify(event)}\n` : `${printable(`nagare: ${line}`)}\n`);
}

/** What is published or watched, and how. */
export interface Broadcast {
  readonly name: string;
  readonly direction: "send" | "receive";
}

/** A relay in this process with one session that is kept open. `failed` rejects if the first attempt fails. */
export async function connect(
  flags: LiveFlags,
  io: Io,
  { name, direction }: Broadcast,
  onPeer: (peer: MoqPeer, host: LiveHost) => void,
): Promise<{ readonly host: LiveHost; readonly session: KeptSession; readonly failed: Promise<never> }> {
  const report = reporter(io, flags.json);
  const host = new LiveHost({ maxRendezvous: Number.MAX_SAFE_INTEGER / 1e6, absence: 600_000 }, (fault) =>
    report({ event: "fault", message: describeFault(fault) }, describeFault(fault)),
  );
  let fail: (error: Error) => void = () => {};
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failed.catch(() => undefined);
  let wasConnected = false;
  const onEvent = (event: UpstreamEvent): void => {
    if (event.type === "connected") {
      wasConnected = true;
      const over = event.reliability === "reliable-only" ? "a WebSocket" : "HTTP/3";
      report(
        { event: "connected", protocol: event.protocol, over },
        `connected to ${flags.via}: ${event.protocol} over ${over}`,
      );
      return;
    }
    const why = event.error?.message ?? "the relay ended the session";
    if (!wasConnected) {
      fail(new CliError("CONNECT_FAILED", `cannot connect to ${flags.via}: ${why}`, { exitCode: EXIT.failed }));
      return;
    }
    report({ event: "lost", message: why, retryIn: event.retryIn }, `${why}; trying again in ${event.retryIn} ms`);
  };
  const session = new KeptSession({
    host,
    label: flags.via,
    ...(await dialectOf(flags, name, direction)),
    onPeer: (peer) => onPeer(peer, host),
    onEvent,
  });
  return { host, session, failed };
}

/** What the session speaks, and of what. */
async function dialectOf(
  flags: LiveFlags,
  name: string,
  direction: Broadcast["direction"],
): Promise<Pick<KeptSessionOptions, "open" | "protocols" | "broadcast">> {
  const { draft } = flags;
  const segments = draft === undefined ? undefined : SEGMENT_DRAFTS[draft];
  if (segments === undefined) {
    return { open: await opener(flags), protocols: draft === undefined ? undefined : [alpnOf(Number(draft) as Draft)] };
  }
  const open = await opener({ ...flags, via: broadcastUrl(flags.via, name) });
  return { open, protocols: [segments], broadcast: { namespace: namespaceFrom(name), direction } };
}
