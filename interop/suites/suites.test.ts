import { describe, expect, test } from "vitest";
import { SUITES } from "./list/index.ts";
import report from "./node-test-reporter.ts";
import { parseMocha, parseNodeTest, type Results } from "./results.ts";
import { compare } from "./verdict.ts";

const none: Results = { passed: [], failed: [], skipped: 0 };

test("mocha's tests with the same name are numbered", () => {
  const named = (fullTitle: string, err = {}) => ({ fullTitle, file: "/src/test/a.js", err });
  const passes = [named("a one"), named("a one")];
  const failures = [named("a two", { message: "expected 1" }), { fullTitle: "Uncaught", err: {} }];
  expect(parseMocha(JSON.stringify({ passes, failures, pending: [named("a three")] }), "/src")).toEqual({
    passed: ["test/a.js › a one", "test/a.js › a one (2)"],
    failed: [
      { test: "test/a.js › a two", error: "expected 1" },
      { test: "› Uncaught", error: "" },
    ],
    skipped: 1,
  });
});

describe("node:test's events", () => {
  const event = (type: string, name: string, nesting: number, more: object = {}) => ({
    type: `test:${type}`,
    data: { name, nesting, file: "/src/b.test.js", ...more },
  });
  const failure = (failureType: string) => ({ details: { error: { failureType, cause: new Error("no") } } });

  async function reported(events: readonly ReturnType<typeof event>[]): Promise<Results> {
    let output = "";
    async function* given() {
      yield* events;
    }
    for await (const text of report(given())) output += text;
    return parseNodeTest(output, "/src");
  }

  test("subtests count, and their parents only for failures of their own", async () => {
    const results = await reported([
      event("start", "outer", 0),
      event("start", "good", 1),
      event("pass", "good", 1),
      event("start", "bad", 1),
      event("fail", "bad", 1, failure("testCodeFailure")),
      event("fail", "outer", 0, failure("subtestsFailed")),
      event("start", "leaks", 0),
      event("start", "inner", 1),
      event("pass", "inner", 1),
      event("fail", "leaks", 0, failure("testCodeFailure")),
      event("start", "later", 0),
      event("pass", "later", 0, { skip: "not here" }),
    ]);
    expect(results).toEqual({
      passed: ["b.test.js › outer › good", "b.test.js › leaks › inner"],
      failed: [
        { test: "b.test.js › outer › bad", error: "no" },
        { test: "b.test.js › leaks", error: "no" },
      ],
      skipped: 1,
    });
  });
});

describe("the verdict", () => {
  const failed = (...tests: string[]): Results => ({
    ...none,
    failed: tests.map((name) => ({ test: name, error: "" })),
  });
  const suite = {
    ...SUITES[0]!,
    causes: [
      { cause: "of both", tests: ["known", "fixed"] },
      { cause: "of h3", versions: ["h3"] as const, tests: ["later"] },
    ],
  };

  test("separates failures of Node's servers, known ones, and the rest", () => {
    const ours = failed("http", "https", "known", "later", "new");
    const verdict = compare(suite, "h1", ours, { ...failed("http"), passed: ["gone", "new"] }, failed("http", "https"));
    expect(verdict.withHttp.map(({ test: name }) => name)).toEqual(["http"]);
    expect(verdict.withHttps.map(({ test: name }) => name)).toEqual(["https"]);
    expect(verdict.known).toEqual([{ test: "known", error: "", cause: "of both" }]);
    expect(verdict.unexpected.map(({ test: name }) => name)).toEqual(["later", "new"]);
    expect(verdict.stale).toEqual(["fixed"]);
    expect(verdict.missing).toEqual(["gone"]);
  });

  test("a cause may hold for one version only", () => {
    expect(compare(suite, "h3", failed("later"), none, none).unexpected).toEqual([]);
  });
});

test.each(SUITES)("the list of $name names each file once", ({ files, skips }) => {
  const all = [...files, ...skips.flatMap((skip) => skip.files)];
  expect(files.length).toBeGreaterThan(0);
  expect(new Set(all).size).toBe(all.length);
});
