/** A jar of cookies in a process of its own, so that no other's garbage is collected meanwhile: CONTESTANT, and the folder with tough-cookie. */

import { createRequire } from "node:module";
import { CookieJar } from "../../src/cookies/index.ts";
import { CookieJar as Adapter } from "../../src/cookies/tough/index.ts";
import type { CookieJarCost } from "../messages.ts";

const COOKIES = 10_000;
const DOMAINS = 500;
const LOOKUPS = 100_000;

interface Contestant {
  set(line: string, url: string): void;
  get(url: string): string | undefined;
}

interface SyncJar {
  setCookieSync(line: string, url: string): unknown;
  getCookieStringSync(url: string): string;
}

const syncJar = (jar: SyncJar): Contestant => ({
  set: (text, from) => void jar.setCookieSync(text, from),
  get: (to) => jar.getCookieStringSync(to),
});

const url = (index: number): string => `https://www.site-${index % DOMAINS}.co.uk/account/page`;
const line = (index: number): string =>
  `name${Math.floor(index / DOMAINS)}=value-${index}; Path=/; Secure; SameSite=Lax; Max-Age=86400${index % 2 === 0 ? "" : `; Domain=site-${index % DOMAINS}.co.uk`}`;

const [name, modules = ""] = process.argv.slice(2);

function make(): Contestant {
  if (name === "adapter") return syncJar(new Adapter());
  if (name === "tough-cookie") {
    const { CookieJar: Tough } = createRequire(`${modules}/`)("tough-cookie") as {
      readonly CookieJar: new () => SyncJar;
    };
    return syncJar(new Tough());
  }
  const jar = new CookieJar({ limits: { total: COOKIES } });
  return { set: (text, from) => void jar.set(text, from), get: (to) => jar.header(to) };
}

/** Microseconds. */
function measure(jar: Contestant): { readonly set: number; readonly get: number } {
  const start = performance.now();
  for (let i = 0; i < COOKIES; i += 1) jar.set(line(i), url(i));
  const set = performance.now();
  let bytes = 0;
  for (let i = 0; i < LOOKUPS; i += 1) bytes += jar.get(url(i * 7))?.length ?? 0;
  const get = performance.now();
  // Each lookup must find its 20 cookies.
  if (bytes < LOOKUPS * 20 * 12) throw new Error(`only ${bytes} bytes of cookies were found`);
  return { set: ((set - start) * 1_000) / COOKIES, get: ((get - set) * 1_000) / LOOKUPS };
}

// The first jar is for the compiler.
measure(make());
globalThis.gc!();
const before = process.memoryUsage().heapUsed;
const jar = make();
const { set, get } = measure(jar);
globalThis.gc!();
const heap = (process.memoryUsage().heapUsed - before) / 1e6;
// Keeps the jar alive until here.
jar.get(url(0));
process.stdout.write(JSON.stringify({ set, get, heap } satisfies CookieJarCost));
