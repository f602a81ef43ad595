/**
 * `npm run on-node -- 26 vitest run src/quic`: runs a command with that version of Node first in PATH. Installs the
 * version under .cache/node/ on first use, from the npm package `node`.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";

/** One version of each supported release line. */
const VERSIONS: Readonly<Record<string, string>> = {
  20: "20.20.2",
  22: "22.23.3",
  24: "24.21.0",
  26: "26.10.0",
};

const root = resolve(import.meta.dirname, "..");
const binary = process.platform === "win32" ? "node.exe" : "node";
const nodePath = (folder: string): string => join(folder, "node_modules", "node", "bin", binary);

function install(version: string): string {
  const folder = join(root, ".cache", "node", version);
  const node = nodePath(folder);
  if (existsSync(node)) return node;
  process.stderr.write(`on-node: installing Node ${version}\n`);
  // Renamed to its final name only when complete.
  const part = `${folder}.${process.pid}`;
  mkdirSync(part, { recursive: true });
  try {
    writeFileSync(join(part, "package.json"), '{ "private": true }\n');
    const args = ["install", "--no-package-lock", "--no-audit", "--no-fund", `node@${version}`];
    execFileSync("npm", args, {
      cwd: part,
      stdio: ["ignore", "ignore", "inherit"],
      shell: process.platform === "win32",
    });
    if (!existsSync(node)) renameSync(part, folder);
  } finally {
    rmSync(part, { recursive: true, force: true });
  }
  return node;
}

const [line = "", command, ...args] = process.argv.slice(2);
const version = VERSIONS[line];
if (version === undefined || command === undefined) {
  process.stderr.write(`usage: npm run on-node -- ${Object.keys(VERSIONS).join("|")} COMMAND [ARGUMENT…]\n`);
  process.exit(2);
}
const node = process.versions.node.startsWith(`${line}.`) ? process.execPath : install(version);
const path = [dirname(node), join(root, "node_modules", ".bin"), process.env.PATH ?? ""].join(delimiter);
const { status, signal, error } = spawnSync(command, args, {
  stdio: "inherit",
  env: { ...process.env, PATH: path, NODE: node, npm_node_execpath: node },
  shell: process.platform === "win32",
});
if (error !== undefined) {
  process.stderr.write(`on-node: ${command}: ${error.message}\n`);
  process.exit(127);
}
if (signal !== null) process.kill(process.pid, signal);
process.exit(status ?? 1);
