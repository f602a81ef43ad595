/**
 * The cases of the public QUIC interop runner, in its order: files, link and conditions. `pureFiles` are smaller ones for
 * the JavaScript engine, whose ciphers are slow.
 */

import { seconds } from "../../../src/base/time.ts";
import { VERSION_1, VERSION_2 } from "../../../src/quic/versions/index.ts";
import { scenarios, simulatedIdentity } from "../../../src/sim/index.ts";
import {
  amplificationLimit,
  bothKeyPhases,
  type Check,
  dropped,
  ecnMarked,
  goodput,
  growingWindows,
  handshakes,
  handshakesOnly,
  newIdOnNewPath,
  noRetry,
  onlyChaCha20,
  onlyFamily,
  raisedStreamLimit,
  repeatedClientHello,
  resumed,
  retried,
  sentEarly,
  upgradedToVersion2,
  validatedPaths,
} from "./checks.ts";
import { files, filesWithLongNames, KB, MB, type RequestedFile } from "./files.ts";
import type { CaseOptions } from "./run.ts";

export interface Case extends Omit<CaseOptions, "connections" | "link"> {
  readonly name: string;
  readonly files: readonly RequestedFile[];
  readonly pureFiles?: readonly RequestedFile[];
  /** Downloads each file on a connection of its own; or the first one, and then all others. */
  readonly connects?: "for each" | "twice";
  readonly link: () => CaseOptions["link"];
  readonly checks: readonly Check[];
}

const simple = (): CaseOptions["link"] => scenarios.simpleP2p();

/** A chain of nine certificates. Only the first is real: the client does not verify the others. */
const longChain = (): ReturnType<typeof simulatedIdentity> => {
  const { chain, signer } = simulatedIdentity();
  return { chain: [...chain, ...new Array(8).fill(new Uint8Array(1000))], signer };
};

const SMALL_WINDOWS = { initialMaxData: 64 * KB, initialMaxStreamData: 32 * KB };

const rebind = (address: boolean) => (): CaseOptions["link"] =>
  scenarios.rebind({ first: seconds(1), every: seconds(5), address });

export const CASES: readonly Case[] = [
  { name: "handshake", files: files(KB), link: simple, checks: [handshakes(1), noRetry] },
  {
    name: "transfer",
    files: files(2 * MB, 3 * MB, 5 * MB),
    pureFiles: files(200 * KB, 300 * KB, 500 * KB),
    link: simple,
    clientLimits: SMALL_WINDOWS,
    checks: [handshakes(1), growingWindows],
  },
  {
    name: "longrtt",
    files: files(KB),
    link: () => scenarios.simpleP2p({ delay: seconds(0.75) }),
    checks: [handshakes(1), repeatedClientHello],
  },
  {
    name: "chacha20",
    files: files(3 * MB),
    pureFiles: files(300 * KB),
    link: simple,
    cipherSuites: ["TLS_CHACHA20_POLY1305_SHA256"],
    checks: [handshakes(1), onlyChaCha20],
  },
  {
    name: "multiplexing",
    files: files(...new Array<number>(1999).fill(32)),
    link: simple,
    checks: [handshakes(1), raisedStreamLimit],
  },
  { name: "retry", files: files(10 * KB), link: simple, retry: "always", checks: [handshakes(1), retried] },
  {
    name: "resumption",
    files: files(5 * KB, 10 * KB),
    connects: "for each",
    link: simple,
    resumes: true,
    checks: [handshakes(2), resumed],
  },
  {
    name: "zerortt",
    files: filesWithLongNames(250, ...new Array<number>(40).fill(32)),
    connects: "twice",
    link: simple,
    resumes: true,
    sendsEarlyData: true,
    checks: [handshakes(2), resumed, sentEarly],
  },
  {
    name: "http3",
    files: files(5 * KB, 10 * KB, 500 * KB),
    link: simple,
    protocol: "h3",
    checks: [handshakes(1)],
  },
  {
    name: "blackhole",
    files: files(10 * MB),
    pureFiles: files(7 * MB),
    link: () => scenarios.blackhole({ on: seconds(5), off: seconds(2) }),
    checks: [handshakes(1), dropped("blackhole", 1)],
  },
  {
    name: "keyupdate",
    files: files(3 * MB),
    pureFiles: files(300 * KB),
    link: simple,
    cipherSuites: ["TLS_AES_128_GCM_SHA256"],
    keyUpdateAfter: 100 * KB,
    checks: [handshakes(1), bothKeyPhases],
  },
  { name: "ecn", files: files(100 * KB), link: simple, config: { ecn: true }, checks: [handshakes(1), ecnMarked] },
  {
    name: "amplificationlimit",
    files: files(5 * KB),
    link: () => scenarios.dropList({ toServer: [[2, 7]] }),
    identity: longChain(),
    checks: [handshakes(1), amplificationLimit, dropped("drop-list", 6)],
  },
  {
    name: "handshakeloss",
    files: files(...new Array<number>(50).fill(KB)),
    pureFiles: files(...new Array<number>(20).fill(KB)),
    connects: "for each",
    link: () => scenarios.dropRate({ rate: 0.3 }),
    timeout: seconds(300),
    checks: [dropped("loss", 1)],
  },
  {
    name: "transferloss",
    files: files(2 * MB),
    pureFiles: files(500 * KB),
    link: () => scenarios.dropRate({ rate: 0.02 }),
    checks: [handshakes(1), dropped("loss", 3)],
  },
  {
    name: "handshakecorruption",
    files: files(...new Array<number>(50).fill(KB)),
    pureFiles: files(...new Array<number>(20).fill(KB)),
    connects: "for each",
    link: () => scenarios.corruptRate({ rate: 0.3 }),
    timeout: seconds(300),
    checks: [],
  },
  {
    name: "transfercorruption",
    files: files(2 * MB),
    pureFiles: files(500 * KB),
    link: () => scenarios.corruptRate({ rate: 0.02 }),
    checks: [handshakes(1)],
  },
  { name: "ipv6", files: files(5 * KB, 10 * KB), link: simple, family: 6, checks: [handshakes(1), onlyFamily(6)] },
  {
    name: "v2",
    files: files(KB),
    link: simple,
    version: VERSION_1,
    config: { versions: [VERSION_2, VERSION_1] },
    checks: [handshakes(1, "any"), upgradedToVersion2],
  },
  {
    name: "rebind-port",
    files: files(10 * MB),
    pureFiles: files(2 * MB),
    link: rebind(false),
    checks: [handshakes(1), validatedPaths("ports")],
  },
  {
    name: "rebind-addr",
    files: files(10 * MB),
    pureFiles: files(2 * MB),
    link: rebind(true),
    checks: [handshakes(1), validatedPaths("addresses")],
  },
  {
    name: "connectionmigration",
    files: files(2 * MB),
    pureFiles: files(500 * KB),
    link: simple,
    prefersAddress: true,
    checks: [handshakes(1), validatedPaths("ports"), newIdOnNewPath],
  },
  {
    name: "goodput",
    files: files(10 * MB),
    pureFiles: files(5 * MB),
    link: simple,
    checks: [handshakes(1), goodput(9)],
  },
  {
    name: "crosstraffic",
    files: files(25 * MB),
    pureFiles: files(3 * MB),
    link: simple,
    crossTraffic: files(25 * MB),
    timeout: seconds(180),
    checks: [handshakes(1), goodput(3, 7)],
  },
];

export function optionsOf(one: Case, wanted: readonly RequestedFile[]): CaseOptions {
  const { name: _, files: __, pureFiles: ___, checks: ____, connects, link, ...options } = one;
  return { ...options, connections: connectionsOf(connects, wanted), link: link() };
}

function connectionsOf(connects: Case["connects"], wanted: readonly RequestedFile[]): CaseOptions["connections"] {
  switch (connects) {
    case "for each":
      return wanted.map((file) => [file]);
    case "twice":
      return [wanted.slice(0, 1), wanted.slice(1)];
    default:
      return [wanted];
  }
}

/** With a connection for each file, counts handshakes only, since the end of some connections may be lost. */
export const checksOf = (one: Case, wanted: readonly RequestedFile[]): readonly Check[] =>
  one.connects === "for each" ? [handshakesOnly(wanted.length), ...one.checks] : one.checks;
