// `nagare tap`: our stack on a TAP device in a namespace of its own, until it is interrupted.
import { createReadStream, statSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { join, normalize } from "node:path";
import { CaptureFile } from "../../host/netstack/capture.ts";
import { createHost } from "../../host/netstack/host.ts";
import { type IncomingMessage, type ServerResponse, serveHttp } from "../../host/netstack/http-server.ts";
import { KERNEL, missingForTap, OURS, TapNamespace } from "../../host/netstack/tap-namespace.ts";
import { type FrameDirection, Tracer } from "../../link/index.ts";
import { CliError, EXIT, usageError } from "../fail.ts";
import { interruptible } from "../interrupt.ts";
import { type Io, write } from "../io.ts";
import { describeFrame } from "./describe-frame.ts";

export interface TapFlags {
  readonly namespace: string;
  readonly pcap?: string;
  readonly offload: boolean;
  readonly json?: true;
}

export async function runTap(directory: string, flags: TapFlags, io: Io): Promise<void> {
  const root = await realpath(directory).catch(() => {
    throw usageError(`there is no folder ${directory}`, "give the folder to serve");
  });
  const missing = missingForTap();
  if (missing !== undefined) throw new CliError("TAP_UNAVAILABLE", missing, { exitCode: EXIT.failed });
  const capture = flags.pcap === undefined ? undefined : new CaptureFile(flags.pcap, "tap");
  try {
    using namespace = await TapNamespace.open({ offload: flags.offload }, flags.namespace);
    const device = new Tracer(namespace.link, (direction, frame, now) => {
      capture?.write(frame, now);
      report(direction, frame, flags, io);
    });
    using host = createHost({ device, addresses: [`${OURS.ipv4}/24`, `${OURS.ipv6}/64`] });
    serveHttp(host, 80, (request, response) => respond(root, request, response));
    const example = `ip netns exec ${namespace.name} curl http://${OURS.ipv4}/`;
    await write(
      io.stderr,
      `our host is ${OURS.ipv4} and ${OURS.ipv6}, the kernel ${KERNEL.ipv4} and ${KERNEL.ipv6}; try: ${example}\n`,
    );
    await untilStopped(io);
  } finally {
    capture?.close();
  }
}

/** Resolves at the first SIGINT or SIGTERM. */
async function untilStopped(io: Io): Promise<void> {
  await interruptible(
    io,
    (signal) => new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  ).catch(() => undefined);
}

function report(direction: FrameDirection, frame: Uint8Array, flags: TapFlags, io: Io): void {
  const text = describeFrame(frame);
  const line = flags.json ? JSON.stringify({ direction, bytes: frame.length, text }) : `${direction.padEnd(3)} ${text}`;
  io.stdout.write(`${line}\n`);
}

/** Files only; a folder's index.html stands for it. */
function respond(root: string, { url = "/", method }: IncomingMessage, response: ServerResponse): void {
  const fail = (status: number, text: string): void => {
    response.writeHead(status, { "content-type": "text/plain" }).end(`${text}\n`);
  };
  if (method !== "GET" && method !== "HEAD") {
    fail(405, "only GET and HEAD");
    return;
  }
  try {
    // Normalized as an absolute path, so that it stays below the root.
    const path = join(root, normalize(decodeURIComponent(new URL(url, "http://host").pathname)));
    const file = statSync(path).isDirectory() ? join(path, "index.html") : path;
    response.writeHead(200, { "content-length": statSync(file).size });
    if (method === "HEAD") response.end();
    else
      createReadStream(file)
        .on("error", () => response.destroy())
        .pipe(response);
  } catch {
    if (!response.headersSent) fail(404, "not found");
  }
}
