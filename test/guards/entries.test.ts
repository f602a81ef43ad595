/** Every callback from Node's sockets, timers and files has a guard (src/host/guard.ts). */

import { readdirSync, readFileSync } from "node:fs";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { ENTRIES } from "../../src/host/guard.ts";

/** Code for pages: Node does not call it. */
const FOR_PAGES = "client/webtransport/browser/";

const FOLDERS = ["host", "client", "edge", "node", "undici", "cli/serve"];
const source = fileURLToPath(new URL("../../src/", import.meta.url));
const files = FOLDERS.flatMap((folder) =>
  readdirSync(join(source, folder), { recursive: true, encoding: "utf8" }).map((file) => `${folder}/${file}`),
)
  .map((file) => file.split(sep).join("/"))
  .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && !file.includes("/testing/"))
  .filter((file) => !file.startsWith(FOR_PAGES));

/** Calls that take a callback, and the index of that argument. */
const CALLS: readonly (readonly [pattern: RegExp, argument: number])[] = [
  [/\.(?:on|once|addListener|prependListener|prependOnceListener|addEventListener)\(/g, 1],
  [/(?<![.\w])(?:setTimeout|setInterval|setImmediate|queueMicrotask)\(|\bprocess\.nextTick\(/g, 0],
  [/\.setTimeout\(/g, 1],
  [/\.(?:startTimer|defer)\(/g, 0],
  [/\bnew Timer\(/g, 0],
  [/(?:\bnode\.poll|#poll\.start)\(/g, -1],
  [/(?<![.\w#])(?:open|read|readFile|write|writeFile|close|stat|readdir)\((?=[a-z#]*(?:fd|path|file))/g, -1],
  [/\bcreate(?:Secure)?Server\(/g, -1],
];

/** These cannot throw: they settle a promise, destroy, or do nothing. `emit` of nagare/node catches exceptions of user listeners. */
const HARMLESS =
  /^(?:ignore|resolve|reject|\(\) => (?:resolve|reject)\([^()]*\)|this\.destroy|(?:request\.)?(?:listener|callback)(?: as never)?)$/;

function argumentsOf(text: string, start: number): string[] {
  const found: string[] = [];
  let depth = 0;
  let from = start;
  for (let i = start; i < text.length; i++) {
    const char = text[i]!;
    if ("([{".includes(char)) depth++;
    else if (")]}".includes(char)) {
      if (depth === 0) return [...found, text.slice(from, i).trim()].filter((each) => each !== "");
      depth--;
    } else if (char === "," && depth === 0) {
      found.push(text.slice(from, i).trim());
      from = i + 1;
    }
  }
  throw new Error("unterminated call");
}

/** True for `guard(…)` and for the name of a function made with it in this file. */
function isGuarded(argument: string, text: string): boolean {
  if (argument.startsWith("guard(") || HARMLESS.test(argument)) return true;
  const name = /^(?:this\.)?(#?\w+)(?: as never)?$/.exec(argument)?.[1];
  return name !== undefined && new RegExp(`(?<![\\w#])${name} = guard\\(`).test(text);
}

/** The guard itself, and code that passes on its caller's callbacks. */
const PASSES_ON = new Set(["host/guard.ts", "host/clock.ts", "host/timer.ts"]);

/** Calls without a guard, as `file: call`. */
function unguardedCalls(file: string, text: string): string[] {
  return CALLS.flatMap(([pattern, index]) =>
    [...text.matchAll(pattern)].flatMap((match) => {
      const list = argumentsOf(text, match.index + match[0].length);
      const argument = list.at(index);
      const isData = argument === undefined || (index !== 0 && !/=>|guard\(|^[\w.#]+(?: as never)?$/.test(argument));
      // Timers without a callback of ours, methods of that name, and servers that get their listeners later.
      if (isData || /^\w*[tT]imeout$|^serverOptions\b|^\d|^fd$|^\w+\??: /.test(argument)) return [];
      return isGuarded(argument, text) ? [] : [`${file}: ${match[0]}${argument.slice(0, 60)}`];
    }),
  );
}

/** Promises that are neither awaited nor passed to `detach`. */
function floatingPromises(file: string, text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => /^(?:void |[\w.#()?]+\.then\()/.test(line) || /=> void (?!\d)/.test(line))
    .filter((line) => !/\.catch\(|=> void \w+\.destroy\(\)|: \([^)]*\) => void/.test(line))
    .map((line) => `${file}: ${line}`);
}

const texts = new Map(files.map((file) => [file, readFileSync(join(source, file), "utf8")]));

describe("entries from Node", () => {
  test("are all guarded", () => {
    expect(files.length).toBeGreaterThan(60);
    expect([...texts].flatMap(([file, text]) => (PASSES_ON.has(file) ? [] : unguardedCalls(file, text)))).toEqual([]);
  });

  test("are reported if unguarded", () => {
    const unguarded = [
      'socket.on("data", (chunk) => use(chunk));',
      'socket.once("close", onClose);',
      "setTimeout(() => work(), 10);",
      "new Timer(() => work(), 10);",
      "setImmediate(this.#onTurn);",
      "clock.startTimer(() => work(), 10);",
      "clock.defer(this.#onTurn);",
      "queueMicrotask(() => work());",
      "process.nextTick(flush, this);",
      "session.setTimeout(1000, () => work());",
      "ffi.node.poll(descriptor, READABLE, () => work());",
      "this.#poll.start(READABLE, this.#onReady);",
      "open(path, FLAGS, (error, fd) => work());",
      "const server = createServer((socket) => work());",
      'signal.addEventListener("abort", () => work());',
    ];
    for (const text of unguarded) expect(unguardedCalls("a.ts", text), text).toHaveLength(1);
    for (const text of ["void work();", "this.closed.then(onChange);", "const close = () => void server.close();"])
      expect(floatingPromises("a.ts", text), text).toHaveLength(1);
  });

  test("leave no floating promises", () => {
    expect([...texts].flatMap(([file, text]) => floatingPromises(file, text))).toEqual([]);
  });

  test("have unique names", () => {
    const names = [...texts.values()].flatMap((text) =>
      [...text.matchAll(/\b(?:guard|detach)\(\s*"([^"]+)"/g)].map((match) => match[1]!),
    );
    expect(names.sort()).toEqual([...ENTRIES].sort());
    expect(new Set(ENTRIES).size).toBe(ENTRIES.length);
  });
});
