/** The recorded results: docs/interop.json. A run replaces the cells that it ran, and those that no longer exist go. */

import { readFileSync } from "node:fs";
import type { Case } from "./case.ts";
import type { PeerEntry } from "./peer.ts";
import type { Result } from "./result.ts";

export interface Recorded extends Result {
  /** Of the run. */
  readonly date: string;
  readonly node: string;
}

export interface Recording {
  readonly results: readonly Recorded[];
}

export const readRecording = (file: string): Recording => JSON.parse(readFileSync(file, "utf8")) as Recording;

/** In the order of peers, cases and roles. */
export function merged(
  recording: Recording,
  fresh: readonly Recorded[],
  { peers, cases }: { readonly peers: readonly PeerEntry[]; readonly cases: readonly Case[] },
): Recording {
  const keyOf = ({ peer, case: name, role }: Result): string => `${peer} ${name} ${role}`;
  const byKey = new Map([...recording.results, ...fresh].map((result) => [keyOf(result), result]));
  const results = peers.flatMap((entry) =>
    cases.flatMap(({ name, roles }) => roles.flatMap((role) => byKey.get(`${entry.name} ${name} ${role}`) ?? [])),
  );
  return { results };
}
