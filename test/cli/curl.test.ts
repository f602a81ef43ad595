/** Compares `nagare get` with `curl`: the same command line gives the same exit code, stdout and files. */
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findProgram } from "../../src/cli/find-program.ts";
import type { Server } from "../../src/edge/server.ts";
import { makeAuthority } from "../../src/host/client/testing/certificates.ts";
import { type TestServer, testCertificate } from "../../src/host/client/testing/servers.ts";
import { type RawServer, serveAnswers, serveFetch, serveRaw, serveSilence } from "./curl-server.ts";
import { run } from "./run.ts";

const curl = await findProgram(["curl"], process.env);

/** H is the TLS server, R the handwritten one without TLS. OUT and PART are files in each client's own folder. */
const ROWS: readonly (readonly [args: string, stdin?: string])[] = [
  // The request
  ["H/echo"],
  ["H/echo?a=b&c=d"],
  ["-X DELETE H/echo"],
  ["-X PATCH -d a H/echo"],
  ["-X GET -d a H/echo"],
  ["-H X-One:1 -H X-Two:2 H/echo"],
  ["-H Accept: H/echo"],
  ["-H User-Agent: -H X-Empty; H/echo"],
  ["-H Content-Type: -d a H/echo"],
  ["-A me H/echo"],
  ["-u me:secret H/echo"],
  ["-e http://from/ H/echo"],
  ["-b a=b;c=d H/echo"],
  ["-b JAR H/echo"],
  ["-b a=b -b JAR -L H/cookie"],
  ["-r 0-9 H/file"],
  ["-r 990- H/file"],
  ["-I H/status/200"],
  ["-I -G -d a=b H/status/404"],
  ["-H nonsense H/echo"],
  ["-H X-One;2 -H :3 -H X-Two:a;b H/echo"],
  ["-H @HEADERS H/echo"],
  ["-H @- H/echo", "X-Typed: yes\n"],
  ["-H Cookie:a=b -b c=d H/echo"],
  ["-H Authorization:mine -u me:secret H/echo"],
  ["-A  H/echo"],
  ["-u me: H/echo"],
  ["-u :secret H/echo"],
  ["-b MISSING H/echo"],
  ["-b JAR -b a=b H/echo"],
  ["-X POST H/echo"],
  ["-X OPTIONS H/echo"],
  ["-X purge H/echo"],
  ["-I H/file"],
  ["-I -o OUT H/file"],
  ["-I H/echo H/status/404"],
  ["-r -10 H/echo"],
  ["-r 5 H/echo"],
  // Its content
  ["-d a=1 -d b=2 H/echo"],
  ["-d @DATA H/echo"],
  ["-d @- H/echo", "from\r\nstdin"],
  ["--data-binary @DATA H/echo"],
  ["--data-raw @DATA H/echo"],
  ["--data-urlencode n=\u00e9&+ --data-urlencode =x/y --data-urlencode n@DATA -d plain H/echo"],
  ["-G -d a=b --data-urlencode c=~d H/echo?x=y"],
  ["-F a=b -F c=@DATA -F d=<DATA H/echo"],
  ["-F e=@DATA;type=a/b;filename=other H/echo"],
  ["-T DATA H/up/"],
  ["-T DATA H/up"],
  ["-T - H/up", "streamed"],
  // The response
  ["-i H/status/200"],
  ["-i H/status/204"],
  ["-i H/status/304"],
  ["-i H/status/404"],
  ["-i H/status/500"],
  ["-i H/empty"],
  ["-i H/early"],
  ["-i H/trailers"],
  ["-i R/case"],
  ["-i R/interim"],
  ["-i R/trailer"],
  ["-D - H/status/201"],
  ["-D - -o OUT H/status/201"],
  ["-i -o OUT H/status/404"],
  ["-o OUT H/empty"],
  ["--compressed H/gzip"],
  ["H/gzip"],
  ["R/until-close"],
  ["--compressed -i -r 0-3 H/status/200"],
  ["--compressed -o OUT H/gzip"],
  ["--compressed -I H/status/200"],
  ["-s H/echo"],
  ["-o OUT H/echo H/status/404"],
  ["-o OUT -o PART H/echo H/status/404"],
  ["-o OUT -o PART H/echo"],
  ["-o OUT -O H/echo H/PART"],
  ["-O H/OUT H/echo"],
  ["--remote-name-all H/OUT H/PART"],
  ["-O H/a/b/OUT?q=1"],
  ["-O H/a%20b"],
  ["-o sub/OUT H/echo"],
  ["--create-dirs -o sub/deeper/OUT H/echo"],
  ["--output-dir sub -o OUT H/echo"],
  ["--create-dirs --output-dir sub -O H/OUT"],
  ["-J -O H/disposition/OUT"],
  ["-JO H/disposition/sub%2FOUT"],
  ["-J -O H/disposition/PART"],
  ["-J -O H/OUT"],
  ["-J -o PART H/disposition/OUT"],
  ["-J H/disposition/OUT"],
  ["-J -i -O H/disposition/OUT"],
  ["-J -O -w %{filename_effective} H/disposition/OUT"],
  ["-o . H/echo"],
  ["-o - H/echo"],
  ["-c OUT H/cookie"],
  ["-c OUT -L H/cookie"],
  ["-c - H/cookies"],
  ["-b JAR -c OUT H/cookies"],
  ["-b MISSING -c OUT -L H/cookie"],
  ["-c OUT H/cookies H/echo"],
  ["-c OUT http://127.0.0.1:CLOSED/"],
  ["-c MISSING/x H/cookie"],
  // Redirects
  ["H/redirect/302"],
  ["-L H/redirect/302"],
  ["-L -i H/redirect/301"],
  ["-L -D - -o OUT H/redirect/307"],
  ["-L -d a=b H/redirect/302"],
  ["-L -d a=b H/redirect/303"],
  ["-L -d a=b H/redirect/307"],
  ["-L -d a=b H/redirect/308"],
  ["-L -X PUT -d a=b H/redirect/302"],
  ["-L -T DATA H/redirect/303"],
  ["-L -T DATA H/redirect/307"],
  ["-L -I H/redirect/302?to=/status/200"],
  ["-L -u me:secret -b a=b H/redirect/302"],
  ["-L -d a=b H/redirect/301"],
  ["-L -d a=b H/redirect/300"],
  ["-L -d a=b H/redirect/304"],
  ["-L -X DELETE H/redirect/303"],
  ["-L -X POST -d a=b H/redirect/308"],
  ["-L -F a=b H/redirect/307"],
  ["-L -T - H/redirect/303", "streamed"],
  ["-L -H Authorization:mine -H Cookie:a=b H/redirect/302"],
  ["-L -u me:secret H/redirect/302?to=http://127.0.0.1:CLOSED/"],
  ["-L H/redirect/302?to=//localhost:PORT/echo"],
  ["-L H/redirect/302?to=../up/./a"],
  ["-L -I -d a=b H/redirect/302"],
  ["-L -G -d a=b H/redirect/302"],
  ["-L -f H/redirect/302?to=/status/404"],
  ["-L -o OUT H/redirect/302?to=/status/404"],
  ["-L --max-redirs 3 H/loop"],
  ["-L --max-redirs 0 H/redirect/302"],
  ["-L R/bad-location"],
  ["-L R/gopher"],
  // Resuming and retrying
  ["-C 990 H/file"],
  ["-C 0 H/file"],
  ["-C - -o PART H/file"],
  ["-C 1000 H/file"],
  ["-C 5 H/echo"],
  ["-C 5 R/short"],
  ["--retry 1 --retry-delay 1 H/flaky"],
  ["--retry 1 --retry-delay 1 -f -o OUT H/flaky"],
  // Output of -w
  ["-w %{http_code}|%{size_download}|%{content_type}|%{http_version}|%{method}\\n H/status/201"],
  ["-o OUT -w %{json} H/never -m 0.2"],
  ["-w %header{x-status}\\t%{num_redirects}%%\\n H/status/200"],
  ["-w %{redirect_url}|%{url_effective} H/redirect/302"],
  ["-L -w %{num_redirects}|%{url_effective} H/redirect/302"],
  ["-w %{http_code}|%{exitcode} http://127.0.0.1:CLOSED/"],
  ["-f -w %{http_code}|%{exitcode}|%{size_download} H/status/404"],
  ["-w %{onerror}failed H/empty"],
  // Exit codes
  ["-f H/status/399"],
  ["-f H/status/400"],
  ["-f -i H/status/404"],
  ["-f -o OUT H/status/500"],
  ["-f -I H/status/503"],
  ["--fail-with-body H/status/404"],
  ["--fail-with-body -i H/status/500"],
  ["--fail-with-body -f H/status/500"],
  ["-d a -T DATA H/up"],
  ["-I -d a H/echo"],
  ["-F a=b -d c H/echo"],
  ["-m abc H/echo"],
  ["-s http://a\u0020b/"],
  ["-sS gopherx://x/"],
  ["http://no-such-host.invalid/"],
  ["http://127.0.0.1:CLOSED/"],
  ["https://127.0.0.1:CLOSED/"],
  ["-4 http://[::1]:CLOSED/"],
  ["-6 http://127.0.0.1:CLOSED/"],
  ["-4 H/echo"],
  ["--resolve localhost:PORT:127.0.0.1 H/echo"],
  ["--resolve nonsense H/echo"],
  ["--resolve +localhost:PORT:127.0.0.1 H/echo"],
  ["--resolve *:PORT:127.0.0.1 -k https://elsewhere.invalid:PORT/echo"],
  ["--resolve -localhost:PORT --resolve localhost:PORT:[127.0.0.1] H/echo"],
  ["--resolve elsewhere.invalid:PORT:127.0.0.1,::1 https://elsewhere.invalid:PORT/echo"],
  ["-m 0.2 H/never"],
  ["-m 0.2 R/never"],
  ["--connect-timeout 0.2 https://127.0.0.1:SILENT/"],
  ["https://127.0.0.1:RAW/not-http"],
  ["--cacert STRANGER H/echo"],
  ["--cacert STRANGER -k H/echo"],
  ["--cacert MISSING H/echo"],
  ["-T MISSING H/up"],
  ["-F a=@MISSING H/echo"],
  ["-o MISSING/x H/echo"],
  ["-O H/"],
  ["R/empty"],
  ["R/not-http"],
  ["R/bad-field"],
  ["R/short"],
  ["R/cut"],
  ["R/bad-chunk"],
  ["--compressed H/damaged"],
  ["http://127.0.0.1:CLOSED/ H/echo"],
  ["H/echo http://127.0.0.1:CLOSED/"],
];

let directory: string;
let answers: TestServer;
let raw: RawServer;
let silent: RawServer;
let own: Server;
let closed: number;
let words: Readonly<Record<string, string>>;

/** The working directory of the other test files. */
const home = process.cwd();

beforeAll(async () => {
  if (curl === undefined) return;
  directory = await mkdtemp(join(tmpdir(), "nagare-curl-"));
  const file = async (name: string, content: string | Uint8Array) => {
    await writeFile(join(directory, name), content);
    return join(directory, name);
  };
  const ca = await file("ca.pem", testCertificate().authority.ca);
  answers = await serveAnswers();
  raw = await serveRaw();
  silent = await serveSilence();
  own = await serveFetch();
  closed = await closedPort();
  words = {
    CA: ca,
    STRANGER: await file("stranger.pem", makeAuthority("Stranger").ca),
    DATA: await file("data.txt", "from\r\na=file\n"),
    JAR: await file("jar", "# Netscape HTTP Cookie File\nlocalhost\tFALSE\t/\tTRUE\t0\tfrom\tjar\n"),
    HEADERS: await file("headers", "X-From: file\r\n\nAccept:\nX-Last: yes"),
    MISSING: join(directory, "missing"),
  };
});

afterAll(async () => {
  if (curl === undefined) return;
  await answers.close();
  await raw.close();
  await silent.close();
  await own.close({ timeout: 0 });
  process.chdir(home);
  await rm(directory, { recursive: true });
});

async function closedPort(): Promise<number> {
  const server = createServer();
  const port = await new Promise<number>((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port)),
  );
  await new Promise((resolve) => server.close(resolve));
  return port;
}

interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  /** Contents by file name. */
  readonly files: Readonly<Record<string, string>>;
}

function argumentsOf(line: string, version: string): string[] {
  const args = line.split(" ").map((word) => {
    const url = word
      .replace(/^H(?=\/)/, answers.url.slice(0, -1))
      .replace(/^Q(?=\/)/, `https://localhost:${own.port}`)
      .replace(/^R(?=\/)/, `http://127.0.0.1:${raw.port}`)
      .replace(/\bCLOSED\b/, String(closed))
      .replace(/\bPORT\b/g, String(answers.port))
      .replace(/\bRAW\b/, String(raw.port))
      .replace(/\bSILENT\b/, String(silent.port));
    return url.replace(/\b(STRANGER|DATA|HEADERS|JAR|MISSING)\b/, (name) => words[name]!);
  });
  return [version, ...(line.includes("--cacert") ? [] : ["--cacert", words.CA!]), ...args];
}

/** Runs in an empty folder. */
async function outcomeOf(folder: string, act: () => Promise<{ exitCode: number; stdout: string }>): Promise<Outcome> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(join(folder, "sub"), { recursive: true });
  await writeFile(join(folder, "PART"), new Uint8Array(990));
  process.chdir(folder);
  try {
    const { exitCode, stdout } = await act();
    const names = (await readdir(folder, { recursive: true, withFileTypes: true }))
      .filter((each) => each.isFile())
      .map((each) => relative(folder, join(each.parentPath ?? each.path, each.name)))
      .sort();
    const files: Record<string, string> = {};
    for (const name of names) files[name] = withoutComments(await readFile(join(folder, name), "latin1"));
    return { exitCode, stdout: withoutComments(stdout), files };
  } finally {
    process.chdir(directory);
  }
}

/** Comments in a cookie file say which program wrote it. */
const withoutComments = (text: string): string => text.replace(/^# .*\n/gm, "");

function runCurl(args: readonly string[], stdin: string): Promise<{ exitCode: number; stdout: string }> {
  return new Promise((resolve, reject) => {
    // The user's configuration (-q) and proxies are not part of the comparison.
    const child = spawn(curl!, ["-q", "-s", ...args], { env: { PATH: process.env.PATH, LC_ALL: "C.UTF-8" } });
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.stdin.on("error", () => {});
    child.stdin.end(stdin);
    child.once("error", reject);
    child.once("close", (code) => resolve({ exitCode: code ?? -1, stdout: Buffer.concat(chunks).toString("latin1") }));
  });
}

/** Ours over HTTP/3, curl over HTTP/1.1, since Debian's curl has no HTTP/3. Q is our own server, which has both. */
const HTTP3_ROWS: readonly (readonly [args: string, stdin?: string])[] = [
  ["Q/echo?a=b"],
  ["-X DELETE -H X-One:1 Q/echo"],
  ["-H Accept: -A me Q/echo"],
  ["-u me:secret -e http://from/ -b a=b;c=d Q/echo"],
  ["-d a=1 -d @DATA Q/echo"],
  ["--data-binary @DATA Q/echo"],
  ["-G --data-urlencode a=x~y Q/echo"],
  ["-F a=b -F c=@DATA Q/echo"],
  ["-T DATA Q/up/"],
  ["-T - Q/up", "streamed"],
  ["-r 0-9 Q/file"],
  ["-C 990 Q/file"],
  ["-C - -o PART Q/file"],
  ["-C 5 Q/echo"],
  ["-o OUT Q/file"],
  ["--compressed Q/gzip"],
  ["--compressed Q/damaged"],
  ["-L Q/redirect/302"],
  ["-L -d a=b Q/redirect/303"],
  ["-L -T DATA Q/redirect/307"],
  ["-L --max-redirs 3 Q/loop"],
  ["-f Q/status/404"],
  ["--fail-with-body Q/status/500"],
  ["-w %{http_code}|%{size_download}|%{num_redirects}|%{method} Q/status/201"],
  ["--retry 1 --retry-delay 1 Q/flaky"],
  ["-m 0.3 Q/never"],
  ["--cacert STRANGER Q/echo"],
  ["-O Q/"],
];

const versions = ["--http1.1", "--http2"] as const;

describe.skipIf(curl === undefined)("as curl (skipped where there is no curl)", () => {
  test("the table has at least 60 rows", () => expect(ROWS.length).toBeGreaterThanOrEqual(60));

  test.each(HTTP3_ROWS.map(([args, stdin]) => ({ args, stdin })))("--http3-only $args", ({ args, stdin }) =>
    compare(args, stdin, "--http3-only"),
  );

  for (const version of versions) {
    // Without TLS, there is only HTTP/1.1.
    const rows = version === "--http2" ? ROWS.filter(([args]) => args.includes("H/")) : ROWS;
    test.each(rows.map(([args, stdin]) => ({ args, stdin })))(`${version} $args`, ({ args, stdin }) =>
      compare(args, stdin, version),
    );
  }
});

async function compare(args: string, stdin = "", version: string): Promise<void> {
  const theirs = join(directory, "theirs");
  const ours = join(directory, "ours");
  const expected = await outcomeOf(theirs, () =>
    runCurl(argumentsOf(args, version === "--http3-only" ? "--http1.1" : version), stdin),
  );
  const actual = await outcomeOf(ours, async () => {
    const { exitCode, bytes } = await run(["get", ...argumentsOf(args, version)], { stdin });
    return { exitCode, stdout: bytes.toString("latin1") };
  });
  if (args.includes("%{json}")) {
    const known = ({ http_code, exitcode, method, size_download }: Record<string, unknown>) => ({
      http_code,
      exitcode,
      method,
      size_download,
    });
    expect(known(JSON.parse(actual.stdout))).toEqual(known(JSON.parse(expected.stdout)));
    expect(actual.exitCode).toBe(expected.exitCode);
  } else expect(actual).toEqual(expected);
}
