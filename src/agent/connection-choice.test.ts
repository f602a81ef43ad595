import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { runs } from "../../test/properties/runs.ts";
import { type Instant, instant, millis } from "../base/time.ts";
import type { HttpVersion } from "../http/index.ts";
import { Alternatives } from "./alternatives.ts";
import { type ChoiceCommand, type ChoiceRules, ConnectionChoice, type Standing } from "./connection-choice.ts";

const ORIGIN = "https://example.com";
const at = (milliseconds: number): Instant => instant(millis(milliseconds));
const standing = (some: Partial<Standing> = {}): Standing => ({ waiting: 1, http3: 0, http2: 0, http1: 0, ...some });

let alternatives: Alternatives;

beforeEach(() => {
  alternatives = new Alternatives();
});

const rules = (protocols: readonly HttpVersion[]): ChoiceRules => ({
  origin: ORIGIN,
  port: 443,
  protocols,
  maxConnections: 4,
  headStart: millis(250),
});

const choiceFor = (protocols: readonly HttpVersion[] = ["h3", "h2", "http/1.1"]): ConnectionChoice =>
  new ConnectionChoice(rules(protocols), alternatives);

function commands(choice: ConnectionChoice): ChoiceCommand[] {
  const list: ChoiceCommand[] = [];
  for (let next = choice.pollCommand(); next !== undefined; next = choice.pollCommand()) list.push(next);
  return list;
}

const types = (choice: ConnectionChoice): string[] => commands(choice).map(({ type }) => type);

/** A request to an origin without connections. */
function sendRequest(choice: ConnectionChoice, now = at(0)): void {
  choice.handleRequest(standing(), now);
  choice.review(standing(), now);
}

describe("HTTP/3 first", () => {
  test("runs alone until its head start ends, which begins when packets are sent", () => {
    const choice = choiceFor();
    sendRequest(choice);
    expect(commands(choice)).toEqual([{ type: "connect-http3", alternative: { host: "", port: 443 } }]);
    expect(choice.nextTimeout()).toBeUndefined();
    choice.handleHttp3Started(at(40));
    expect(choice.nextTimeout()).toBe(at(290));
    choice.handleTimeout(at(289));
    choice.review(standing(), at(289));
    expect(commands(choice)).toEqual([]);
    choice.handleTimeout(at(290));
    choice.review(standing(), at(290));
    expect(types(choice)).toEqual(["connect-tcp"]);
    expect(choice.nextTimeout()).toBeUndefined();
  });

  test("that connects cancels TCP", () => {
    const choice = choiceFor();
    sendRequest(choice);
    choice.handleHttp3Started(at(0));
    choice.handleTimeout(at(250));
    choice.review(standing(), at(250));
    commands(choice);
    choice.handleHttp3Connected();
    expect(types(choice)).toEqual(["cancel-tcp"]);
    expect(choice.connecting).toBe(0);
  });

  test("that fails starts TCP immediately, and counts as broken once TCP works", () => {
    const choice = choiceFor();
    sendRequest(choice);
    commands(choice);
    choice.handleHttp3Failed(standing(), at(5));
    choice.review(standing(), at(5));
    expect(types(choice)).toEqual(["connect-tcp"]);
    expect(alternatives.http3(ORIGIN, { host: "", port: 443 }, at(6)).kind).toBe("unknown");
    choice.handleTcpConnected(at(7));
    expect(alternatives.http3(ORIGIN, { host: "", port: 443 }, at(8)).kind).toBe("broken");
    sendRequest(choice, at(9));
    expect(types(choice)).toEqual(["connect-tcp"]);
  });

  test("that fails together with TCP is not blamed: the error is TCP's, and the next request tries both", () => {
    const choice = choiceFor();
    sendRequest(choice);
    choice.handleHttp3Failed(standing(), at(1));
    choice.review(standing(), at(1));
    commands(choice);
    choice.handleTcpFailed(standing());
    expect(commands(choice)).toEqual([{ type: "fail", because: "tcp" }]);
    expect(alternatives.http3(ORIGIN, { host: "", port: 443 }, at(2)).kind).toBe("unknown");
    sendRequest(choice, at(3));
    expect(types(choice)).toEqual(["connect-http3"]);
  });

  test("without waiting requests is cancelled", () => {
    const choice = choiceFor();
    sendRequest(choice);
    commands(choice);
    choice.handleAbandoned();
    expect(types(choice)).toEqual(["cancel-http3"]);
    choice.handleHttp3Started(at(1));
    expect(choice.nextTimeout()).toBeUndefined();
  });
});

describe("HTTP/3 that is not first", () => {
  const protocols = ["h2", "h3"] as const;

  test("is not tried before it is advertised", () => {
    const choice = choiceFor(protocols);
    sendRequest(choice);
    expect(types(choice)).toEqual(["connect-tcp"]);
  });

  test("is opened in parallel with TCP if advertised, without a head start", () => {
    const choice = choiceFor(protocols);
    alternatives.advertised(ORIGIN, 'h3="alt.example:8443"', at(0));
    choice.handleRequest(standing({ http2: 1 }), at(1));
    expect(commands(choice)).toEqual([{ type: "connect-http3", alternative: { host: "alt.example", port: 8443 } }]);
    choice.handleHttp3Failed(standing({ waiting: 0, http2: 1 }), at(2));
    expect(alternatives.http3(ORIGIN, { host: "", port: 443 }, at(3)).kind).toBe("broken");
  });

  test("is tried despite being broken if there is no alternative", () => {
    const choice = choiceFor(["h3"]);
    alternatives.failed(ORIGIN, { host: "", port: 443 }, at(0));
    sendRequest(choice, at(1));
    expect(types(choice)).toEqual(["connect-http3"]);
    choice.handleHttp3Failed(standing(), at(2));
    choice.review(standing(), at(2));
    expect(commands(choice)).toEqual([{ type: "fail", because: "http3" }]);
  });
});

describe("TCP", () => {
  test("opens one connection until HTTP/1.1 is confirmed, then one per request, up to the limit", () => {
    const choice = choiceFor(["h2", "http/1.1"]);
    choice.review(standing({ waiting: 9 }), at(0));
    expect(types(choice)).toEqual(["connect-tcp"]);
    choice.handleTcpConnected(at(1));
    choice.review(standing({ waiting: 8, http1: 1 }), at(1));
    expect(types(choice)).toEqual(["connect-tcp", "connect-tcp", "connect-tcp"]);
  });

  test("waits for a full HTTP/2 connection", () => {
    const choice = choiceFor(["h2"]);
    choice.review(standing({ http2: 1 }), at(0));
    expect(types(choice)).toEqual([]);
  });

  test("that refuses another connection does not affect the others", () => {
    const choice = choiceFor(["http/1.1"]);
    choice.review(standing({ waiting: 2, http1: 1 }), at(0));
    expect(types(choice)).toEqual(["connect-tcp", "connect-tcp"]);
    choice.handleTcpFailed(standing({ waiting: 2, http1: 1 }));
    choice.handleTcpFailed(standing({ waiting: 2, http1: 1 }));
    expect(types(choice)).toEqual([]);
    choice.review(standing({ waiting: 1, http1: 1 }), at(1));
    expect(types(choice)).toEqual(["connect-tcp"]);
  });
});

test("an origin without an allowed protocol fails its requests", () => {
  const choice = choiceFor([]);
  sendRequest(choice);
  expect(commands(choice)).toEqual([{ type: "fail", because: "no-protocol" }]);
});

test("at any time at most one HTTP/3 attempt, no more TCP than allowed, and no request that waits for nothing", () => {
  const protocols = fc
    .subarray<HttpVersion>(["h3", "h2", "http/1.1"])
    .chain((some) => fc.shuffledSubarray(some, { minLength: some.length }));
  const step = fc.constantFrom(
    "request",
    "h3 ok",
    "h3 fails",
    "tcp ok",
    "tcp fails",
    "time",
    "advert",
    "close",
    "leave",
  );
  fc.assert(
    fc.property(protocols, fc.array(step, { maxLength: 60 }), (allowed, steps) => {
      const memory = new Alternatives();
      const choice = new ConnectionChoice(rules(allowed), memory);
      const world = { waiting: 0, http3: 0, http2: 0, http1: 0 };
      let http3 = 0;
      let tcp = 0;
      let now = at(0);
      const runCommands = (): void => {
        for (const command of commands(choice)) {
          if (command.type === "connect-http3") http3 += 1;
          else if (command.type === "connect-tcp") tcp += 1;
          else if (command.type === "cancel-http3") http3 -= 1;
          else if (command.type === "cancel-tcp") tcp = 0;
          else world.waiting = 0;
        }
        expect([http3 + tcp, http3 === 0 || http3 === 1]).toEqual([choice.connecting, true]);
        expect(tcp + world.http1).toBeLessThanOrEqual(4);
      };
      for (const each of steps) {
        now = at(now / 1_000 + 50);
        if (each === "request") {
          world.waiting += 1;
          choice.handleRequest(world, now);
        } else if (each === "h3 ok" && http3 > 0) {
          http3 -= 1;
          choice.handleHttp3Connected();
          world.http3 += 1;
        } else if (each === "h3 fails" && http3 > 0) {
          http3 -= 1;
          choice.handleHttp3Failed(world, now);
        } else if (each === "tcp ok" && tcp > 0) {
          tcp -= 1;
          choice.handleTcpConnected(now);
          if (allowed.includes("h2")) world.http2 += 1;
          else world.http1 += 1;
        } else if (each === "tcp fails" && tcp > 0) {
          tcp -= 1;
          choice.handleTcpFailed(world);
        } else if (each === "time") {
          choice.handleHttp3Started(now);
          const deadline = choice.nextTimeout();
          if (deadline !== undefined) choice.handleTimeout((now = deadline));
        } else if (each === "advert") memory.advertised(ORIGIN, 'h3=":9"', now);
        else if (each === "close") world.http3 = world.http2 = world.http1 = 0;
        else if (each === "leave") {
          world.waiting = 0;
          choice.handleAbandoned();
        }
        runCommands();
        // Multiplexed connections take all waiting requests; HTTP/1.1 connections are busy.
        if (world.http3 + world.http2 > 0) world.waiting = 0;
        choice.review(world, now);
        runCommands();
        if (world.waiting > 0) expect(http3 + tcp + world.http1).toBeGreaterThan(0);
      }
    }),
    { numRuns: runs(500) },
  );
});
