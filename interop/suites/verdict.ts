/** Compares a run with our server to runs of the same files with Node's. */
import type { Failure, Results } from "./results.ts";
import type { Suite, Version } from "./suite.ts";

export interface Verdict {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Failures that the suite has with Node's http server, unchanged. */
  readonly withHttp: readonly Failure[];
  /** Others that it has with Node's https server behind the same door. */
  readonly withHttps: readonly Failure[];
  /** Others whose cause the list gives. */
  readonly known: readonly (Failure & { readonly cause: string })[];
  readonly unexpected: readonly Failure[];
  /** Tests that pass or do not exist, although the list gives a cause. */
  readonly stale: readonly string[];
  /** Tests of Node's http server that did not run at all. */
  readonly missing: readonly string[];
}

export function compare(suite: Suite, version: Version, ours: Results, http: Results, https: Results): Verdict {
  const causes = new Map<string, string>();
  for (const { cause, tests, versions } of suite.causes) {
    if (versions?.includes(version) === false) continue;
    for (const test of tests) causes.set(test, cause);
  }
  const failsWith = (results: Results): ((failure: Failure) => boolean) => {
    const tests = new Set(results.failed.map(({ test }) => test));
    return ({ test }) => tests.has(test);
  };
  const [isHttp, isHttps] = [failsWith(http), failsWith(https)];
  const others = ours.failed.filter((each) => !isHttp(each) && !isHttps(each));
  const failed = new Set(ours.failed.map(({ test }) => test));
  const ran = new Set([...ours.passed, ...failed]);
  return {
    passed: ours.passed.length,
    failed: ours.failed.length,
    skipped: ours.skipped,
    withHttp: ours.failed.filter(isHttp),
    withHttps: ours.failed.filter((each) => !isHttp(each) && isHttps(each)),
    known: others.flatMap((each) => {
      const cause = causes.get(each.test);
      return cause === undefined ? [] : [{ ...each, cause }];
    }),
    unexpected: others.filter(({ test }) => !causes.has(test)),
    stale: [...causes.keys()].filter((test) => !failed.has(test)),
    missing: http.passed.filter((test) => !ran.has(test)),
  };
}
