/**
 * A stub resolver (RFC 1034 §5.3.1, RFC 1123 §6.1.3): sends each question to its servers until one answers, and remembers
 * answers.
 *
 * Each exchange has a random id, its own port (the driver opens a socket for it), and over UDP random case of letters; a
 * message that differs in any of them is ignored (RFC 5452 §4). Truncated answers and those in the wrong case are
 * fetched again over TCP. Late answers of earlier exchanges count.
 *
 * Calling order: `ask`, then responses, failures and timeouts as they happen; after each, drain `pollCommand` and
 * `pollEvent`, and ask `nextTimeout`.
 */

import { ProtocolError } from "../../base/errors.ts";
import { type Rng, uniform } from "../../base/rng.ts";
import { after, type Instant, type Micros, millis } from "../../base/time.ts";
import { HeapTimer, TimerHeap } from "../../base/timer-heap.ts";
import { equalBytes } from "../../wire/text.ts";
import { Writer } from "../../wire/writer.ts";
import {
  emitMessage,
  HEADER,
  type Message,
  parseMessage,
  queryMessage,
  RCODES,
  type ResourceRecord,
  rcodeName,
} from "../message.ts";
import { MAX_NAME, nameKey, writeName } from "../name.ts";
import { MAX_ALIASES, readAnswer } from "./answer.ts";
import { AnswerCache, type Remembered } from "./cache.ts";
import type { DnsTrace } from "./events.ts";
import type { DnsProtocol, DnsServer } from "./server.ts";

/** What a resolver found out. */
export type Answer =
  | {
      readonly kind: "records";
      /** The end of the chain of aliases. */
      readonly name: string;
      readonly records: readonly ResourceRecord[];
      readonly from: "network" | "cache" | "stale";
    }
  | { readonly kind: "none"; readonly why: "no-data" | "no-name"; readonly from: "network" | "cache" }
  /** No server answered. `failures` says why, the first one first. */
  | { readonly kind: "failed"; readonly failures: readonly string[] };

export type ResolverCommand =
  /** Sends the message over a new socket, and reports every response with `handleResponse`. */
  | {
      readonly type: "exchange";
      readonly exchange: number;
      readonly server: DnsServer;
      readonly over: DnsProtocol;
      readonly message: Uint8Array;
    }
  /** Closes the exchange's socket. */
  | { readonly type: "close"; readonly exchange: number };

export interface AnswerEvent {
  readonly type: "answer";
  /** Of `ask`. */
  readonly handle: number;
  readonly answer: Answer;
}

export interface ResolverOptions {
  /** In the order to ask them. Never empty. */
  readonly servers: readonly DnsServer[];
  readonly rng: Rng;
  /** How long to wait for a server before asking the next; doubled with each round. */
  readonly timeout?: Micros;
  /** How often each server is asked. */
  readonly rounds?: number;
  /** True to mix the case of letters in queries over UDP. */
  readonly mixesCase?: boolean;
  readonly trace?: DnsTrace | undefined;
}

interface Exchange {
  readonly number: number;
  readonly server: DnsServer;
  readonly over: DnsProtocol;
  readonly id: number;
  /** As sent. */
  readonly name: string;
  readonly hasEdns: boolean;
  /** When it counts as unanswered; an answer after that still counts. */
  readonly until: Instant;
}

interface Query {
  /** Of the question that was asked; the current name may be an alias's target. */
  readonly key: string;
  readonly original: string;
  readonly type: number;
  readonly handles: Set<number>;
  readonly exchanges: Map<number, Exchange>;
  readonly failures: string[];
  name: string;
  aliases: number;
  /** The least time to live of the aliases so far. */
  ttl: number;
  /** How many exchanges of the plan were started. */
  started: number;
  hasEdns: boolean;
  /** The end of waiting for the last exchange. */
  readonly timer: HeapTimer<Query>;
}

const DEFAULT_TIMEOUT = millis(1_000);
const DEFAULT_ROUNDS = 2;
/** Questions in progress; more fail at once. */
const MAX_QUERIES = 1_000;
/** Fallbacks to TCP or to a message without EDNS cannot go on forever. */
const MAX_EXCHANGES = 20;

export class StubResolver {
  readonly #options: ResolverOptions;
  readonly #cache = new AnswerCache();
  readonly #queries = new Map<string, Query>();
  readonly #byExchange = new Map<number, Query>();
  readonly #byHandle = new Map<number, Query>();
  readonly #timers = new TimerHeap<Query>();
  readonly #commands: ResolverCommand[] = [];
  readonly #events: AnswerEvent[] = [];
  #lastHandle = 0;
  #lastExchange = 0;

  constructor(options: ResolverOptions) {
    this.#options = options;
  }

  /** The number of questions in progress. */
  get pending(): number {
    return this.#queries.size;
  }

  /** Asks for the records of an absolute name; the answer is an event, perhaps at once. */
  ask(name: string, type: number, now: Instant): number {
    const handle = ++this.#lastHandle;
    const remembered = this.#cache.find(name, type, now);
    if (remembered !== undefined) {
      const answer: Answer = { ...remembered, from: "cache" };
      this.#events.push({ type: "answer", handle, answer });
      this.#traceAnswer(name, type, answer, now);
      return handle;
    }
    const key = `${nameKey(name)} ${type}`;
    const known = this.#queries.get(key);
    if (known !== undefined) {
      known.handles.add(handle);
      this.#byHandle.set(handle, known);
      return handle;
    }
    if (this.#queries.size >= MAX_QUERIES) {
      const answer: Answer = { kind: "failed", failures: [`${MAX_QUERIES} questions are in progress`] };
      this.#events.push({ type: "answer", handle, answer });
      return handle;
    }
    const query = newQuery({
      key,
      original: name,
      type,
      handles: new Set([handle]),
      exchanges: new Map(),
      failures: [],
      name,
      aliases: 0,
      ttl: Number.POSITIVE_INFINITY,
      started: 0,
      hasEdns: true,
    });
    this.#queries.set(key, query);
    this.#byHandle.set(handle, query);
    this.#startNext(query, now);
    return handle;
  }

  /** The answer is no longer wanted. */
  cancel(handle: number): void {
    const query = this.#byHandle.get(handle);
    if (query === undefined) return;
    this.#byHandle.delete(handle);
    query.handles.delete(handle);
    if (query.handles.size === 0) this.#end(query);
  }

  /** Forgets all answers: the network has changed. */
  forget(): void {
    this.#cache.clear();
  }

  handleResponse(exchange: number, bytes: Uint8Array, now: Instant): void {
    const query = this.#byExchange.get(exchange);
    const sent = query?.exchanges.get(exchange);
    if (query === undefined || sent === undefined) return;
    let message: Message;
    try {
      message = parseMessage(bytes);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#ignore(query, sent, error.message, now);
      return;
    }
    const mismatch = mismatchOf(message, sent, query.type);
    if (mismatch === undefined)
      this.#handleMatch(query, sent, parseMessage(inCaseOf(query.name, sent.name, bytes)), now);
    else if (mismatch === "case") this.#retry(query, sent, "tcp", "the answer is in another case", now);
    else this.#ignore(query, sent, mismatch, now);
  }

  /** The exchange cannot succeed: its port is closed, its connection was refused, reset or ended. */
  handleFailure(exchange: number, why: string, now: Instant): void {
    const query = this.#byExchange.get(exchange);
    const sent = query?.exchanges.get(exchange);
    if (query === undefined || sent === undefined) return;
    this.#closeExchange(query, sent);
    this.#fail(query, sent, why, now);
  }

  handleTimeout(now: Instant): void {
    for (let query = this.#timers.popExpired(now); query !== undefined; query = this.#timers.popExpired(now)) {
      const last = [...query.exchanges.values()].at(-1);
      if (last !== undefined) this.#note(query, last, "no answer", now);
      this.#startNext(query, now);
    }
  }

  nextTimeout(): Instant | undefined {
    return this.#timers.next;
  }

  pollCommand(): ResolverCommand | undefined {
    return this.#commands.shift();
  }

  pollEvent(): AnswerEvent | undefined {
    return this.#events.shift();
  }

  /** Starts the next exchange of the plan: each server in turn, for a number of rounds. */
  #startNext(query: Query, now: Instant): void {
    const { servers, rounds = DEFAULT_ROUNDS, timeout = DEFAULT_TIMEOUT } = this.#options;
    if (query.started >= servers.length * rounds) {
      // Others may still be answered.
      const until = Math.max(0, ...[...query.exchanges.values()].map((each) => each.until)) as Instant;
      if (until > now) this.#timers.set(query.timer, until);
      else this.#giveUp(query, now);
      return;
    }
    const round = Math.floor(query.started / servers.length);
    const server = servers[query.started % servers.length]!;
    query.started += 1;
    this.#send(query, server, server.protocol, (timeout * 2 ** round) as Micros, now);
  }

  #send(query: Query, server: DnsServer, over: DnsProtocol, patience: Micros, now: Instant): void {
    const { rng, mixesCase = true, trace } = this.#options;
    const id = rng.uint32() & 0xffff;
    const name = over === "udp" && mixesCase ? mixCase(query.name, rng) : query.name;
    const number = ++this.#lastExchange;
    const until = after(now, patience);
    const exchange: Exchange = { number, server, over, id, name, hasEdns: query.hasEdns, until };
    this.#timers.set(query.timer, until);
    const message = queryMessage(over === "https" || over === "quic" ? 0 : id, { name, type: query.type });
    query.exchanges.set(number, exchange);
    this.#byExchange.set(number, query);
    const bytes = emitMessage(query.hasEdns ? message : { ...message, edns: undefined });
    this.#commands.push({ type: "exchange", exchange: number, server, over, message: bytes });
    trace?.({ type: "dns:query_sent", name, recordType: query.type, server, over }, now);
  }

  #handleMatch(query: Query, sent: Exchange, message: Message, now: Instant): void {
    const { server } = sent;
    const { rcode } = message;
    const count = message.answers.length;
    this.#options.trace?.(
      { type: "dns:response_received", name: sent.name, recordType: query.type, server, rcode, count },
      now,
    );
    if (message.isTruncated && sent.over === "udp") {
      this.#retry(query, sent, "tcp", "the answer is truncated", now);
      return;
    }
    // RFC 6891 §7: a server that does not know EDNS.
    if (sent.hasEdns && (rcode === RCODES.FORMERR || rcode === RCODES.NOTIMP || rcode === RCODES.BADVERS)) {
      query.hasEdns = false;
      this.#retry(query, sent, sent.over, `${rcodeName(rcode)} with EDNS`, now);
      return;
    }
    const reading = readAnswer(message, query.name, query.type);
    switch (reading.kind) {
      case "failure":
        this.#closeExchange(query, sent);
        this.#fail(query, sent, rcodeName(reading.rcode), now);
        return;
      case "bad-chain":
        this.#closeExchange(query, sent);
        this.#fail(query, sent, "the chain of aliases is a loop or too long", now);
        return;
      case "alias":
        this.#followAlias(query, sent, reading.target, reading.ttl, now);
        return;
      case "records":
        this.#settle(query, { kind: "records", name: reading.name, records: reading.records }, reading.ttl, now);
        return;
      case "none":
        this.#settle(query, { kind: "none", why: reading.why }, reading.ttl ?? 0, now);
    }
  }

  #followAlias(query: Query, sent: Exchange, target: string, ttl: number, now: Instant): void {
    query.aliases += 1;
    for (const each of [...query.exchanges.values()]) this.#closeExchange(query, each);
    if (query.aliases > MAX_ALIASES) {
      this.#note(query, sent, "the chain of aliases is too long", now);
      this.#giveUp(query, now);
      return;
    }
    query.name = target;
    query.ttl = Math.min(query.ttl, ttl);
    query.started = 0;
    this.#startNext(query, now);
  }

  /** Repeats an exchange with the same server. */
  #retry(query: Query, sent: Exchange, over: DnsProtocol, why: string, now: Instant): void {
    this.#note(query, sent, why, now);
    this.#closeExchange(query, sent);
    if (query.failures.length > MAX_EXCHANGES) {
      this.#giveUp(query, now);
      return;
    }
    this.#send(query, sent.server, over, this.#options.timeout ?? DEFAULT_TIMEOUT, now);
  }

  #fail(query: Query, sent: Exchange, why: string, now: Instant): void {
    this.#note(query, sent, why, now);
    this.#startNext(query, now);
  }

  #note(query: Query, { server, over }: Exchange, why: string, now: Instant): void {
    query.failures.push(`${server.address} port ${server.port} over ${over.toUpperCase()}: ${why}`);
    this.#options.trace?.({ type: "dns:exchange_failed", name: query.name, recordType: query.type, server, why }, now);
  }

  #ignore(query: Query, { name, server }: Exchange, why: string, now: Instant): void {
    this.#options.trace?.({ type: "dns:response_ignored", name, recordType: query.type, server, why }, now);
  }

  #settle(query: Query, remembered: Remembered, ttl: number, now: Instant): void {
    this.#cache.store(query.original, query.type, remembered, Math.min(ttl, query.ttl), now);
    this.#answer(query, { ...remembered, from: "network" }, now);
  }

  #giveUp(query: Query, now: Instant): void {
    const stale = this.#cache.findStale(query.original, query.type, now);
    if (stale?.kind === "records") this.#answer(query, { ...stale, from: "stale" }, now);
    else this.#answer(query, { kind: "failed", failures: query.failures }, now);
  }

  #answer(query: Query, answer: Answer, now: Instant): void {
    for (const handle of query.handles) this.#events.push({ type: "answer", handle, answer });
    this.#traceAnswer(query.original, query.type, answer, now);
    this.#end(query);
  }

  #traceAnswer(name: string, recordType: number, answer: Answer, now: Instant): void {
    const from = answer.kind === "failed" ? "failure" : answer.from;
    const count = answer.kind === "records" ? answer.records.length : 0;
    this.#options.trace?.({ type: "dns:answered", name, recordType, from, count }, now);
  }

  #end(query: Query): void {
    for (const each of [...query.exchanges.values()]) this.#closeExchange(query, each);
    for (const handle of query.handles) this.#byHandle.delete(handle);
    this.#timers.set(query.timer, undefined);
    this.#queries.delete(query.key);
  }

  #closeExchange(query: Query, { number }: Exchange): void {
    query.exchanges.delete(number);
    this.#byExchange.delete(number);
    this.#commands.push({ type: "close", exchange: number });
  }
}

function newQuery(parts: Omit<Query, "timer">): Query {
  const query: { -readonly [K in keyof Query]?: Query[K] } = { ...parts };
  query.timer = new HeapTimer(query as Query);
  return query as Query;
}

/** Why a message does not answer an exchange; "case" if only letters' case differs. */
function mismatchOf(message: Message, sent: Exchange, type: number): string | undefined {
  const [question, another] = message.questions;
  const expectedId = sent.over === "https" || sent.over === "quic" ? 0 : sent.id;
  if (!message.isResponse || message.opcode !== 0) return "it is not a response to a query";
  if (message.id !== expectedId) return "another id";
  if (question === undefined || another !== undefined) {
    // A server that understood nothing repeats no question.
    return question === undefined && message.rcode === RCODES.FORMERR ? undefined : "not one question";
  }
  if (question.type !== type || question.class !== 1 || nameKey(question.name) !== nameKey(sent.name)) {
    return "another question";
  }
  return question.name === sent.name ? undefined : "case";
}

/**
 * The message with the question in the case of `name`, at which compressed names of the answer point too. `sent` is as
 * the message has it.
 */
function inCaseOf(name: string, sent: string, bytes: Uint8Array): Uint8Array {
  if (name === sent) return bytes;
  const writer = new Writer(new Uint8Array(MAX_NAME));
  writeName(writer, sent);
  const question = bytes.subarray(HEADER, HEADER + writer.position);
  if (!equalBytes(question, writer.written())) return bytes;
  const changed = bytes.slice();
  writeName(new Writer(changed, HEADER), name);
  return changed;
}

/** draft-vixie-dnsext-dns0x20: letters in random case, which the answer repeats. */
const mixCase = (name: string, rng: Rng): string =>
  name.replace(/[a-z]/gi, (letter) => (uniform(rng) < 0.5 ? letter.toLowerCase() : letter.toUpperCase()));
