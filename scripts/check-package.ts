/**
 * Checks the package as users get it: packs it, unpacks it into an empty project, then loads and compiles it there.
 * Downloads nothing: its dependencies, and no other packages, are links to this node_modules.
 */
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

const root = resolve(import.meta.dirname, "..");
const modules = join(root, "node_modules");
const readJson = <T>(path: string): T => JSON.parse(readFileSync(path, "utf8")) as T;
const manifest = readJson<Manifest>(join(root, "package.json"));
const entries = Object.keys(manifest.exports)
  .filter((path) => !path.endsWith(".json"))
  .map((path) => manifest.name + path.slice(1));

/** The oldest supported TypeScript, and the newest. */
const COMPILERS = ["typescript-5.8", "typescript"];
const STRICT = { strict: true, module: "nodenext", target: "es2023", noEmit: true, skipLibCheck: false };
/**
 * Once with Node's types and no DOM, like a program for Node; once with the DOM and without Node's types, like an
 * editor.
 */
const SETTINGS = {
  node: { ...STRICT, lib: ["es2023"], types: ["node"] },
  dom: { ...STRICT, types: [] },
};

/** Sends the README's server a request over each version, and stops it. */
const ASK = `
import { createClient } from "nagare/client";
for (const protocol of ["h3", "h2", "http/1.1"]) {
  const client = createClient({ protocols: [protocol], rejectUnauthorized: false });
  const text = await (await client.fetch(server.url)).text();
  if (text !== "hello over " + protocol) throw new Error(text);
  await client.close();
}
await server.close();
`;

let failures = 0;

function check(what: string, command: string, args: readonly string[], cwd: string): void {
  try {
    execFileSync(command, args, { cwd, encoding: "utf8", stdio: "pipe" });
    process.stdout.write(`✓ ${what}\n`);
  } catch (error) {
    failures += 1;
    const { stdout = "", stderr = "", message } = error as { stdout?: string; stderr?: string; message: string };
    process.stdout.write(`✗ ${what}\n${`${stdout}${stderr}`.trim() || message}\n`);
  }
}

function unpack(project: string): string {
  execFileSync("npm", ["pack", "--pack-destination", project], { cwd: root, stdio: ["ignore", "ignore", "pipe"] });
  const tarball = join(project, `${manifest.name}-${manifest.version}.tgz`);
  const home = join(project, "node_modules", manifest.name);
  mkdirSync(home, { recursive: true });
  execFileSync("tar", ["-xzf", tarball, "-C", home, "--strip-components=1"]);
  for (const name of [...Object.keys(manifest.dependencies), "@types/node", "hono"]) {
    const link = join(project, "node_modules", name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(realpathSync(join(modules, name)), link, "junction");
  }
  return tarball;
}

function compile(project: string, compiler: string, settings: keyof typeof SETTINGS): void {
  const { version } = readJson<Manifest>(join(modules, compiler, "package.json"));
  const config = join(project, `tsconfig.${settings}.json`);
  writeFileSync(
    config,
    JSON.stringify({ compilerOptions: SETTINGS[settings], files: [`index.${settings}.ts`, "kit.ts", "app.ts"] }),
  );
  const tsc = join(modules, compiler, "bin", "tsc");
  check(`types under TypeScript ${version}, ${settings}`, process.execPath, [tsc, "-p", config], project);
}

/** tsc indents code in functions, so a line that begins with a statement is at the top level. */
function checkTopLevelAwait(folder: string): void {
  const found: string[] = [];
  for (const file of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".js")) continue;
    for (const line of readFileSync(join(folder, file), "utf8").split("\n")) {
      if (/^[^\s/*].*\bawait\b|^await\b/.test(line) && !/\basync\b/.test(line)) found.push(`${file}: ${line}`);
    }
  }
  if (found.length > 0) failures += 1;
  process.stdout.write(
    `${found.length === 0 ? "✓" : "✗"} no top-level await\n${found.map((at) => `${at}\n`).join("")}`,
  );
}

/** The first code block in the README that imports this module. */
function exampleOf(specifier: string): string {
  const blocks = [...readFileSync(join(root, "README.md"), "utf8").matchAll(/```ts\n([\s\S]*?)```/g)];
  const found = blocks.find(([, code]) => code!.includes(`"${specifier}"`));
  if (found === undefined) throw new Error(`README.md has no example of ${specifier}`);
  return found[1]!;
}

/** Links between documents must lead to packed files, except for sources and tests, which are not packed. */
function checkLinks(home: string): void {
  const dead: string[] = [];
  for (const file of readdirSync(home, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".md")) continue;
    const text = readFileSync(join(home, file), "utf8").replace(/```[\s\S]*?```/g, "");
    for (const [, link] of text.matchAll(/(?:\]\(|src=")([^)#\s"]+)/g)) {
      if (/^[a-z]+:/.test(link!)) continue;
      const target = join(dirname(join(home, file)), link!);
      if (!existsSync(target) && !/\.(ts|json)$|\/(src|test|fuzz|interop|bench)\b/.test(target))
        dead.push(`${file}: ${link}\n`);
    }
  }
  if (dead.length > 0) failures += 1;
  process.stdout.write(`${dead.length === 0 ? "✓" : "✗"} links\n${dead.join("")}`);
}

// If two packages provide the same program, installing one may have taken the name from the other.
const own = readJson<Manifest>(join(modules, "typescript", "package.json")).version;
if (!execFileSync(join(modules, ".bin", "tsc"), ["--version"], { encoding: "utf8" }).includes(own)) {
  process.stderr.write(`node_modules/.bin/tsc is not TypeScript ${own}: run npm ci\n`);
  process.exit(1);
}

const project = mkdtempSync(join(tmpdir(), "nagare-package-"));
try {
  const tarball = unpack(project);
  writeFileSync(join(project, "package.json"), '{ "private": true, "type": "module" }\n');
  const attw = join(modules, "@arethetypeswrong", "cli", "dist", "index.js");
  check("attw, ESM only", process.execPath, [attw, "--profile", "esm-only", "--format", "ascii", tarball], project);

  const imports = (names: readonly string[]): string =>
    names.map((name, i) => `import * as m${i} from "${name}";\nexport { m${i} };\n`).join("");
  writeFileSync(join(project, "index.node.ts"), imports(entries));
  // nagare/node builds on Node's own types.
  writeFileSync(join(project, "index.dom.ts"), imports(entries.filter((name) => name !== "nagare/node")));
  const kit = exampleOf("nagare/testing");
  writeFileSync(join(project, "kit.ts"), kit);
  // Not every supported Node version strips types.
  writeFileSync(join(project, "kit.js"), kit.replace(": Request", ""));
  const app = exampleOf("nagare");
  writeFileSync(join(project, "app.ts"), app);
  const untyped = app.replace("type Context, ", "").replace("<{ Bindings: Context }>", "").replace("4433", "0");
  writeFileSync(join(project, "app.js"), `${untyped}${ASK}`);
  for (const compiler of COMPILERS)
    for (const settings of ["node", "dom"] as const) compile(project, compiler, settings);

  const home = join(project, "node_modules", manifest.name);
  checkTopLevelAwait(join(home, "dist"));
  for (const name of entries) {
    check(`require("${name}")`, process.execPath, ["--input-type=commonjs", "-e", `require("${name}")`], project);
    check(`import "${name}"`, process.execPath, ["--input-type=module", "-e", `import "${name}"`], project);
  }
  checkLinks(home);
  check("README's server", process.execPath, [join(project, "app.js")], project);
  check("README's test", process.execPath, [join(project, "kit.js")], project);
  check("the command", process.execPath, [join(home, "dist", "cli", "main.js"), "--version"], project);
} finally {
  rmSync(project, { recursive: true, force: true });
}
process.exit(failures === 0 ? 0 : 1);
