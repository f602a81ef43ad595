/** `npm run oracle -- wpt --source DIR`: the tests of a checkout of web-platform-tests that need no browser, judged by our rules. */

import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { OracleOptions } from "../options.ts";
import type { Stubs } from "./case.ts";
import { cookieStubs } from "./cookies.ts";
import { evaluate } from "./evaluate.ts";
import { explanationOf } from "./explained.ts";
import { embedderStubs, openerStubs, resourceStubs } from "./isolation.ts";

interface Suite {
  readonly folder: string;
  /** What a file calls if its tests need no browser. */
  readonly calls: RegExp;
  readonly stubs: Stubs;
}

const SUITES: readonly Suite[] = [
  {
    folder: "cookies",
    calls: /\b(?:(?:http|dom|httpRedirect)CookieTest|set_prefixed_cookie_via_(?:dom|http)_test)\(/,
    stubs: cookieStubs,
  },
  { folder: "html/cross-origin-opener-policy", calls: /\brun_coop_test(?:s|_iframe)\s*\(/, stubs: openerStubs },
  { folder: "html/cross-origin-embedder-policy", calls: /empty-coep\.py\?\$\{/, stubs: embedderStubs },
  {
    folder: "fetch/cross-origin-resource-policy",
    calls: /^(?![\s\S]*(?:createElement|\.body|ports\[|fetch_tests_from))[\s\S]*hello\.py\?corp=/,
    stubs: resourceStubs,
  },
];
/** Definitions of what the tests call. */
const HELPERS = /(?:cookie-test|cookie-helper(?:\.sub)?|common)\.js$/;

export async function wpt({ source, only, log }: OracleOptions): Promise<boolean> {
  if (source === undefined) {
    log("--source DIR is missing: a checkout of web-platform-tests");
    return false;
  }
  const root = resolve(source);
  let [all, passed, explained, unknown] = [0, 0, 0, 0];
  for (const { folder, calls, stubs } of SUITES.filter(({ folder }) => folder.includes(only))) {
    const names = await readdir(join(root, folder), { recursive: true }).catch(() => undefined);
    if (names === undefined) {
      process.stdout.write(`${folder}: not in ${root}\n`);
      continue;
    }
    const files = names.filter((name) => /\.(?:html|js)$/.test(name));
    const counts = { files: 0, tests: 0, failed: 0 };
    for (const name of files.sort()) {
      const path = `${folder}/${name}`;
      if (HELPERS.test(name) || !calls.test(await readFile(join(root, path), "utf8"))) continue;
      counts.files += 1;
      for (const test of await evaluate(root, path, stubs)) {
        counts.tests += 1;
        try {
          await test.run();
        } catch (error) {
          counts.failed += 1;
          const why = explanationOf(path, test.name);
          if (why === undefined) unknown += 1;
          else explained += 1;
          process.stdout.write(`${path}: ${test.name}\n  ${(error as Error).message}\n  ${why ?? "NOT EXPLAINED"}\n`);
        }
      }
    }
    all += counts.tests;
    passed += counts.tests - counts.failed;
    const others = files.length - counts.files;
    process.stdout.write(
      `${folder}: ${counts.tests - counts.failed} of ${counts.tests} tests in ${counts.files} files; ${others} files need a browser, or are not tests\n`,
    );
  }
  process.stdout.write(`${passed} of ${all} tests pass, ${explained} fail for a known reason, ${unknown} for none\n`);
  return all > 0 && unknown === 0;
}
