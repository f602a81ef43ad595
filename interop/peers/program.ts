/**
 * The programs of our own, in folders beside this file: each is a file server and a client on one library, and all
 * have the same command line, `--name=value` options and then the paths to download.
 */

import { basename, join } from "node:path";
import { freePort } from "../../src/host/udp/free-port.ts";
import type { CellFolder } from "../cell.ts";
import { HOST } from "../certificates.ts";
import { Child, runChild } from "../child.ts";
import { sha256Of } from "../digest.ts";
import { authority, LOOPBACK } from "../loopback.ts";
import {
  type Causes,
  type ClientRole,
  type Download,
  type Downloaded,
  type EndedSession,
  type Feature,
  LOSSY_IDLE,
  type Peer,
  type ServerRole,
  type ServerSettings,
} from "../peer.ts";
import { isUdpBound } from "../port.ts";

const IDLE = `--idle=${LOSSY_IDLE / 1000}`;

/** What a client prints of its last connection; it leaves out what its library does not tell. */
interface Report {
  readonly protocol: string;
  readonly resumed?: boolean;
  readonly used0RTT?: boolean;
  /** Of QUIC. */
  readonly version?: string;
}

const clientOptions = ({ cipher, keyUpdate, moves, protocol, resume, version2 }: Download): readonly string[] => [
  ...(protocol === "hq-interop" ? [`--protocol=${protocol}`] : []),
  ...(cipher === undefined ? [] : [`--cipher=${cipher}`]),
  ...(keyUpdate === undefined ? [] : ["--key-update=true"]),
  ...(moves === undefined ? [] : ["--moves=true"]),
  ...(resume === undefined ? [] : [`--resume=${resume}`]),
  ...(version2 === undefined ? [] : [`--quic=${version2 === "from the start" ? "v2" : "v1,v2"}`]),
];

export interface ProgramOptions {
  readonly causes?: Causes;
  /** The variables of its environment. */
  readonly environment?: (cell: CellFolder) => Readonly<Record<string, string>>;
}

export const programClient = (
  command: readonly string[],
  features: ReadonlySet<Feature>,
  { causes, environment }: ProgramOptions = {},
): ClientRole => ({
  features,
  causes,
  async download(request, cell) {
    const { stdout } = await runChild(
      [
        ...command,
        ...["--role=client", `--address=${authority(request.host ?? LOOPBACK, request.port)}`, `--name=${HOST}`],
        ...[`--ca=${cell.identity.caFile}`, `--output=${cell.directory}`],
        ...clientOptions(request),
        IDLE,
        ...request.paths,
      ],
      { ...(environment === undefined ? {} : { env: environment(cell) }), signal: cell.signal },
    );
    const remark = check(JSON.parse(stdout) as Report, request);
    const files = request.paths.map((each) => join(cell.directory, basename(each)));
    const sha256 = await Promise.all(files.map(sha256Of));
    const downloaded: Downloaded = { sha256, protocol: request.protocol, connections: 1 };
    return remark === undefined ? downloaded : { ...downloaded, remark };
  },
});

/** Throws unless the connection was as requested; returns a remark for the matrix. */
function check({ protocol, resumed, used0RTT, version }: Report, request: Download): string | undefined {
  if (protocol !== request.protocol) throw new Error(`it used ${protocol}`);
  if (request.resume !== undefined && resumed === false) throw new Error("it did not resume its session");
  if (request.resume === "early" && used0RTT !== true) throw new Error("its early data was not accepted");
  if (request.version2 !== undefined && version !== "2") throw new Error(`its connection used version ${version}`);
  if (request.version2 !== undefined) return `version ${version}`;
  return used0RTT === true ? "0-RTT accepted" : undefined;
}

const serverOptions = ({ cipher, prefersVersion2, protocol, retry }: ServerSettings): readonly string[] => [
  ...(protocol === undefined ? [] : [`--protocol=${protocol}`]),
  ...(cipher === undefined ? [] : [`--cipher=${cipher}`]),
  ...(prefersVersion2 === undefined ? [] : ["--quic=v2,v1"]),
  ...(retry === undefined ? [] : ["--retry=true"]),
];

export const programServer = (
  command: readonly string[],
  features: ReadonlySet<Feature>,
  causes?: Causes,
): ServerRole => ({
  features,
  causes,
  async start(settings, cell) {
    const port = await freePort();
    const child = new Child(
      [
        ...command,
        ...[
          "--role=server",
          `--address=${authority(settings.host ?? LOOPBACK, port)}`,
          `--root=${cell.site.directory}`,
        ],
        ...[`--cert=${settings.certFile}`, `--key=${settings.keyFile}`],
        ...serverOptions(settings),
        IDLE,
      ],
      { signal: cell.signal },
    );
    await child.until(() => isUdpBound(port), cell.signal);
    return { port, pid: child.pid, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
  },
});

/** The two ends of WebTransport sessions; the options are `--webtransport=client-closes` or `server-closes`. */
export const programSessions = (
  command: readonly string[],
  isBound: (port: number) => Promise<boolean> = isUdpBound,
): NonNullable<Peer["webTransport"]> => ({
  client: {
    async open(port, closer, cell) {
      const { stdout } = await runChild(
        [
          ...command,
          ...["--role=client", `--address=${authority(LOOPBACK, port)}`, `--name=${HOST}`],
          ...[`--ca=${cell.identity.caFile}`, `--webtransport=${closer}`],
        ],
        { signal: cell.signal },
      );
      return JSON.parse(stdout) as EndedSession;
    },
  },
  server: {
    async start({ certFile, keyFile }, cell) {
      const port = await freePort();
      const child = new Child(
        [
          ...command,
          ...["--role=server", `--address=${authority(LOOPBACK, port)}`, "--webtransport=server"],
          ...[`--cert=${certFile}`, `--key=${keyFile}`],
        ],
        { signal: cell.signal },
      );
      await child.until(() => isBound(port), cell.signal);
      let count = 0;
      return {
        port,
        async ended() {
          const index = count;
          count += 1;
          // A line for each session, on stderr if it failed.
          const lines = () => child.stdout.split("\n").slice(0, -1);
          await child.until(() => lines().length > index || child.stderr !== "", cell.signal);
          const line = lines()[index];
          if (line === undefined) throw new Error(`the server: ${child.lastLine()}`);
          return JSON.parse(line) as EndedSession;
        },
        [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
      };
    },
  },
});
