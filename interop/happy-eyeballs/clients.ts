/** The clients of the testbed: programs in the client's namespace that visit one host. */

import { chmod, mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium as playwright } from "playwright-core";
import { CHROMIUM, findProgram } from "../../src/cli/find-program.ts";
import type { Namespace } from "../../src/host/tap/testing/namespaces.ts";
import type { TestIdentity } from "../certificates.ts";
import { Child, runChild } from "../child.ts";
import { debianProgram, versionOf } from "../install/debian.ts";
import { trixieCommand } from "../install/trixie.ts";
import { Skip } from "../result.ts";

export interface Visit {
  readonly host: string;
  /** True to allow HTTP/3. */
  readonly http3: boolean;
}

/** A visit under way. */
export interface Visiting extends AsyncDisposable {
  /** Resolves with undefined, or with the reason of its failure. */
  readonly ended: Promise<string | undefined>;
}

export interface TestedClient {
  readonly name: string;
  readonly isOurs?: true;
  /** True if visits may be over HTTP/3. */
  readonly hasHttp3: boolean;
  visit(visit: Visit): Promise<Visiting>;
}

export interface ClientPlace {
  readonly namespace: Namespace;
  readonly directory: string;
  readonly identity: TestIdentity;
  readonly log: (line: string) => void;
}

/** Runs a command in the namespace, with its name server; the file is mounted for that process alone. */
const inside = (namespace: Namespace, resolvConf: string): readonly string[] => [
  "/bin/sh",
  "-c",
  `exec ${namespace.exec.join(" ")} /bin/sh -c 'mount --bind "$0" /etc/resolv.conf && exec "$@"' "$0" "$@"`,
  resolvConf,
];

const program = (name: string): string => fileURLToPath(new URL(`./programs/${name}.js`, import.meta.url));

/** What Node's own sockets do by default. */
const NODE_CONNECT = `
const [host] = process.argv.slice(1);
require("node:net").connect({ host, port: 80 })
  .on("connect", function () { this.end("GET / HTTP/1.0\\r\\n\\r\\n"); })
  .on("error", (error) => { console.error(error.code || error.message); process.exit(1); })
  .resume();`;

type Found = { readonly client: TestedClient } | { readonly name: string; readonly why: string };

/** Each client, or why it is not there. */
export async function findClients(place: ClientPlace): Promise<readonly Found[]> {
  const resolvConf = join(place.directory, "resolv.conf");
  await writeFile(resolvConf, "nameserver 127.0.0.1\n");
  const within = inside(place.namespace, resolvConf);
  const run = (...command: readonly string[]): Promise<Visiting> => Promise.resolve(visiting([...within, ...command]));
  const all: readonly (readonly [name: string, find: () => Promise<TestedClient>])[] = [
    ["nagare/connect", async () => ({ ...OURS, hasHttp3: false, name: "nagare/connect", visit: connectWith(run) })],
    ["createClient", async () => ({ ...OURS, hasHttp3: true, name: "createClient", visit: fetchWith(run, place) })],
    ...["20", "24"].map((line) => [`Node ${line}`, () => nodeClient(line, run)] as const),
    ["curl 8.14", () => curlClient(run, place)],
    ["Chromium", () => chromiumClient(within, place)],
  ];
  const found: Found[] = [];
  for (const [name, find] of all) {
    found.push(
      await find().then(
        (client) => ({ client }),
        (error: unknown) => {
          if (!(error instanceof Skip)) throw error;
          return { name, why: error.message };
        },
      ),
    );
  }
  return found;
}

type RunIn = (...command: readonly string[]) => Promise<Visiting>;

const OURS = { isOurs: true } as const;

const connectWith =
  (run: RunIn): TestedClient["visit"] =>
  ({ host }) =>
    run(process.execPath, program("connect"), host);

const fetchWith =
  (run: RunIn, { identity }: ClientPlace): TestedClient["visit"] =>
  ({ host, http3 }) => {
    const protocols = http3 ? "h3,h2,http/1.1" : "h2,http/1.1";
    return run(process.execPath, program("fetch"), `https://${host}/`, identity.caFile, protocols);
  };

async function nodeClient(line: string, run: RunIn): Promise<TestedClient> {
  const path = await nodePath(line);
  const { stdout } = await runChild([path, "--version"]);
  const name = `Node ${stdout.trim().slice(1)}`;
  return { name, hasHttp3: false, visit: ({ host }) => run(path, "-e", NODE_CONNECT, host) };
}

/** The binary of a release line; installed on first use. */
async function nodePath(line: string): Promise<string> {
  if (process.versions.node.startsWith(`${line}.`)) return process.execPath;
  const npm = await findProgram(["npm"], process.env);
  if (npm === undefined) throw new Skip("npm is not installed");
  try {
    const command = [npm, "run", "--silent", "on-node", "--", line, "node", "-p", "process.execPath"];
    const { stdout } = await runChild(command, { signal: AbortSignal.timeout(180_000) });
    return stdout.trim();
  } catch (error) {
    throw new Skip(`Node ${line} cannot be had: ${(error as Error).message}`, { cause: error });
  }
}

async function curlClient(run: RunIn, { log }: ClientPlace): Promise<TestedClient> {
  const curl = await trixieCommand("usr/bin/curl", log);
  return {
    name: `curl ${await versionOf([...curl, "--version"])}`,
    hasHttp3: true,
    visit: ({ host, http3 }) =>
      run(...curl, "-sSk", "-o", "/dev/null", ...(http3 ? ["--http3", `https://${host}/`] : [`http://${host}/`])),
  };
}

/** A fresh browser for each visit: it remembers names, and which hosts have no QUIC. */
async function chromiumClient(within: readonly string[], place: ClientPlace): Promise<TestedClient> {
  const { directory, identity, log } = place;
  const path = (await findProgram(CHROMIUM, process.env)) ?? (await debianProgram("chromium", "chromium", log));
  const executablePath = join(await mkdtemp(join(directory, "chromium-")), "chromium");
  const quoted = [...within, path].map((each) => `'${each.replaceAll("'", "'\\''")}'`).join(" ");
  await writeFile(executablePath, `#!/bin/sh\nexec ${quoted} "$@"\n`);
  await chmod(executablePath, 0o755);
  return {
    name: `Chromium ${(await versionOf([path, "--version"])).split(".")[0]}`,
    hasHttp3: true,
    async visit({ host, http3 }) {
      const browser = await playwright.launch({
        executablePath,
        args: [
          "--no-sandbox",
          `--ignore-certificate-errors-spki-list=${identity.spkiHash}`,
          // A private authority's certificate counts over QUIC only if any port of the host was forced.
          ...(http3 ? [`--origin-to-force-quic-on=${host}:1`] : ["--disable-quic"]),
        ],
      });
      const page = await browser.newPage();
      return {
        ended: page.goto(`https://${host}/`).then(
          () => undefined,
          (error: Error) => /net::(\w+)/.exec(error.message)?.[1] ?? error.message,
        ),
        [Symbol.asyncDispose]: () => browser.close(),
      };
    },
  };
}

function visiting(command: readonly string[]): Visiting {
  const child = new Child(command);
  return {
    ended: child.succeeded().then(
      () => undefined,
      () => child.lastLine(),
    ),
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}
