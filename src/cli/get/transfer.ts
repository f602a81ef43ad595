// The transfer of one URL: attempts (--retry), redirects (-L), heads (-i, -I, -D), the body, and the final report.
import { dirname, join } from "node:path";
import type { Client, ExchangeFacts, Field, Protocol } from "../../client/index.ts";
import { ignore } from "../../host/guard.ts";
import { Timer } from "../../host/timer.ts";
import { parseContentLength } from "../../http/index.ts";
import { CliError, EXIT, exitCodeOf } from "../fail.ts";
import { colorsFor, type Io, write } from "../io.ts";
import type { GetCookies } from "./cookies.ts";
import { withCurlCode } from "./exit-codes.ts";
import { factsOf } from "./facts.ts";
import { type GetFlags, milliseconds } from "./flags.ts";
import { fieldLines, headLines } from "./heads.ts";
import { type Destination, LazyDestination } from "./output.ts";
import { Progress } from "./progress.ts";
import { discardBody, nextHop } from "./redirects.ts";
import { nameInDisposition } from "./remote-name.ts";
import { type GetRequest, initOf, requestFrom } from "./request.ts";
import { resumeOffset, resumeVerdict } from "./resume.ts";
import { type FinishedAttempt, Retries } from "./retry.ts";
import { traceLines } from "./trace.ts";
import { Verbose } from "./verbose.ts";
import type { TransferReport, WriteOut } from "./write-out.ts";

export interface Job {
  readonly url: URL;
  /** The URL as typed on the command line. */
  readonly text: string;
  readonly index: number;
  /** A path, or undefined for stdout. */
  readonly output: string | undefined;
  /** True if the name comes from -O, so that -J may replace it. */
  readonly isRemoteName: boolean;
  /** The file of -T. */
  readonly upload: string | undefined;
}

/** What all transfers of one command share. */
export interface Session {
  readonly client: Client;
  readonly flags: GetFlags;
  readonly io: Io;
  readonly jar: GetCookies;
  readonly writeOut: WriteOut | undefined;
  /** The destination of -D. */
  readonly dump: Destination | undefined;
}

export async function transfer(session: Session, job: Job, interrupted: AbortSignal): Promise<void> {
  const { flags, io } = session;
  const retries = new Retries(flags, io);
  for (;;) {
    const attempt = new Attempt(session, job);
    const deadline = deadlineFrom(flags.maxTime, interrupted);
    await attempt.run(deadline.signal);
    deadline.cancel();
    if (interrupted.aborted) throw interrupted.reason;
    if (await retries.shouldRetry(attempt, interrupted)) continue;
    return attempt.finish();
  }
}

function deadlineFrom(maxTime = 0, interrupted: AbortSignal): { signal: AbortSignal; cancel(): void } {
  if (maxTime === 0) return { signal: interrupted, cancel() {} };
  const controller = new AbortController();
  const late = new CliError("MAX_TIME", `not finished within ${maxTime} s`, {
    exitCode: EXIT.timeout,
    hint: "allow more with --max-time",
  });
  const timer = new Timer(() => controller.abort(late), milliseconds(maxTime));
  return {
    signal: AbortSignal.any([interrupted, controller.signal]),
    cancel: () => timer.clear(),
  };
}

class Attempt implements FinishedAttempt {
  readonly #session: Session;
  readonly #job: Job;
  readonly #verbose: Verbose | undefined;
  readonly #destination: LazyDestination;
  readonly #start = performance.now();
  readonly #redirects: ExchangeFacts[] = [];
  #request: GetRequest | undefined;
  #response: Response | undefined;
  #facts: ExchangeFacts | undefined;
  #redirectUrl: string | undefined;
  #error: unknown;
  #protocol: Protocol | undefined;
  #connects = 0;
  #uploadBytes = 0;
  #headBytes = 0;
  #bodyBytes = 0;
  #bodyDropped = false;
  #hopStart = this.#start;
  #end = this.#start;

  constructor(session: Session, job: Job) {
    const { flags, io } = session;
    this.#session = session;
    this.#job = job;
    this.#verbose = flags.verbose ? new Verbose(io) : undefined;
    this.#destination = new LazyDestination(job.output, io, {
      append: flags.continueAt !== undefined,
      createDirs: flags.createDirs === true,
    });
  }

  get error(): unknown {
    return this.#error;
  }

  get response(): Response | undefined {
    return this.#response;
  }

  get replayable(): boolean {
    return this.#request?.replayable !== false;
  }

  /** Never rejects: a failure is stored in `error`. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      const { flags, io } = this.#session;
      const offset = await resumeOffset(flags, this.#job.output);
      const { url, upload } = this.#job;
      this.#request = await requestFrom(url, flags, io, upload, offset);
      if (flags.insecure) this.#verbose?.note("the certificate is not checked");
      await this.#hops(this.#request, signal);
      await this.#receiveBody(offset);
    } catch (error) {
      const headSeen = this.#response !== undefined;
      this.#error = withCurlCode(error, { protocol: this.#protocol, headSeen });
    } finally {
      await this.#destination.close().catch((error: unknown) => {
        this.#error ??= error;
      });
    }
    this.#end = performance.now();
  }

  async #hops(first: GetRequest, signal: AbortSignal): Promise<void> {
    const { client, flags, jar } = this.#session;
    for (let request = first; ; ) {
      this.#request = request;
      const headers = new Headers(request.headers);
      const cookie = jar.header(request.url, request.url.origin === first.url.origin, headers.has("cookie"));
      if (cookie !== undefined)
        headers.set("cookie", headers.has("cookie") ? `${headers.get("cookie")}; ${cookie}` : cookie);
      this.#response = undefined;
      let interim = Promise.resolve();
      const fetching = client.fetch(request.url, {
        ...initOf({ ...request, headers }),
        signal,
        onSend: (sent) => {
          this.#protocol = sent.protocol;
          this.#connects += sent.reused ? 0 : 1;
          this.#uploadBytes = sent.contentLength ?? 0;
          this.#verbose?.request(sent);
        },
        onInformational: (status, _headers, fields) => {
          const lines = headLines(this.#protocol!, status, undefined, fields);
          interim = interim.then(() => this.#head(lines));
          interim.catch(ignore); // awaited below
        },
      });
      // The destination must not be closed, nor the next head written, before these heads are.
      const response = await fetching.finally(() => interim);
      const facts = client.facts(response)!;
      this.#response = response;
      this.#facts = facts;
      await this.#head(headLines(facts.protocol, facts.status, response.statusText, facts.fields));
      if (facts.upgradedBy === "https-records")
        this.#verbose?.note(`the HTTPS records of ${request.url.host} ask for https`);
      else if (facts.upgradedBy === "hsts") this.#verbose?.note(`${request.url.host} has asked for https (HSTS)`);
      jar.store(facts.fields, new URL(facts.url));
      const next = nextHop({ ...request, url: new URL(facts.url) }, facts, flags, this.#redirects.length);
      this.#redirectUrl = next?.url.href;
      if (next === undefined || !flags.location) return;
      if (next.request === undefined) throw next.problem;
      await discardBody(response);
      this.#redirects.push(facts);
      this.#redirectUrl = undefined;
      this.#verbose?.note(`${request.url.href} answered ${facts.status}, following to ${next.url.href}`);
      this.#hopStart = performance.now();
      request = next.request;
    }
  }

  /** Writes a head, line by line, to each output that includes heads, as curl does. */
  async #head(lines: readonly string[]): Promise<void> {
    const { flags, dump } = this.#session;
    const wanted = (flags.include || flags.head) && !this.#printsFacts;
    for (const line of lines) {
      this.#headBytes += line.length + 2;
      this.#verbose?.received(line);
      await dump?.write(`${line}\r\n`);
      if (wanted) await this.#destination.write(`${line}\r\n`);
    }
  }

  /** True if stdout carries facts about the exchange; the body is then written only with -o. */
  get #printsFacts(): boolean {
    const { flags } = this.#session;
    return flags.trace === true || flags.json === true;
  }

  async #receiveBody(offset: number | undefined): Promise<void> {
    const { flags, io } = this.#session;
    const response = this.#response!;
    const facts = this.#facts!;
    const refused = (flags.fail === true || flags.failWithBody === true) && facts.status >= 400;
    const verdict = refused ? "continue" : resumeVerdict(this.#request!, response, offset);
    if ((refused && !flags.failWithBody) || verdict !== "continue") {
      this.#bodyDropped = true;
      await response.body?.cancel();
      if (verdict instanceof Error) throw verdict;
    } else {
      this.#useServerName(facts);
      const wanted = this.#job.output !== undefined || !this.#printsFacts;
      const progress = this.#progressFor(response, io);
      for await (const chunk of response.body ?? []) {
        if (wanted) await this.#destination.write(chunk);
        this.#bodyBytes += chunk.length;
        progress?.update(this.#bodyBytes);
      }
      progress?.done();
      if (wanted) await this.#destination.open(); // an empty body creates an empty file
      await this.#trailers(facts.trailerLines);
    }
    if (refused) {
      const reason = response.statusText === "" ? "" : ` ${response.statusText}`;
      throw new CliError("HTTP_ERROR", `${facts.url} answered ${facts.status}${reason}`, { exitCode: EXIT.httpError });
    }
  }

  /** -J: the server's name, in the folder of -O. */
  #useServerName({ fields }: ExchangeFacts): void {
    const { output, isRemoteName } = this.#job;
    if (!this.#session.flags.remoteHeaderName || !isRemoteName || output === undefined) return;
    const name = nameInDisposition(fields);
    if (name !== undefined) this.#destination.rename(join(dirname(output), name));
  }

  async #trailers(trailers: readonly Field[]): Promise<void> {
    const { flags, dump } = this.#session;
    for (const line of fieldLines(trailers)) {
      this.#verbose?.received(line);
      await dump?.write(`${line}\r\n`);
      if (flags.include && !this.#printsFacts) await this.#destination.write(`${line}\r\n`);
    }
  }

  /** Prints -w, --json and --trace, then rejects if the transfer failed. */
  async finish(): Promise<void> {
    const { flags, io, writeOut } = this.#session;
    const response = this.#response;
    const facts = this.#facts;
    if (writeOut !== undefined) {
      for (const { to, text } of writeOut(this.#report())) await write(io[to], text);
    }
    const failed = this.#error !== undefined && exitCodeOf(this.#error) !== EXIT.httpError;
    if (response !== undefined && facts !== undefined && !failed) {
      const redirects = this.#redirects;
      if (flags.json) {
        const about = { bodyBytes: this.#bodyBytes, output: this.#destination.path, redirects };
        await write(io.stdout, `${JSON.stringify(factsOf(response, facts, about))}\n`);
      } else if (flags.trace) {
        const style = { colors: colorsFor(io.stdout, io.env), width: io.stdout.columns ?? 80 };
        await write(io.stdout, `${traceLines(response, facts, redirects, style).join("\n")}\n`);
      }
    }
    if (this.#error !== undefined) throw this.#error;
  }

  #report(): TransferReport {
    const facts = this.#facts;
    const request = this.#request;
    const elapsed = (moment: number | undefined) => (moment === undefined ? undefined : moment - this.#start);
    const connection = facts?.reused ? undefined : facts?.connection;
    const error = this.#error;
    return {
      index: this.#job.index,
      givenUrl: this.#job.text,
      url: request?.url ?? this.#job.url,
      method: request?.method ?? "GET",
      referer: request?.headers.get("referer") ?? null,
      output: this.#destination.path,
      status: facts?.status,
      fields: facts?.fields ?? [],
      protocol: facts?.protocol,
      remoteAddress: facts?.remoteAddress,
      remotePort: facts?.remotePort,
      connects: this.#connects,
      redirects: this.#redirects.length,
      redirectUrl: this.#redirectUrl,
      contentBytes: this.#bodyDropped ? 0 : (facts?.contentBytes ?? 0),
      headBytes: this.#headBytes,
      uploadBytes: this.#uploadBytes,
      times: {
        lookup: elapsed(connection?.lookupEnd) ?? 0,
        connect: elapsed(connection?.connectEnd ?? connection?.handshakeEnd) ?? 0,
        handshake: elapsed(connection?.handshakeEnd) ?? 0,
        request: elapsed(facts?.timings.requestStart) ?? 0,
        firstByte: elapsed(facts?.timings.responseStart) ?? 0,
        redirect: this.#hopStart - this.#start,
        total: this.#end - this.#start,
      },
      exitCode: error === undefined ? 0 : exitCodeOf(error),
      errorMessage: error instanceof Error ? error.message : undefined,
    };
  }

  #progressFor(response: Response, io: Io): Progress | undefined {
    const { flags } = this.#session;
    const { path: output } = this.#destination;
    if (flags.silent || flags.verbose || flags.parallel || output === undefined || io.stderr.isTTY !== true) {
      return undefined;
    }
    const encoded = flags.compressed && response.headers.has("content-encoding");
    const length = encoded ? undefined : parseContentLength(response.headers.get("content-length") ?? "");
    return new Progress(io.stderr, output, length);
  }
}
