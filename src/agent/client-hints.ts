/** Which client hints an origin has asked for (RFC 8942), and which of them a client sends. */

import { type FieldLine, type FieldSection, lacksCritical, readHints } from "../http/index.ts";

/** Origins that are remembered. */
const MAX_ORIGINS = 1_000;
const SAFE = new Set(["GET", "HEAD", "OPTIONS"]);

/** A field's value, or what finds it. */
export type HintValue = string | (() => string | undefined);

export class ClientHints {
  /** What this client is willing to tell, by name in lower case. */
  readonly #values: ReadonlyMap<string, HintValue>;
  readonly #asked = new Map<string, ReadonlySet<string>>();
  /** What the newest ACCEPT_CH frame of a connection with the origin asks for, as long as it is open. */
  readonly #framed = new Map<string, ReadonlySet<string>>();

  /** `values` are the hints that the client sends to origins that ask for them, as fields. A function may have none at the time. */
  constructor(values: Readonly<Record<string, HintValue>>) {
    this.#values = new Map(Object.entries(values).map(([name, value]) => [name.toLowerCase(), value]));
  }

  /** The hints of a request: only over https (RFC 8942 §2.1), and only what the origin has asked for. */
  for(origin: string): FieldLine[] {
    const asked = this.#asked.get(origin);
    const framed = this.#framed.get(origin);
    if (asked === undefined && framed === undefined) return [];
    return [...this.#values].flatMap(([name, given]) => {
      const value = !asked?.has(name) && !framed?.has(name) ? undefined : typeof given === "string" ? given : given();
      return value === undefined ? [] : [[name, value] as const];
    });
  }

  /**
   * Notes what a response asks for. Returns true if its request is to be sent again, since it lacked a critical hint: only a safe method,
   * and only once (draft-davidben-http-client-hint-reliability §2.2).
   */
  note(origin: string, method: string, fields: FieldSection, sent: FieldSection, isRepeated: boolean): boolean {
    if (!origin.startsWith("https:")) return false;
    const asked = readHints(fields, "accept-ch");
    // RFC 8942 §3.1: a new list replaces the old one.
    if (asked !== undefined) this.#remember(origin, new Set(asked));
    const critical = readHints(fields, "critical-ch");
    if (critical === undefined || isRepeated || !SAFE.has(method)) return false;
    const names = (lines: FieldSection): Set<string> => new Set(lines.map(([name]) => name.toLowerCase()));
    return lacksCritical(critical, names(sent), names(this.for(origin)));
  }

  /**
   * Notes an ACCEPT_CH frame about an origin for which its connection is authoritative (draft-davidben-http-client-hint-reliability §5): the
   * newest counts. Returns what to call when the connection has ended.
   */
  noteFrame(origin: string, value: string): () => void {
    const asked = new Set(readHints([["accept-ch", value]], "accept-ch"));
    this.#framed.set(origin, asked);
    return () => {
      if (this.#framed.get(origin) === asked) this.#framed.delete(origin);
    };
  }

  #remember(origin: string, asked: ReadonlySet<string>): void {
    this.#asked.delete(origin);
    this.#asked.set(origin, asked);
    if (this.#asked.size > MAX_ORIGINS) this.#asked.delete(this.#asked.keys().next().value!);
  }
}
