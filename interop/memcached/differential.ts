/**
 * The same configuration file and the same commands for memcached's proxy and for ours, over the same backends one after the
 * other: every answer must be the same, and every key must lie on the same backend.
 */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Child } from "../child.ts";
import { generateCommand, generateRound, Random, type Round } from "./generate.ts";
import { freePorts, type Programs, startBackend, startOurs, startTheirs, Wire } from "./processes.ts";

const BACKENDS = 6;
/** Commands between two changes of the backends. */
const BATCH = 500;
/** Longer than the proxies wait before they try a backend again. */
const SETTLE = 1_600;

export interface Difference {
  readonly round: number;
  readonly command: string;
  readonly theirs: string;
  readonly ours: string;
}

export interface Differential {
  readonly commands: number;
  readonly rounds: number;
  readonly keys: number;
  readonly differences: readonly Difference[];
}

interface Script {
  readonly round: Round;
  readonly batches: readonly (readonly string[])[];
}

export async function runDifferential(
  programs: Programs,
  total: number,
  seed: number,
  folder: string,
  report: (line: string) => void,
): Promise<Differential> {
  const differences: Difference[] = [];
  let commands = 0;
  let keys = 0;
  let rounds = 0;
  for (; commands < total; rounds += 1) {
    const ports = await freePorts(BACKENDS + 1);
    const random = new Random(seed + rounds);
    const round = generateRound(random, ports);
    const script: Script = {
      round,
      batches: Array.from({ length: 4 }, () => Array.from({ length: BATCH }, () => generateCommand(random, round))),
    };
    const config = join(folder, `round-${rounds}.lua`);
    writeFileSync(config, round.config);
    const theirs = await play(programs, script, ports, (port) => startTheirs(programs, port, config));
    const ours = await play(programs, script, ports, (port) => startOurs(port, config));
    const list = script.batches.flat();
    for (let i = 0; i < list.length; i += 1) {
      if (theirs.answers[i] === ours.answers[i]) continue;
      differences.push({ round: rounds, command: list[i]!, theirs: theirs.answers[i]!, ours: ours.answers[i]! });
    }
    for (let i = 0; i < BACKENDS; i += 1) {
      if (theirs.keys[i]!.join() !== ours.keys[i]!.join()) {
        const where = `keys of backend ${i}`;
        const [a, b] = [new Set(theirs.keys[i]), new Set(ours.keys[i])];
        const only = (x: Set<string>, y: Set<string>): string => [...x].filter((key) => !y.has(key)).join(" ");
        differences.push({ round: rounds, command: where, theirs: only(a, b), ours: only(b, a) });
      }
      keys += theirs.keys[i]!.length;
    }
    commands += list.length;
    report(`round ${rounds}: ${commands} commands, ${differences.length} differences`);
  }
  return { commands, rounds, keys, differences };
}

interface Play {
  readonly answers: readonly string[];
  readonly keys: readonly (readonly string[])[];
}

/** Plays a script: all backends up; the mortal ones killed; one back; all back. */
async function play(
  programs: Programs,
  { round, batches }: Script,
  ports: readonly number[],
  start: (port: number) => Promise<Child>,
): Promise<Play> {
  const backends: (Child | undefined)[] = await Promise.all(
    ports.slice(0, BACKENDS).map((port) => startBackend(programs, port)),
  );
  const answers: string[] = [];
  const proxy = await start(ports[BACKENDS]!);
  const wire = new Wire(ports[BACKENDS]!);
  try {
    for (let batch = 0; batch < batches.length; batch += 1) {
      if (batch === 1) {
        for (const index of round.mortal) {
          await backends[index]![Symbol.asyncDispose]();
          backends[index] = undefined;
        }
        await sleep(300);
      } else if (batch > 1) {
        const index = round.mortal[batch - 2]!;
        backends[index] = await startBackend(programs, ports[index]!);
        await sleep(SETTLE);
      } else await sleep(300);
      const commands = batches[batch]!;
      for (let i = 0; i < commands.length; i += 1) {
        // The answer to the question after it says where a command's answer ends, even if there is none.
        const mark = `MARK${batch}.${i}`;
        const answer = await wire.ask(`${commands[i]!}mg ${mark} k O${i}\r\nmn\r\n`, "MN\r\n");
        answers.push(answer);
      }
    }
    const asked = keysIn(batches.flat());
    const keys = await Promise.all(ports.slice(0, BACKENDS).map((port) => keysOf(port, asked)));
    return { answers, keys };
  } finally {
    wire.close();
    await proxy[Symbol.asyncDispose]();
    for (const backend of backends) await backend?.[Symbol.asyncDispose]();
  }
}

/** Of these keys, those that a backend holds, with the sizes of their values. */
async function keysOf(port: number, asked: ReadonlySet<string>): Promise<string[]> {
  const wire = new Wire(port);
  // The dump of the crawler misses what is moved between lists meanwhile, so each key is asked for.
  const answers = await wire.ask(`${[...asked].map((key) => `mg ${key} k s q\r\n`).join("")}mn\r\n`, "MN\r\n");
  wire.close();
  return [...answers.matchAll(/^HD k(\S+) s(\d+)/gm)].map(([, key, size]) => `${key}:${size}`).sort();
}

/** The keys that commands name, encoded ones decoded as the backends hold them. */
function keysIn(commands: readonly string[]): ReadonlySet<string> {
  const keys = new Set<string>();
  for (const command of commands) {
    const [line = ""] = command.split("\n");
    const [name, ...words] = line.trimEnd().split(/ +/);
    const isEncoded = words.slice(1).includes("b");
    const named = name === "gats" ? words.slice(1) : name?.startsWith("get") ? words : words.slice(0, 1);
    for (const key of named) {
      if (key === "" || key.length > 250) continue;
      keys.add(isEncoded ? Buffer.from(key, "base64").toString("latin1") : key);
    }
  }
  return keys;
}
