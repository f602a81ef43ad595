// Checks that references in the documents resolve: files, headings, commands and options, scripts, exports.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { Command } from "commander";
import { beforeAll, describe, expect, test } from "vitest";
import { COMMANDS } from "../src/cli/commands.ts";
import { processIo } from "../src/cli/io.ts";

const ROOT = join(import.meta.dirname, "..");
const DOCUMENTS = [
  ...readdirSync(ROOT).filter((name) => name.endsWith(".md")),
  ...readdirSync(join(ROOT, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name)),
];
const { version, files, scripts, exports } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
  readonly version: string;
  readonly files: readonly string[];
  readonly scripts: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, unknown>>;
};

test("the tests named in docs/robustness.md exist", () => {
  const named = [
    ...readFileSync(join(ROOT, "docs/robustness.md"), "utf8").matchAll(
      /\]\(\.\.\/([^)]+\.test\.ts)\)((?:,? “[^”]+”)*)/g,
    ),
  ];
  expect(named.length).toBeGreaterThan(30);
  for (const [, file, names] of named) {
    const text = readFileSync(join(ROOT, file!), "utf8");
    for (const [, name] of names!.matchAll(/“([^”]+)”/g))
      expect(text.includes(`"${name}"`), `${file}: ${name}`).toBe(true);
  }
});

test("the documents name the version of package.json", () => {
  const text = (document: string): string => readFileSync(join(ROOT, document), "utf8");
  expect(text("CHANGELOG.md")).toMatch(/^## \[Unreleased\]$/m);
  expect(text("CHANGELOG.md")).toContain(`\n## [${version}] - `);
  expect(text("docs/cli.md")).toContain(`nagare             ${version}\n`);
  expect(text("docs/getting-started.md")).toContain(`nagare-${version}.tgz`);
});

test("the README of a folder in src/ names each folder in it", () => {
  const folders = readdirSync(join(ROOT, "src"), { recursive: true, withFileTypes: true }).filter((each) =>
    each.isDirectory(),
  );
  const unnamed = folders.filter(({ parentPath, name }) => {
    const readme = join(parentPath, "README.md");
    return name !== "testing" && existsSync(readme) && !readFileSync(readme, "utf8").includes(`${name}/`);
  });
  expect(folders.length).toBeGreaterThan(100);
  expect(unnamed.map(({ parentPath, name }) => relative(ROOT, join(parentPath, name)))).toEqual([]);
});

test("there are documents to check", () => {
  expect(DOCUMENTS.length).toBeGreaterThan(10);
});

describe.each(DOCUMENTS)("%s", (document) => {
  const text = readFileSync(join(ROOT, document), "utf8");

  test("its links resolve to files and headings", () => {
    for (const target of linksOf(text)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [path = "", heading] = target.split("#");
      const file = path === "" ? join(ROOT, document) : join(ROOT, dirname(document), path);
      expect(existsSync(file), `${target} does not exist`).toBe(true);
      if (isPacked(document)) expect(isPacked(relative(ROOT, file)), `${target} is not in the package`).toBe(true);
      if (heading !== undefined) expect(headingsOf(readFileSync(file, "utf8")), target).toContain(heading);
    }
  });

  test("its scripts are in package.json", () => {
    for (const [, script] of text.matchAll(/\bnpm run (?:--silent )?([a-z][\w-]*)/g)) {
      expect(Object.keys(scripts), document).toContain(script);
    }
  });

  test("its imports are exported", () => {
    for (const [, specifier] of text.matchAll(/from "nagare(\/[^"]*)?"/g)) {
      expect(Object.keys(exports), document).toContain(`.${specifier ?? ""}`);
    }
  });
});

describe("commands in code blocks", () => {
  const program = new Command("nagare");
  beforeAll(async () => {
    const io = processIo();
    for (const { register } of COMMANDS) await register(program, io);
  });

  test.each(DOCUMENTS)("%s names only existing ones", (document) => {
    for (const line of commandLines(readFileSync(join(ROOT, document), "utf8"))) {
      const [name = "", ...words] = line.split(/\s+/);
      if (name.startsWith("-")) continue;
      const top = program.commands.find((each) => each.name() === name);
      expect(top, `${document}: nagare ${line}`).toBeDefined();
      const command = top!.commands.find((each) => each.name() === words[0]) ?? top;
      const known = [...command!.options, { short: "-h", long: "--help" }].flatMap(({ short, long }) => [short, long]);
      for (const word of words) {
        if (/^--?[a-zA-Z]/.test(word)) expect(known, `${document}: nagare ${line}`).toContain(word.split("=")[0]);
      }
    }
  });
});

/** Whether the package has it. Sources and tests, which it does not have, may be linked to all the same. */
const isPacked = (file: string): boolean =>
  files.some((each) => file === each || file.startsWith(`${each}/`)) ||
  /\.(ts|json)$|(^|\/)(src|web|test|fuzz|interop|bench)(\/|$)/.test(file);

const linksOf = (text: string): string[] => [
  ...[...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!),
  ...[...text.matchAll(/\b(?:href|src)="([^"]+)"/g)].map(([, target]) => target!),
];

/** The anchors of headings: lower case, words joined by hyphens. */
const headingsOf = (text: string): string[] =>
  [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(" ", "-"),
  );

/** Command lines in fenced blocks: what follows `nagare `, possibly after a prompt, up to a comment or pipe. */
function* commandLines(text: string): Generator<string> {
  for (const [, block] of text.matchAll(/```[a-z]*\n([\s\S]*?)```/g)) {
    for (const [, line] of block!.matchAll(/^(?:\$ )?(?:npx )?nagare ([^#|;&\n]*)/gm)) yield line!.trim();
  }
}
