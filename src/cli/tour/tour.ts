// `nagare tour`: runs the rows of every system one after the other, each in its own folder and with a time limit.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EXIT, silentExit, usageError } from "../fail.ts";
import { interruptible } from "../interrupt.ts";
import { colorsFor, type Io, write } from "../io.ts";
import { ALTERNATIVE_SERVICE_ROWS } from "./alternative-services.ts";
import { BPF_ROWS } from "./bpf.ts";
import { CONNECT_UDP_ROWS } from "./connect-udp.ts";
import { COOKIE_ROWS } from "./cookies.ts";
import { DNS_ROWS } from "./dns.ts";
import { EDGE_ROWS } from "./edge.ts";
import { GEO_ROWS } from "./geo.ts";
import { ISOLATION_ROWS } from "./isolation.ts";
import { KEYLOG_ROWS } from "./keylog.ts";
import { LIVE_ROWS } from "./live.ts";
import { MEMCACHED_ROWS } from "./memcached.ts";
import { NETSTACK_ROWS } from "./netstack.ts";
import { NODE_ROWS } from "./node.ts";
import { PRIORITY_ROWS } from "./priorities.ts";
import { QLOG_ROWS } from "./qlog.ts";
import { QUIC_ROWS } from "./quic.ts";
import { REPLAY_ROWS } from "./replay.ts";
import { reportLines } from "./report.ts";
import { RESUMABLE_UPLOAD_ROWS } from "./resumable-upload.ts";
import { NoPeer, type Outcome, type Row, type RowReport } from "./row.ts";
import { SUNSET_ROWS } from "./sunset.ts";
import { SYSTEMS, type System } from "./systems.ts";
import { TRANSPORT_ROWS } from "./transport.ts";
import { VERSION_2_ROWS } from "./version-2.ts";
import { WEBTRANSPORT_ROWS } from "./webtransport.ts";
import { WORKERS_ROWS } from "./workers.ts";

/** All rows. Rows of the same system are adjacent, in the order of the table. */
const ROWS: readonly Row[] = [
  ...QUIC_ROWS,
  ...NODE_ROWS,
  ...KEYLOG_ROWS,
  ...QLOG_ROWS,
  ...TRANSPORT_ROWS,
  ...VERSION_2_ROWS,
  ...MEMCACHED_ROWS,
  ...ALTERNATIVE_SERVICE_ROWS,
  ...DNS_ROWS,
  ...COOKIE_ROWS,
  ...CONNECT_UDP_ROWS,
  ...RESUMABLE_UPLOAD_ROWS,
  ...WEBTRANSPORT_ROWS,
  ...PRIORITY_ROWS,
  ...ISOLATION_ROWS,
  ...NETSTACK_ROWS,
  ...WORKERS_ROWS,
  ...EDGE_ROWS,
  ...REPLAY_ROWS,
  ...SUNSET_ROWS,
  ...GEO_ROWS,
  ...LIVE_ROWS,
  ...BPF_ROWS,
];
/** Milliseconds. */
const ROW_TIME = 30_000;

export interface TourFlags {
  readonly only?: string;
  readonly json?: true;
}

export async function tour(flags: TourFlags, io: Io): Promise<void> {
  const selected = select(flags.only);
  const layout = {
    colors: colorsFor(io.stdout, io.env),
    width: io.stdout.columns ?? 80,
    titleWidth: Math.max(...SYSTEMS.map(({ title }) => title.length)),
    peerWidth: Math.max(...ROWS.map(({ against }) => against.length)),
  };
  let failed = false;
  let shown: string | undefined;
  await interruptible(io, async (signal) => {
    for (const { system, rows } of selected) {
      if (rows.length === 0) await print(notBuilt(system));
      for (const row of rows) await print(await runRow(system, row, io, signal));
    }
  });
  if (failed) throw silentExit(EXIT.failed);

  async function print(report: RowReport): Promise<void> {
    failed ||= report.outcome === "failed";
    const isFirst = report.system !== shown;
    shown = report.system;
    const lines = flags.json ? [JSON.stringify(report)] : reportLines(report, isFirst, layout);
    await write(io.stdout, `${lines.join("\n")}\n`);
  }
}

interface Selection {
  readonly system: System;
  readonly rows: readonly Row[];
}

function select(only: string | undefined): Selection[] {
  const all = SYSTEMS.map((system) => ({ system, rows: ROWS.filter((row) => row.system === system.name) }));
  if (only === undefined) return all;
  const [name, peer] = only.split("/");
  const selected = all
    .filter(({ system }) => system.name === name)
    .map(({ system, rows }) => ({ system, rows: peer === undefined ? rows : rows.filter((row) => row.peer === peer) }));
  if (selected.length === 0)
    throw usageError(`there is no system "${name}"`, `the systems are ${SYSTEMS.map((each) => each.name).join(", ")}`);
  if (peer !== undefined && selected[0]!.rows.length === 0) {
    const peers = ROWS.filter((row) => row.system === name).map((row) => row.peer);
    throw usageError(
      `${name} has no row "${peer}"`,
      peers.length === 0 ? "it is not built" : `its rows are ${peers.join(", ")}`,
    );
  }
  return selected;
}

function notBuilt({ name, title, shownAgainst }: System): RowReport {
  const against = shownAgainst.join(", ");
  return {
    system: name,
    title,
    peer: null,
    against,
    outcome: "not built",
    milliseconds: null,
    command: null,
    detail: "",
  };
}

export async function runRow(
  system: System,
  row: Row,
  io: Pick<Io, "env">,
  interrupted: AbortSignal,
): Promise<RowReport> {
  const directory = await mkdtemp(join(tmpdir(), "nagare-tour-"));
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(new Error(`not finished within ${ROW_TIME / 1000} s`)), ROW_TIME);
  const signal = AbortSignal.any([interrupted, limit.signal]);
  const start = performance.now();
  let outcome: Outcome = "ok";
  let detail: string;
  try {
    detail = await row.run({ directory, env: io.env, signal });
  } catch (error) {
    interrupted.throwIfAborted();
    outcome = error instanceof NoPeer ? "no peer here" : "failed";
    const reason = limit.signal.aborted ? limit.signal.reason : error;
    detail = reason instanceof Error ? reason.message : String(reason);
  } finally {
    clearTimeout(timer);
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  }
  const milliseconds = outcome === "no peer here" ? null : Math.round(performance.now() - start);
  const { against, command, peer } = row;
  return { system: system.name, title: system.title, peer, against, outcome, milliseconds, command, detail };
}
