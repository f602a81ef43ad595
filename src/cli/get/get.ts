// `nagare get`: one client for all URLs, one after the other or all at once.

import { type Client, createClient } from "../../client/index.ts";
import { Timer } from "../../host/timer.ts";
import { parseContentLength } from "../../http/index.ts";
import { CliError, EXIT, reportFailure, usageError } from "../fail.ts";
import { interruptible } from "../interrupt.ts";
import { colorsFor, type Io, write } from "../io.ts";
import { factsOf } from "./facts.ts";
import { clientOptionsFrom, type GetFlags, milliseconds, requestFrom, urlFrom } from "./flags.ts";
import { openKeyLog } from "./keylog.ts";
import { openDestination } from "./output.ts";
import { Progress } from "./progress.ts";
import { traceLines } from "./trace.ts";
import { headLines, Verbose } from "./verbose.ts";

interface Job {
  readonly url: URL;
  /** A path, or undefined for stdout. */
  readonly output: string | undefined;
}

export async function get(urls: readonly string[], flags: GetFlags, io: Io): Promise<void> {
  const jobs = jobsFrom(urls, flags);
  const options = await clientOptionsFrom(flags);
  // The stack is loaded before the clock runs: what it costs to start this program is no part of a request.
  if (flags.trace && options.protocols?.includes("h3") !== false) await import("../../host/client/h3-connector.ts");
  const keylog = openKeyLog(flags.keylog, io);
  const client = createClient({ ...options, keylog: keylog?.write });
  try {
    await interruptible(io, async (interrupted) => {
      const signal = withDeadline(interrupted, flags.maxTime);
      if (flags.parallel) await inParallel(client, jobs, flags, io, signal);
      else for (const job of jobs) await run(client, job, flags, io, signal);
    });
  } finally {
    await client.destroy();
    keylog?.close();
  }
}

function jobsFrom(urls: readonly string[], flags: GetFlags): Job[] {
  const { output = [], remoteName } = flags;
  if (output.length > 0 && remoteName) throw usageError("-o and -O exclude each other");
  if (output.length > urls.length) throw usageError(`${output.length} times -o for ${urls.length} URLs`);
  return urls.map((text, index) => {
    const url = urlFrom(text);
    const named = remoteName ? remoteNameOf(url) : output[index];
    return { url, output: named === "-" ? undefined : named };
  });
}

function remoteNameOf(url: URL): string {
  const name = decodeURIComponent(url.pathname.split("/").at(-1) ?? "");
  if (name === "" || name === "." || name === ".." || /[/\\\0]/.test(name)) {
    throw usageError(`-O: ${url.href} names no file`, "use -o FILE");
  }
  return name;
}

function withDeadline(interrupted: AbortSignal, maxTime: number | undefined): AbortSignal {
  if (maxTime === undefined) return interrupted;
  const controller = new AbortController();
  const timer = new Timer(
    () =>
      controller.abort(
        new CliError("MAX_TIME", `not done within ${maxTime} s`, { hint: "allow more with --max-time" }),
      ),
    milliseconds("--max-time", maxTime),
  );
  timer.unref();
  return AbortSignal.any([interrupted, controller.signal]);
}

/** Every URL is asked to its end; each failure is reported, the first one decides the exit code. */
async function inParallel(
  client: Client,
  jobs: readonly Job[],
  flags: GetFlags,
  io: Io,
  signal: AbortSignal,
): Promise<void> {
  const outcomes = await Promise.allSettled(jobs.map((job) => run(client, job, flags, io, signal)));
  const failures = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : []));
  if (signal.aborted && failures.length > 0) throw signal.reason;
  for (const failure of failures.slice(1))
    reportFailure(failure, io, { json: flags.json === true, silent: flags.silent === true });
  if (failures.length > 0) throw failures[0];
}

async function run(client: Client, job: Job, flags: GetFlags, io: Io, signal: AbortSignal): Promise<void> {
  const { url, init } = await requestFrom(job.url, flags, io);
  const verbose = flags.verbose ? new Verbose(io) : undefined;
  verbose?.request(url, init);
  const response = await client.fetch(url, {
    ...init,
    signal,
    onInformational: (status, headers) => verbose?.informational(status, headers),
  });
  const facts = client.facts(response)!;
  if (flags.insecure) verbose?.note("the certificate was not checked");
  verbose?.response(response, facts);

  const refused = flags.fail === true && response.status >= 400;
  const aboutIt = flags.trace === true || flags.json === true;
  const bodyWanted = !refused && (job.output !== undefined || !aboutIt);
  let written = 0;
  if (refused) {
    await response.body?.cancel();
  } else {
    const destination = bodyWanted ? await openDestination(job.output, io) : undefined;
    try {
      // curl's -I prints the head it asked for; -i puts it before the body.
      if ((flags.include || flags.head) && !aboutIt) await destination?.write(headLines(response, facts.protocol));
      const progress = progressFor(response, job, flags, io);
      for await (const chunk of response.body ?? []) {
        await destination?.write(chunk);
        written += chunk.length;
        progress?.update(written);
      }
      progress?.done();
    } finally {
      await destination?.close();
    }
  }
  if (flags.json) {
    await write(io.stdout, `${JSON.stringify(factsOf(response, facts, { bodyBytes: written, output: job.output }))}\n`);
  } else if (flags.trace) {
    const colors = colorsFor(io.stdout, io.env);
    await write(io.stdout, `${traceLines(response, facts, { colors, width: io.stdout.columns ?? 80 }).join("\n")}\n`);
  }
  if (refused) {
    const reason = response.statusText === "" ? "" : ` ${response.statusText}`;
    throw new CliError("HTTP_ERROR", `${url.href} answered ${response.status}${reason}`, { exitCode: EXIT.httpError });
  }
}

function progressFor(response: Response, job: Job, flags: GetFlags, io: Io): Progress | undefined {
  if (flags.silent || flags.verbose || flags.parallel || job.output === undefined || io.stderr.isTTY !== true)
    return undefined;
  const encoded = flags.compressed && response.headers.has("content-encoding");
  const length = encoded ? undefined : parseContentLength(response.headers.get("content-length") ?? "");
  return new Progress(io.stderr, job.output, length);
}
