// docs/library.md marks every export, and its lists of errors are complete.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CLIENT_ERRORS } from "../src/client/index.ts";

const ROOT = join(import.meta.dirname, "..");
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");
const document = read("docs/library.md");

/** The names in the first cells of the rows that are marked. */
const marked = new Set(
  [...document.matchAll(/^\| (.+?) \| (?:stable|experimental) \|/gm)].flatMap(([, names]) =>
    [...names!.matchAll(/`(\w+)`/g)].map(([, name]) => name!),
  ),
);

/** The names a table of contents exports, through `export *` as well. */
function exportsOf(path: string): string[] {
  const text = read(path).replace(/\/\/.*$/gm, "");
  const named = [...text.matchAll(/export (?:type )?\{([^}]+)\}/g)].flatMap(([, list]) =>
    list!
      .split(",")
      .map((name) =>
        name
          .trim()
          .replace(/^type /, "")
          .replace(/^.* as /, ""),
      )
      .filter((name) => name !== ""),
  );
  const all = [...text.matchAll(/export (?:type )?\* from "(\.{1,2}\/[^"]+)"/g)].flatMap(([, file]) =>
    [...read(join(path, "..", file!)).matchAll(/^export (?:interface|type|class|const|function) (\w+)/gm)].map(
      ([, name]) => name!,
    ),
  );
  return [...named, ...all];
}

const exported = [
  "edge",
  "handler",
  "node",
  "undici",
  "client",
  "cookies",
  "client/net-connect",
  "client/webtransport",
  "testkit",
].flatMap((folder) => exportsOf(`src/${folder}/index.ts`));

test("every export of nagare, nagare/node, nagare/http, nagare/undici, nagare/client, nagare/cookies, nagare/connect, nagare/webtransport and nagare/testing is marked, and nothing else is", () => {
  expect(exported.length).toBeGreaterThan(40);
  expect([...marked].sort()).toEqual([...new Set(exported)].sort());
});

test("every code of every error is listed", () => {
  const errors = document.slice(document.indexOf("## Errors"));
  const codesOf = (path: string, type: string): string[] => {
    const [, union] = new RegExp(`type ${type} =([^;]+);`).exec(read(path))!;
    return [...union!.matchAll(/"(\w+)"/g)].map(([, code]) => code!);
  };
  for (const [name, codes] of [
    ["ServeError", codesOf("src/host/listen/errors.ts", "ServeProblem")],
    ["IdentityError", codesOf("src/host/certificates/identity.ts", "IdentityProblem")],
    ["AcmeError", codesOf("src/host/acme/errors.ts", "AcmeErrorCode")],
    ["SimulateError", codesOf("src/testkit/errors.ts", "SimulateProblem")],
    ["CookieFileError", codesOf("src/host/cookies/cookie-file.ts", "CookieFileProblem")],
    ["ClientError", Object.keys(CLIENT_ERRORS)],
  ] as const) {
    const [, cell] = new RegExp(`^\\| \`${name}\`[^|]*\\| (.+) \\|$`, "m").exec(errors)!;
    expect(
      [...cell!.matchAll(/`(\w+)`/g)].map(([, code]) => code),
      name,
    ).toEqual(codes);
  }
});
