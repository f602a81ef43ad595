// Live media: the test source through our relay, to a viewer that speaks another draft; ffmpeg decodes what it wrote.
import { join } from "node:path";
import { Peer, peerPath, runPeer, untilReady } from "./peer.ts";
import type { Row, RowContext } from "./row.ts";

const SECONDS = 4;
/** The test source has 30 pictures a second; a viewer begins with a keyframe, up to a second before its first object. */
const ENOUGH = SECONDS * 30 - 45;

const own = (...args: readonly string[]): string[] => [...process.execArgv, process.argv[1]!, "live", ...args];

/** Returns the file that the viewer wrote, and what it said. */
async function watch(context: RowContext): Promise<{ file: string; said: string }> {
  const env = { XDG_CACHE_HOME: context.directory };
  const relay = new Peer(context, process.execPath, own("relay", "--port", "0", "--host", "127.0.0.1"), { env });
  let publisher: Peer | undefined;
  try {
    const url = await untilReady(context, relay, async () => {
      const match = /https:\/\/\S+:(\d+)/.exec(relay.stdout + relay.stderr);
      if (match === null) throw new Error("the relay does not listen yet");
      return `https://localhost:${match[1]}/`;
    });
    publisher = new Peer(context, process.execPath, own("publish", "clock", "--via", url, "-k", "--test-source"), {
      env,
    });
    const file = join(context.directory, "clock.mp4");
    const viewer = await runPeer(
      context,
      process.execPath,
      own("watch", "clock", "--via", url, "-k", "--draft", "16", "-o", file, "--time", `${SECONDS}s`),
      { env },
    );
    return { file, said: viewer.lastLine() };
  } finally {
    await publisher?.stop();
    await relay.stop();
  }
}

async function ffmpeg(context: RowContext): Promise<string> {
  const path = await peerPath(context, "ffmpeg");
  const { file, said } = await watch(context);
  const decoder = await runPeer(context, path, ["-v", "error", "-stats", "-i", file, "-f", "null", "-"]);
  const frames = Number(/.*frame=\s*(\d+)/s.exec(decoder.stderr)?.[1]);
  if (!(frames >= ENOUGH)) throw new Error(`ffmpeg decoded ${frames} pictures of ${SECONDS} s: ${decoder.lastLine()}`);
  return `draft 20 in, draft 16 out: ffmpeg decodes ${frames} pictures (${said})`;
}

export const LIVE_ROWS: readonly Row[] = [
  {
    system: "media",
    peer: "ffmpeg",
    against: "ffmpeg",
    command: "nagare live watch clock --via URL -o - | ffmpeg -i - -f null -",
    run: ffmpeg,
  },
];
