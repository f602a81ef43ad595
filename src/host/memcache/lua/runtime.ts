/**
 * Handlers in Lua, as routes. Requests, responses and alarms go to Lua as messages; each call returns what the handlers want as
 * commands. Values stay here: Lua names the response whose value it means.
 */

import { after, type Instant, since } from "../../../base/time.ts";
import type { BuildEnvironment } from "../../../memcache/config/environment.ts";
import { ERRORS } from "../../../memcache/protocol/errors.ts";
import { latin1, parseRequest, type Request, text } from "../../../memcache/protocol/request.ts";
import { BACKEND_FAILURE, CODES, ownResponse, type Response, responseOf } from "../../../memcache/protocol/response.ts";
import { Pool } from "../../../memcache/route/pool.ts";
import type { Counters, ResponseSink, Route } from "../../../memcache/route/route.ts";
import type { RequestRouter } from "../../../memcache/route/router.ts";
import { Reader, Writer } from "./messages.ts";

/** What a runtime calls: it hands over a message, and returns the commands. */
export type LuaEntry = (message: Uint8Array) => Uint8Array;

interface Slot {
  readonly request: Request;
  readonly sink: ResponseSink;
  readonly tag: number;
  readonly responses: Map<number, Response>;
  /** What was asked, and whom, by call. */
  readonly asked: Map<number, { readonly route: Route; readonly request: Request }>;
  readonly environment: BuildEnvironment;
  isAnswered: boolean;
}

interface Call {
  readonly slot: Slot;
  readonly started: Instant;
}

const BEGIN = 1;
const DELIVER = 2;
const RING = 3;
const [SEND, ANSWER, TEXT, FAILURE, COMPOSED, ALARM, CANCEL, LOG, STAT, RELEASE, LOG_REQUEST, FORGET] = [
  1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
];
const [OWN_VALUE, TEXT_VALUE, RESPONSE_VALUE] = [1, 2, 3];
const EMPTY = new Uint8Array(0);

const serverError = (line: Uint8Array): Response => ownResponse("error", CODES.serverError, line);
const FAILURES: readonly Response[] = [ERRORS.routeFailed, ERRORS.badResponse, ERRORS.noRoute].map(serverError);
const OUT_OF_MEMORY = serverError(ERRORS.outOfMemory);

export class LuaRuntime implements ResponseSink {
  readonly #entry: LuaEntry;
  /** Pools and routes by the numbers that Lua calls them. */
  readonly #routes = new Map<number, Route>();
  readonly #slots = new Map<number, Slot>();
  readonly #calls = new Map<number, Call>();
  readonly #alarms = new Map<number, () => void>();
  readonly #counters = new Map<number, (count?: number) => void>();
  readonly #names = new Map<number, string>();
  readonly #messages: (readonly [message: Uint8Array, slot: Slot, now: Instant])[] = [];
  #nextSlot = 0;
  #isRunning = false;

  constructor(entry: LuaEntry) {
    this.#entry = entry;
  }

  setRoute(index: number, route: Route): void {
    this.#routes.set(index, route);
  }

  /** Names the counter with an index; without a name there is none any more. */
  setCounter(index: number, name: string, counters: Counters): void {
    const earlier = this.#names.get(index);
    if (earlier !== undefined && earlier !== name) counters.drop(earlier);
    this.#names.set(index, name);
    if (name === "") this.#counters.delete(index);
    else this.#counters.set(index, counters.counter(name));
  }

  /** Begins a request with what is attached for a listener's tag, or with a generator. */
  begin(
    request: Request,
    sink: ResponseSink,
    tag: number,
    now: Instant,
    environment: BuildEnvironment,
    target: { readonly tag: string; readonly generator: number },
  ): void {
    this.#nextSlot = (this.#nextSlot % 0x7fff_ffff) + 1;
    const number = this.#nextSlot;
    const slot: Slot = { request, sink, tag, responses: new Map(), asked: new Map(), environment, isAnswered: false };
    this.#slots.set(number, slot);
    const message = new Writer()
      .u8(BEGIN)
      .u32(number)
      .text(target.tag)
      .u8(request.command)
      .u32(target.generator)
      .bytes(request.bytes, request.start, request.lineEnd)
      .u8(request.value === undefined ? 0 : 1)
      .take();
    this.#run(message, slot, now);
  }

  /** A response to a call, whose number is the tag. */
  handleResponse(response: Response | undefined, call: number, now: Instant): void {
    const { slot, started } = this.#calls.get(call)!;
    this.#calls.delete(call);
    const answer = response ?? BACKEND_FAILURE;
    slot.responses.set(call, answer);
    const message = new Writer()
      .u8(DELIVER)
      .u32(call)
      .u8(answer.ok ? 2 : 1)
      .u16(answer.code)
      .u32(answer.valueLength)
      .u32(Math.min(since(started, now), 0xffff_ffff))
      .bytes(answer.bytes, answer.start, answer.lineEnd)
      .take();
    this.#run(message, slot, now);
  }

  /** Messages that come while Lua's last commands are carried out wait for their end. */
  #run(message: Uint8Array, slot: Slot, now: Instant): void {
    this.#messages.push([message, slot, now]);
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      for (let next = this.#messages.shift(); next !== undefined; next = this.#messages.shift()) this.#call(...next);
    } finally {
      this.#isRunning = false;
    }
  }

  #call(message: Uint8Array, slot: Slot, now: Instant): void {
    let commands: Uint8Array;
    try {
      commands = this.#entry(message);
    } catch (error) {
      // Lua had no memory left. The request is lost; what it held is collected.
      slot.environment.log.error((error as Error).message);
      this.#answer(slot, OUT_OF_MEMORY, now);
      return;
    }
    const reader = new Reader(commands);
    while (!reader.isAtEnd) this.#obey(reader, slot, now);
  }

  #obey(reader: Reader, current: Slot, now: Instant): void {
    const command = reader.u8();
    switch (command) {
      case SEND:
        this.#send(reader, now);
        break;
      case ANSWER: {
        const slot = this.#slots.get(reader.u32());
        const response = slot?.responses.get(reader.u32());
        this.#answer(slot, response ?? BACKEND_FAILURE, now);
        break;
      }
      case TEXT: {
        const slot = this.#slots.get(reader.u32());
        this.#answer(slot, responseOf(reader.bytes(), slot?.request.isPart === true), now);
        break;
      }
      case FAILURE: {
        const slot = this.#slots.get(reader.u32());
        this.#answer(slot, FAILURES[reader.u8() - 1]!, now);
        break;
      }
      case COMPOSED: {
        const slot = this.#slots.get(reader.u32());
        const value = valueIn(slot?.responses.get(reader.u32()));
        const line = reader.bytes();
        this.#answer(slot, responseOf(join(line, value), false), now);
        break;
      }
      case ALARM: {
        const number = reader.u32();
        const at = after(now, Math.max(0, Math.round(reader.f64() * 1_000_000)) as never);
        const alarm = { handleAlarm: (time: Instant) => this.#ring(number, current, time) };
        this.#alarms.set(number, current.environment.alarms.set(alarm, at));
        break;
      }
      case CANCEL: {
        const number = reader.u32();
        this.#alarms.get(number)?.();
        this.#alarms.delete(number);
        break;
      }
      case LOG:
        if (reader.u8() === 1) current.environment.log.user(reader.text());
        else current.environment.log.error(reader.text());
        break;
      case STAT:
        this.#counters.get(reader.u32())?.(reader.f64());
        break;
      case RELEASE:
        this.#slots.delete(reader.u32());
        break;
      case LOG_REQUEST:
        this.#log(reader, current);
        break;
      case FORGET:
        this.#routes.delete(reader.u32());
        break;
      default:
        throw new Error(`unknown command ${command} of a Lua handler`);
    }
  }

  #log(reader: Reader, { responses, asked, environment }: Slot): void {
    const call = reader.u32();
    const target = asked.get(call);
    const backend = target?.route instanceof Pool ? target.route.backendOf(target.request) : undefined;
    const { host, port } = backend?.options ?? { host: "internal", port: "0" };
    environment.log.request({
      elapsed: reader.u32(),
      response: responses.get(call),
      backend: `${host}:${port}`,
      detail: reader.text(),
      line: reader.text(),
      client: reader.text(),
    });
  }

  #ring(number: number, slot: Slot, now: Instant): void {
    this.#alarms.delete(number);
    this.#run(new Writer().u8(RING).u32(number).take(), slot, now);
  }

  #send(reader: Reader, now: Instant): void {
    const slot = this.#slots.get(reader.u32())!;
    const call = reader.u32();
    const route = this.#routes.get(reader.u32());
    const valueKind = reader.u8();
    const valueOfCall = reader.u32();
    const line = reader.bytes();
    const value = reader.bytes();
    this.#calls.set(call, { slot, started: now });
    let request: Request | undefined = slot.request;
    if (line.length > 0) {
      const source = valueKind === RESPONSE_VALUE ? valueIn(slot.responses.get(valueOfCall)) : value;
      request = edited(slot.request, line, valueKind, source);
    }
    if (request === undefined || route === undefined) this.handleResponse(BACKEND_FAILURE, call, now);
    else {
      slot.asked.set(call, { route, request });
      route.start(request, this, call, now);
    }
  }

  #answer(slot: Slot | undefined, response: Response, now: Instant): void {
    if (slot === undefined || slot.isAnswered) return;
    slot.isAnswered = true;
    slot.sink.handleResponse(response, slot.tag, now);
  }
}

/** The request that a handler has made of another one's line. */
function edited(original: Request, line: Uint8Array, valueKind: number, value: Uint8Array): Request | undefined {
  const bytes = join(line, latin1("\r\n"));
  const request = parseRequest(bytes, 0, bytes.length);
  if (request === undefined) return undefined;
  request.isPart = original.isPart && request.kind === "get";
  const given = valueKind === OWN_VALUE ? original.value : value;
  if (valueKind === OWN_VALUE || valueKind === TEXT_VALUE || valueKind === RESPONSE_VALUE) {
    if (request.valueLength !== (given?.length ?? 0)) return undefined;
    request.value = given;
  } else if (request.valueLength > 0) return undefined;
  return request;
}

/** A response's value with its CRLF. */
function valueIn(response: Response | undefined): Uint8Array {
  if (
    response === undefined ||
    (response.type !== "get" && !text(response.bytes, response.start, response.start + 3).startsWith("VA "))
  )
    return EMPTY;
  const start = response.lineEnd + 2;
  return response.bytes.subarray(start, start + response.valueLength + 2);
}

function join(first: Uint8Array, second: Uint8Array): Uint8Array {
  const whole = new Uint8Array(first.length + second.length);
  whole.set(first);
  whole.set(second, first.length);
  return whole;
}

/** Sends requests to what is attached for a tag, or to a generator. */
export class LuaRoute implements Route, RequestRouter {
  readonly #runtime: LuaRuntime;
  readonly #environment: BuildEnvironment;
  readonly #target: { readonly tag: string; readonly generator: number };

  constructor(runtime: LuaRuntime, environment: BuildEnvironment, target: { tag: string; generator: number }) {
    this.#runtime = runtime;
    this.#environment = environment;
    this.#target = target;
  }

  routeOf(): Route {
    return this;
  }

  start(request: Request, sink: ResponseSink, tag: number, now: Instant): void {
    this.#runtime.begin(request, sink, tag, now, this.#environment, this.#target);
  }
}
