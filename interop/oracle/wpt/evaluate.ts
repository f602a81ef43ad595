/** Evaluates the scripts of a test, as a page would, with stubs instead of the harness. */

import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createContext, runInContext } from "node:vm";
import type { Stubs, WptCase, WptPage } from "./case.ts";

const HOST = "web-platform.test";
const WWW = `www.${HOST}`;
/** Pages that others open on another host. */
const ON_WWW = new Set([
  "cookies/attributes/resources/domain-child.sub.html",
  "cookies/ordering/resources/ordering-child.sub.html",
]);
const SCRIPT = /<script\b([^>]*)>([\s\S]*?)<\/script>/gi;
const HARNESS = /testharness|testdriver/;

export async function evaluate(root: string, path: string, stubs: Stubs): Promise<WptCase[]> {
  const cases: WptCase[] = [];
  const page = { url: locationOf(path), fields: await fieldsOf(root, path) };
  const given = stubs(page, (each) => cases.push(each));
  const ignore = (): void => {};
  const window: Record<string, unknown> = {
    location: page.url,
    origin: page.url.origin,
    URL,
    addEventListener: ignore,
    test: ignore,
    async_test: ignore,
    promise_test: ignore,
    ...given,
  };
  window.document = { location: page.url, cookie: "", addEventListener: ignore, ...(given.document as object) };
  window.window = window;
  window.self = window;
  const context = createContext(window);
  for (const { name, text } of await scriptsOf(root, path)) {
    runInContext(text, context, { filename: name, timeout: 5_000 });
    // The helpers that a script defines are those that the stubs replace.
    Object.assign(window, given);
  }
  return cases;
}

function locationOf(path: string): URL {
  const scheme = path.includes(".https.") ? "https" : "http";
  const host = path.includes(".www.") || ON_WWW.has(path) ? WWW : HOST;
  return new URL(`${scheme}://${host}/${path}`);
}

async function fieldsOf(root: string, path: string): Promise<WptPage["fields"]> {
  const text = await readFile(join(root, `${path}.headers`), "utf8").catch(() => "");
  return text.split("\n").flatMap((line) => {
    const [name, value] = line.split(/:\s*/, 2);
    return name === undefined || value === undefined ? [] : [[name, value.trim()] as const];
  });
}

async function scriptsOf(root: string, path: string): Promise<{ name: string; text: string }[]> {
  const own = await readText(root, path);
  const scripts = path.endsWith(".js")
    ? [
        ...Array.from(own.matchAll(/^\/\/ META: script=(.*)$/gm), ([, source]) => ({ source, text: "" })),
        { source: undefined, text: own },
      ]
    : Array.from(own.matchAll(SCRIPT), ([, attributes = "", text = ""]) => ({
        source: /\bsrc=["']?([^"'\s>]+)/i.exec(attributes)?.[1],
        text,
      }));
  const found: { name: string; text: string }[] = [];
  for (const { source, text } of scripts) {
    if (source === undefined) found.push({ name: path, text });
    else if (!HARNESS.test(source)) {
      const name = source.startsWith("/") ? source.slice(1) : join(dirname(path), source);
      found.push({ name, text: await readText(root, name) });
    }
  }
  return found;
}

/** With the placeholders of wptserve filled in; ports are the default ones. */
async function readText(root: string, path: string): Promise<string> {
  const text = await readFile(join(root, path), "utf8");
  return text
    .replace(/\{\{host\}\}/g, HOST)
    .replace(/\{\{(?:domains|hosts\[\])\[([\w.]*)\]\}\}/g, (_, name: string) =>
      name === "" ? HOST : `${name}.${HOST}`,
    )
    .replace(/\{\{hosts\[alt\]\[([\w.]*)\]\}\}/g, (_, name: string) => `${name === "" ? "" : `${name}.`}not-${HOST}`)
    .replace(/\{\{ports\[(\w+)\]\[(\d)\]\}\}/g, (_, scheme: string, index: string) =>
      String((scheme === "https" ? 443 : 80) + 8_000 * Number(index)),
    );
}
