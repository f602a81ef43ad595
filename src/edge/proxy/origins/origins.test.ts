/** Choosing origins: policies, health and the retry budget, without a network. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RetryBudget } from "../call/retry-budget.ts";
import { proxySettings } from "../options.ts";
import { parseOrigin } from "./address.ts";
import { OriginHealth } from "./health.ts";
import { type Balance, type Candidate, cookieValue, policyOf } from "./policies.ts";

const candidate = (name: string, weight = 1, active = 0): Candidate => ({ name, weight, active });
const [a, b, c] = [candidate("a"), candidate("b"), candidate("c")];

const counts = (names: readonly string[]): Record<string, number> => {
  const counted: Record<string, number> = {};
  for (const name of names) counted[name] = (counted[name] ?? 0) + 1;
  return counted;
};

describe("policies", () => {
  test("round-robin takes turns by weight, smoothly", () => {
    const policy = policyOf("round-robin");
    const origins = [candidate("a", 5), candidate("b"), candidate("c")];
    const names = Array.from({ length: 14 }, () => policy(origins, "").name);
    // The sequence that nginx documents for weights 5, 1, 1.
    expect(names.join("")).toBe("aabacaaaabacaa");
  });

  test("round-robin goes on without one that is down, and with it when it is back", () => {
    const policy = policyOf("round-robin");
    const names = [
      [a, b, c],
      [a, c],
      [a, c],
      [a, b, c],
      [a, b, c],
      [a, b, c],
    ].map((each) => policy(each, "").name);
    expect(names[0]).toBe("a");
    expect(names.slice(1, 3)).not.toContain("b");
    expect(counts(names).b).toBeGreaterThanOrEqual(1);
  });

  test("least-connections counts requests per weight, and takes turns among equals", () => {
    const policy = policyOf("least-connections");
    const origins = [candidate("a", 1, 2), candidate("b", 4, 4), candidate("c", 1, 1)];
    expect(counts(Array.from({ length: 10 }, () => policy(origins, "").name))).toEqual({ b: 8, c: 2 });
  });

  test("rendezvous hashing is spread by weight, and only the keys of an origin that leaves move", () => {
    const policy = policyOf("address");
    const origins = [candidate("http://a:1", 1), candidate("http://b:1", 1), candidate("http://c:1", 2)];
    const keys = Array.from({ length: 4_000 }, (_, i) => `192.0.2.${i}`);
    const before = keys.map((key) => policy(origins, key).name);
    const shares = counts(before);
    expect(shares["http://a:1"]! / 1_000).toBeCloseTo(1, 0.5);
    expect(shares["http://c:1"]! / 2_000).toBeCloseTo(1, 0.5);
    const after = keys.map((key) => policy(origins.slice(1), key).name);
    for (const [i, name] of before.entries()) if (name !== "http://a:1") expect(after[i]).toBe(name);
  });

  test("cookies", () => {
    expect(cookieValue("a=1; session=x=y; b=2", "session")).toBe("x=y");
    expect(cookieValue("xsession=1", "session")).toBeUndefined();
  });
});

describe("health", () => {
  const settings = { failures: 3, backoff: 1_000, maxBackoff: 4_000 };

  test("goes down after consecutive failures, and one request tries it after a back-off that doubles", () => {
    const health = new OriginHealth(settings);
    expect([health.fail(0, false), health.fail(0, false)]).toEqual([false, false]);
    health.succeed();
    expect([health.fail(0, false), health.fail(0, false), health.fail(0, false)]).toEqual([false, false, true]);
    expect([health.state(0), health.admits(999)]).toEqual(["down", false]);
    let now = 0;
    for (const backoff of [1_000, 2_000, 4_000, 4_000]) {
      expect(health.downUntil - now).toBe(backoff);
      now = health.downUntil;
      expect(health.admits(now)).toBe(true);
      health.begin(now);
      expect([health.admits(now), health.state(now)]).toEqual([false, "on trial"]);
      health.fail(now, false);
    }
    now = health.downUntil;
    health.begin(now);
    health.succeed();
    expect([health.admits(now), health.state(now)]).toEqual([true, "up"]);
  });

  test("a connection that cannot be made is enough; an aborted trial leaves it to the next request", () => {
    const health = new OriginHealth(settings);
    expect(health.fail(0, true)).toBe(true);
    health.begin(1_000);
    health.release();
    expect(health.admits(1_000)).toBe(true);
  });

  test("requests that were under way when it went down do not lengthen the back-off", () => {
    const health = new OriginHealth(settings);
    for (let i = 0; i < 50; i += 1) health.fail(i, true);
    expect(health.downUntil).toBe(1_000);
  });

  test("failed checks exclude it, whatever requests say", () => {
    const health = new OriginHealth(settings);
    health.setChecks(false);
    health.succeed();
    expect([health.admits(0), health.state(0)]).toEqual([false, "failing checks"]);
    health.setChecks(true);
    expect(health.admits(0)).toBe(true);
  });
});

test("the retry budget allows a share of the requests, and a few per second", () => {
  const budget = new RetryBudget(0.25, 0);
  let made = 0;
  while (budget.withdraw(0)) made += 1;
  expect(made).toBe(500);
  for (let i = 0; i < 100; i += 1) budget.deposit();
  let more = 0;
  while (budget.withdraw(1_000)) more += 1;
  expect(more).toBe(35);
  expect(budget).toMatchObject({ made: 535, denied: 2 });
  expect(new RetryBudget(0, 0).withdraw(10_000)).toBe(false);
});

describe("options", () => {
  test.each([
    ["3000", "http://localhost:3000", "http/1.1", undefined],
    ["app:81", "http://app:81", "http/1.1", undefined],
    ["https://app/base/", "https://app", "auto", undefined],
    ["h2://app", "h2://app", "h2", undefined],
    ["h2c://app:81", "h2c://app:81", "h2", undefined],
    ["H3://[::1]:4433", "h3://[::1]:4433", "h3", undefined],
    ["unix:/run/app.sock", "unix:/run/app.sock", "http/1.1", "/run/app.sock"],
  ])("the origin %s", (text, name, protocol, path) => {
    expect(parseOrigin(text)).toMatchObject({ name, protocol, path });
  });

  test("any text is an origin, or refused with a remedy", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.webUrl()), (text) => {
        try {
          expect(parseOrigin(text).name).not.toBe("");
        } catch (error) {
          expect(error).toMatchObject({ code: "ORIGIN_INVALID", message: expect.stringContaining(":") });
        }
      }),
    );
  });

  test.each([
    [{ balance: "random" as Balance }, "balance random is unknown: give round-robin"],
    [{ balance: "header:a b" as Balance }, "balance header:a b is unknown"],
    [{ maxConnections: 0 }, "maxConnections is 0: give a whole number of at least 1"],
    [{ maxWaiting: 1.5 }, "maxWaiting is 1.5"],
    [{ waitTimeout: -1 }, "waitTimeout is -1"],
    [{ timeout: Number.NaN }, "timeout is NaN"],
    [{ retry: { attempts: -1 } }, "retry.attempts is -1"],
    [{ retry: { budget: 2 } }, "retry.budget is 2: give a number from 0 to 1"],
    [{ passiveHealth: { failures: 0 } }, "passiveHealth.failures is 0"],
    [{ healthCheck: { path: "health" } }, "healthCheck.path health is not a path: give one like /healthz"],
    [
      { healthCheck: { path: "/", status: "2xx" } },
      'healthCheck.status 2xx is not a status: give one like 200 or "200',
    ],
    [{ healthCheck: { path: "/", host: "a b" } }, "healthCheck.host a b is not a host"],
  ])("%j is refused", (options, message) => {
    expect(() => proxySettings(["3000"], options)).toThrow(message);
  });

  test("invalid origins are refused", () => {
    expect(() => proxySettings([], {})).toThrow("origins is empty");
    expect(() => proxySettings([{ url: "3000", weight: 0 }], {})).toThrow("the weight 0 of 3000 is not a share");
    expect(() => proxySettings(["ftp://a"], {})).toThrow("ftp://a is not an origin: give one like");
    expect(() => proxySettings(["unix:app.sock"], {})).toThrow("give the absolute path of a socket");
  });
});
