// `nagare get`: one client for all URLs, which are fetched one after the other or all at once.
import { join } from "node:path";
import { parseHstsFile, printHstsFile } from "../../agent/hsts/index.ts";
import { parseAltSvcFile, printAltSvcFile } from "../../agent/index.ts";
import {
  AltSvcStore,
  type Client,
  ClientError,
  type ClientOptions,
  createClient,
  HstsStore,
  type ResourceNotice,
} from "../../client/index.ts";
import { printable } from "../../wire/printable.ts";
import { exitCodeOf, reportFailure, silentExit, usageError } from "../fail.ts";
import { interruptible } from "../interrupt.ts";
import type { Io } from "../io.ts";
import { qlogFrom } from "../qlog.ts";
import { GetCookies } from "./cookies.ts";
import type { DohLookup } from "./doh.ts";
import { checkEngine } from "./engine.ts";
import { CURL, withCurlCode } from "./exit-codes.ts";
import { checkCombinations, clientOptionsFrom, familyOf, type GetFlags, readPem, urlFrom } from "./flags.ts";
import { readKept, saveKept } from "./kept-text.ts";
import { openKeyLog } from "./keylog.ts";
import { noticeText } from "./notice.ts";
import { openDestination } from "./output.ts";
import { nameInUrl } from "./remote-name.ts";
import { type Job, type Session, transfer } from "./transfer.ts";
import { writeOutFrom } from "./write-out.ts";

export async function get(urls: readonly string[], flags: GetFlags, io: Io): Promise<void> {
  checkCombinations(flags);
  const reports = { json: flags.json === true, silent: flags.silent === true && flags.showError !== true };
  try {
    const jobs = jobsFrom(urls, flags, io);
    const failures = await getAll(jobs, flags, io, (failure) => reportFailure(failure, io, reports));
    // As in curl, the exit code is that of the last transfer, or of the first failure if all run at once.
    const decisive = flags.parallel ? failures.find((each) => each !== undefined) : failures.at(-1);
    if (decisive !== undefined) throw silentExit(exitCodeOf(decisive));
  } catch (error) {
    throw silentExit(reportFailure(error, io, reports));
  }
}

/** An invalid proxy is a mistake on the command line. */
function usableClient(options: ClientOptions): Client {
  try {
    return createClient(options);
  } catch (error) {
    if (options.ipGeo !== undefined && error instanceof TypeError && error.message.startsWith("ipGeo")) {
      throw usageError(error.message.replace("ipGeo", "--ip-geo"));
    }
    if (error instanceof ClientError && error.code === "LOCAL_ADDRESS_UNAVAILABLE") {
      throw withCurlCode(error, { protocol: undefined, headSeen: false });
    }
    if (error instanceof ClientError && error.code === "REQUEST_INVALID") throw usageError(error.message, error.hint);
    throw error;
  }
}

/** Transfers every URL, and reports each failure when it happens. */
async function getAll(
  jobs: readonly Job[],
  flags: GetFlags,
  io: Io,
  report: (failure: unknown) => void,
): Promise<unknown[]> {
  await using doh = await dohFrom(flags);
  const options = await clientOptionsFrom(flags, doh);
  await checkEngine(io);
  // Loads the stack before the clock starts: the startup cost of this program is not part of a request.
  if (flags.trace && options.protocols?.includes("h3") !== false) await import("../../host/client/h3-connector.ts");
  const keylog = openKeyLog(flags.keylog, io);
  const log = (line: string): void => void io.stderr.write(`${line}\n`);
  const qlog = qlogFrom(flags, io);
  const hsts = flags.hsts === undefined ? undefined : await hstsFrom(flags.hsts);
  const altSvc = flags.altSvc === undefined ? undefined : await altSvcFrom(flags.altSvc, log);
  const onNotice = (notice: ResourceNotice): void => {
    if (flags.silent !== true) log(printable(noticeText(notice)));
  };
  const client = usableClient({
    ...options,
    onNotice,
    hsts,
    altSvc,
    keylog: keylog?.write,
    qlog: qlog && { ...qlog, log },
  });
  const dump = flags.dumpHeader === undefined ? undefined : await openDestination(pathOf(flags.dumpHeader), io);
  const session: Session = {
    client,
    flags,
    io,
    jar: await GetCookies.from(flags.cookie ?? [], flags.cookieJar !== undefined),
    writeOut: flags.writeOut === undefined ? undefined : writeOutFrom(flags.writeOut),
    dump,
  };
  try {
    return await interruptible(io, async (interrupted) => {
      const run = (job: Job): Promise<unknown> =>
        transfer(session, job, interrupted).then(
          () => undefined,
          (failure: unknown) => {
            if (interrupted.aborted) throw failure;
            report(failure);
            return failure;
          },
        );
      if (flags.parallel) return Promise.all(jobs.map(run));
      const failures: unknown[] = [];
      for (const job of jobs) failures.push(await run(job));
      return failures;
    });
  } finally {
    await client.destroy();
    await dump?.close();
    if (flags.cookieJar !== undefined) {
      await saveKept(flags.cookieJar, "the cookies", session.jar.cookieFile(), io);
    }
    if (flags.altSvc !== undefined && flags.altSvc !== "" && altSvc !== undefined) {
      await saveKept(flags.altSvc, "the alternative services", printAltSvcFile(altSvc.entries()), io);
    }
    if (flags.hsts !== undefined && flags.hsts !== "" && hsts !== undefined) {
      await saveKept(flags.hsts, "the hosts with HSTS", printHstsFile(hsts.entries(Date.now())), io);
    }
    keylog?.close();
  }
}

/** The server of --doh-url is judged like those of the URLs. */
async function dohFrom(flags: GetFlags): Promise<DohLookup | undefined> {
  const { dohUrl, cacert, insecure } = flags;
  if (dohUrl === undefined) return undefined;
  const url = urlFrom(dohUrl);
  if (url.protocol !== "https:") throw usageError(`--doh-url ${dohUrl} is not an https URL`);
  const { DohLookup } = await import("./doh.ts");
  const ca = cacert === undefined ? undefined : await readPem(cacert, CURL.certificateFile);
  return new DohLookup({ url, ca, acceptsAnyCertificate: insecure === true, family: familyOf(flags) });
}

async function hstsFrom(path: string): Promise<HstsStore> {
  const store = new HstsStore();
  // As in curl, an empty name keeps them in memory.
  for (const entry of parseHstsFile(path === "" ? "" : await readKept(path))) store.add(entry);
  return store;
}

/** Lines that cannot be read are reported, and left out of the file that is written. */
async function altSvcFrom(path: string, log: (line: string) => void): Promise<AltSvcStore> {
  const store = new AltSvcStore();
  const { entries, problems, rejected } = parseAltSvcFile(path === "" ? "" : await readKept(path));
  for (const { line, problem } of problems) log(`nagare: ${path} line ${line} is left out: ${problem}`);
  if (rejected > problems.length) log(`nagare: ${path}: ${rejected - problems.length} more lines are left out`);
  for (const entry of entries) store.add(entry);
  return store;
}

const pathOf = (name: string): string | undefined => (name === "-" ? undefined : name);

function jobsFrom(urls: readonly string[], flags: GetFlags, io: Io): Job[] {
  const { outputs = [], uploadFile = [], remoteNameAll, outputDir = "", silent } = flags;
  if (outputs.length > urls.length && !silent) {
    io.stderr.write(`nagare: ${outputs.length} × -o or -O for ${urls.length} URLs: the extra ones are ignored\n`);
  }
  if (uploadFile.length > urls.length)
    throw usageError(`${uploadFile.length} × -T for ${urls.length} URLs: give at most one -T for each URL`);
  return urls.map((text, index) => {
    const url = urlFrom(text);
    const given = outputs[index] ?? (remoteNameAll ? "remote" : undefined);
    const path = given === "remote" ? nameInUrl(url) : given === undefined ? undefined : pathOf(given.path);
    const output = path === undefined ? undefined : join(outputDir, path);
    return { url, text, index, output, isRemoteName: given === "remote", upload: uploadFile[index] };
  });
}
