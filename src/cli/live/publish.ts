// Publishes standard input, or the test source, until it ends.
import { setTimeout as sleep } from "node:timers/promises";
import type { LiveHost } from "../../host/live/live-relay.ts";
import { testSource } from "../../host/live/test-broadcast.ts";
import { BmffError } from "../../media/bmff/index.ts";
import { BroadcastPublisher } from "../../media/broadcast/index.ts";
import { EVERYTHING } from "../../media/relay/index.ts";
import { CliError, EXIT } from "../fail.ts";
import { untilStopped } from "../interrupt.ts";
import type { Io } from "../io.ts";
import { connect, type LiveFlags, namespaceFrom, reporter } from "./session.ts";

export interface PublishFlags extends LiveFlags {
  readonly testSource?: true;
  readonly push?: true;
}

/** Milliseconds for viewers to get the end. */
const GOODBYE = 2_000;
const STEP = 50;

export async function runPublish(name: string, flags: PublishFlags, io: Io): Promise<void> {
  const namespace = namespaceFrom(name);
  const report = reporter(io, flags.json);
  const stopped = untilStopped(io);
  const { host, session, failed } = await connect(flags, io, (peer, { clock }) =>
    peer.join(flags.push ? { push: [namespace] } : { announce: [namespace] }, clock.now()),
  );
  const { clock } = host;
  try {
    const publisher = new BroadcastPublisher(
      {
        peer: host.relay.addPeer({ label: "input", grant: EVERYTHING }),
        namespace,
        date: () => clock.date(),
        onNotice: ({ code, message }) => report({ event: "notice", code, message }, message),
      },
      clock.now(),
    );
    const input = flags.testSource ? testSource(host.clock) : io.stdin;
    await Promise.race([feed(publisher, host, input), stopped.promise, failed]);
    publisher.end(clock.now());
    host.arm();
    const { objects, bytes } = publisher.stats;
    await untilSeen(host);
    report({ event: "closed", objects, bytes }, `published ${objects} objects, ${bytes} bytes`);
  } finally {
    stopped.clear();
    session.close();
    host.close("the broadcast is over");
    io.exitSoon?.();
  }
}

async function feed(publisher: BroadcastPublisher, host: LiveHost, input: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    for await (const bytes of input) {
      publisher.push(bytes, host.clock.now());
      host.arm();
    }
  } catch (cause) {
    if (!(cause instanceof BmffError)) throw cause;
    throw new CliError("INPUT_INVALID", `the input is not fragmented MP4: ${cause.message}`, {
      exitCode: EXIT.failed,
      hint: "ffmpeg writes it with -f mp4 -movflags +cmaf+frag_every_frame+skip_trailer pipe:1",
      cause,
    });
  }
}

/** Waits until viewers have had everything, but not for long. */
async function untilSeen(host: LiveHost): Promise<void> {
  for (let waited = 0; waited < GOODBYE && host.relay.stats().viewers.length > 0; waited += STEP) await sleep(STEP);
  // What was written last still has to leave.
  await sleep(STEP);
}
