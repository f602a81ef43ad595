import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { loadConfig } from "./load.ts";
import { type ConfigError, describeProblem } from "./problem.ts";
import { positionOf } from "./source-position.ts";
import { parseDuration, parseSize } from "./units.ts";

const folder = mkdtempSync(join(tmpdir(), "nagare-config-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const write = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

/** The problems without the folder's name. */
async function problemsOf(file: string): Promise<string[]> {
  const error = await loadConfig(file).then(
    () => undefined,
    (thrown: ConfigError) => thrown,
  );
  return (error?.problems ?? []).map((problem) => describeProblem(file.slice(folder.length + 1), problem));
}

const site = (members: object): object => ({ sites: { "*": members } });
const route = (members: object): object => site({ routes: [{ path: "/*", ...members }] });

describe("a configuration file", () => {
  test("in TypeScript, with an enum, an import and a top-level await, is evaluated anew each time", async () => {
    write("folder.ts", "export const folder: string = './first';");
    const file = write(
      "nagare.config.ts",
      `import { folder } from "./folder.ts";
      enum Port { Default = 8443 }
      const origins = await Promise.resolve(["http://127.0.0.1:3000"]);
      export default {
        listen: { port: Port.Default, grace: "2m", memoryLimit: "64 MiB" },
        sites: { "*": { routes: [{ path: "/a/*", proxy: origins }, { path: "/*", files: folder }] } },
      };`,
    );
    const { config } = await loadConfig(file);
    expect(config.listen).toEqual({ port: 8443, grace: 120_000, memoryLimit: 64 * 1024 * 1024 });
    expect(config.sites["*"]!.routes).toEqual([
      { path: "/a/*", proxy: { origins: ["http://127.0.0.1:3000"] } },
      { path: "/*", files: { directory: join(folder, "first") } },
    ]);
    write("folder.ts", "export const folder: string = './second';");
    const again = await loadConfig(file);
    expect(again.config.sites["*"]!.routes[1]).toEqual({ path: "/*", files: { directory: join(folder, "second") } });
  });

  test.each<[config: object, problem: string]>([
    [{}, "bad.json: sites is missing"],
    [{ sites: {} }, 'sites is empty: give at least one site, such as "*"'],
    [{ sites: { "Example.com": { routes: [] } } }, '"Example.com" is not a host name in lower case, without a port'],
    [{ sites: { "a.test:443": { routes: [] } } }, '"a.test:443" is not a host name in lower case, without a port'],
    [{ ...site({ routes: [] }), sights: 1 }, "sights is unknown: known here are $schema, listen, sites"],
    [{ ...route({ respond: 204 }), listn: {} }, "listn is unknown: did you mean listen?"],
    [
      { ...route({ respond: 204 }), listen: { port: 70_000 } },
      "listen.port 70000 is not a port: give a whole number from 0 to 65535",
    ],
    [
      { ...route({ respond: 204 }), listen: { grace: "soon" } },
      'listen.grace "soon" is not a duration: give one such as "10s" or "500ms"',
    ],
    [
      { ...route({ respond: 204 }), listen: { workers: 0 } },
      'listen.workers 0 is not a number from 1 to 32, or "auto"',
    ],
    [site({ routes: [] }), 'sites["*"].routes is empty: give at least one route'],
    [
      site({ tls: "auto-ish", routes: [] }),
      'sites["*"].tls "auto-ish" is not "auto", "development", or an object with certFile and keyFile',
    ],
    [
      site({ tls: "auto", routes: [{ path: "/*", respond: 200 }] }),
      'sites["*"].tls "auto" needs acme: { agreeToTerms: true }',
    ],
    [
      { ...site({ tls: "auto", routes: [{ path: "/*", respond: 200 }] }), acme: { agreeToTerms: true } },
      'sites["*"].tls "auto" for "*" needs acme.onDemand',
    ],
    [{ ...route({ respond: 204 }), limits: { maxLag: "slow" } }, 'limits.maxLag "slow" is not a duration'],
    [site({ tls: { certFile: "a.pem" }, routes: [] }), 'sites["*"].tls.keyFile is missing'],
    [
      route({}),
      'sites["*"].routes[0] has no action: give one of files, proxy, redirect, respond, upload, connectUdp, live, geofeed, handler',
    ],
    [route({ files: ".", respond: 200 }), 'sites["*"].routes[0] has 2 actions, files and respond: keep one of them'],
    [route({ prxy: "http://a" }), 'sites["*"].routes[0].prxy is unknown: did you mean proxy?'],
    [route({ proxy: [] }), 'sites["*"].routes[0].proxy is empty: give at least one origin'],
    [
      route({ proxy: { origins: ["http://a", 5] } }),
      'sites["*"].routes[0].proxy.origins[1] 5 is not an origin such as http://127.0.0.1:3000, or an object with url',
    ],
    [
      route({ proxy: { origins: ["http://a"], bodyTimeout: "1 year" } }),
      'sites["*"].routes[0].proxy.bodyTimeout "1 year" is not a duration',
    ],
    [
      route({ redirect: { to: "/a", status: 200 } }),
      'sites["*"].routes[0].redirect.status 200 is not one of 301, 302, 303, 307, 308',
    ],
    [route({ respond: 99 }), 'sites["*"].routes[0].respond 99 is not a status: give a number from 200 to 599'],
    [
      route({ respond: 204, headers: { "a b": "1" } }),
      'sites["*"].routes[0].headers["a b"] is not a field name (RFC 9110 §5.1)',
    ],
    [
      route({ respond: 204, headers: { Connection: "close" } }),
      'sites["*"].routes[0].headers.Connection is the server\'s own',
    ],
    [
      route({ respond: 204, headers: { a: "b\r\nc: d" } }),
      'sites["*"].routes[0].headers.a has a value with characters that fields cannot have',
    ],
    [
      route({ respond: 204, stripPrefix: "api/" }),
      'sites["*"].routes[0].stripPrefix "api/" is not a prefix: give one such as "/api"',
    ],
    [route({ live: false }), 'sites["*"].routes[0].live false is not true, or an object'],
    [route({ live: { cacheAge: "long" } }), 'sites["*"].routes[0].live.cacheAge "long" is not a duration'],
    [{ ...route({ live: true }), listen: { workers: 2 } }, "live needs listen.workers: 1"],
    [route({ files: ".", maxBodySize: "-1 GB" }), 'sites["*"].routes[0].maxBodySize "-1 GB" is not a size'],
    [site({ routes: [{ path: "api", respond: 200 }] }), 'sites["*"].routes[0].path "api" does not begin with "/"'],
    [site({ routes: [{ path: "/:", respond: 200 }] }), 'sites["*"].routes[0].path "/:" is not a path pattern'],
    [{ sites: [] }, "sites [] is not an object"],
  ])("%j is refused", async (config, problem) => {
    const problems = await problemsOf(write("bad.json", JSON.stringify(config)));
    expect(
      problems.some((each) => each.includes(problem)),
      problems.join("\n"),
    ).toBe(true);
  });

  test("names the line of each problem, in the order of the file", async () => {
    const file = write(
      "lines.config.ts",
      `// { sites: { decoy: 1 } }
const limit = "much"; /* "*": { routes: [ */
export default {
  listen: { host: "::", "port": -1, },
  sites: {
    'a.test': { routes: [{ path: "/*", files: "./a" }] },
    "*": {
      routes: [
        { path: "/{x,y}", respond: 200 }, // a comma in a string
        {
          path: "/*",
          maxBodySize: limit,
          handler: (request) => new Response([1, 2].join(",")),
          compress: { codings: ["br", "lzma"] },
        },
      ],
    },
  },
};`,
    );
    expect(await problemsOf(file)).toEqual([
      "lines.config.ts:4:25: listen.port -1 is not a port: give a whole number from 0 to 65535",
      'lines.config.ts:12:11: sites["*"].routes[1].maxBodySize "much" is not a size: give one such as "20 GB" or "512 MiB"',
      'lines.config.ts:14:39: sites["*"].routes[1].compress.codings[1] "lzma" is not one of "br", "zstd", "gzip"',
    ]);
  });

  test.each<[name: string, text: string, problem: RegExp]>([
    ["broken.json", '{\n  "sites": {,}\n}', /^broken\.json:2: is not JSON: /],
    ["broken.config.ts", "export default {\n  sites: {\n;", /^broken\.config\.ts: cannot be loaded: /],
    [
      "throws.config.mjs",
      "\nthrow new Error('no database');",
      /cannot be loaded: .*throws\.config\.mjs:2: no database/,
    ],
    ["empty.config.mjs", "", /^empty\.config\.mjs: \{\} is|sites is missing/],
  ])("%s says what is wrong", async (name, text, problem) => {
    expect((await problemsOf(write(name, text))).join("\n")).toMatch(problem);
  });

  test("that is missing says so", async () => {
    expect(await problemsOf(join(folder, "none.json"))).toEqual([
      "none.json: there is no such file: name one that exists",
    ]);
  });
});

test.each([
  ["500ms", 500],
  ["1.5 s", 1_500],
  ["2m", 120_000],
  ["1 h", 3_600_000],
  ["90", undefined],
  ["1 year", undefined],
  ["-1s", undefined],
])("the duration %s has %s ms", (text, milliseconds) => expect(parseDuration(text)).toBe(milliseconds));

test.each([
  ["64 B", 64],
  ["20 GB", 20e9],
  ["1.5 kB", 1_500],
  ["512 MiB", 512 * 1024 * 1024],
  ["1iB", undefined],
  ["12", undefined],
  ["huge", undefined],
])("the size %s has %s bytes", (text, bytes) => expect(parseSize(text)).toBe(bytes));

test("a position in hostile sources ends", () => {
  for (const source of ["", "{", "{[({", "'", "export default {a:`", "{a:/*", "{,,,:}", "{a:'\\"]) {
    expect(() => positionOf(source, ["a", 0, "b"])).not.toThrow();
  }
});
