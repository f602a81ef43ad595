/**
 * Chromium loads a page over HTTP/3 at its first navigation, because our name server says so over our DNS over HTTPS. Nothing
 * listens on TCP there: without the record, Chromium does not find the site.
 */

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { CHROMIUM, findProgram } from "../../src/cli/find-program.ts";
import { DnsService } from "../../src/edge/dns/index.ts";
import { serve } from "../../src/edge/index.ts";
import { HOST, type TestIdentity } from "../certificates.ts";
import { Skip } from "../result.ts";

const ZONE = "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\n@ A 127.0.0.1\n";

export async function firstNavigation(directory: string, identity: TestIdentity): Promise<string> {
  const executablePath = await findProgram(CHROMIUM, process.env);
  if (executablePath === undefined) throw new Skip("Chromium is not installed");
  await using site = await serve(
    { port: 0, host: "127.0.0.1", tls: identity, protocols: ["h3"], log: () => {} },
    (_, { protocol }) => new Response(`<title>${protocol}</title>`, { headers: { "content-type": "text/html" } }),
  );
  const record = `_${site.port}._https HTTPS 1 ${HOST}. alpn=h3,h2 port=${site.port}\n`;
  const page = { url: `https://${HOST}:${site.port}/`, executablePath, identity };
  const without = await titleOf({ ...page, zone: ZONE, directory: join(directory, "without") });
  if (without !== undefined) throw new Error(`without the record, the page came over ${without}`);
  const over = await titleOf({ ...page, zone: ZONE + record, directory: join(directory, "with") });
  if (over !== "h3") throw new Error(`with the record, the page came over ${over ?? "nothing"}`);
  return "the first navigation is over h3; without the record, it fails";
}

interface Visit {
  readonly url: string;
  readonly zone: string;
  /** A fresh folder. */
  readonly directory: string;
  readonly executablePath: string;
  readonly identity: TestIdentity;
}

/** The title of the page in a fresh browser; undefined if it cannot be loaded. */
async function titleOf({ url, zone, directory, executablePath, identity }: Visit): Promise<string | undefined> {
  const profile = join(directory, "profile");
  await mkdir(profile, { recursive: true });
  const path = join(directory, "zone");
  await writeFile(path, zone);
  await using dns = await DnsService.start({
    zones: [{ path, origin: `${HOST}.` }],
    host: "127.0.0.1",
    port: 0,
    httpsPort: 0,
    identity: identity.identity,
    watch: false,
    log: () => {},
    onFault: ({ error }) => console.error(error),
  });
  const dnsOverHttps = { mode: "secure", templates: dns.addresses.url };
  await writeFile(join(profile, "Local State"), JSON.stringify({ dns_over_https: dnsOverHttps }));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    args: [
      "--no-sandbox",
      `--ignore-certificate-errors-spki-list=${identity.spkiHash}`,
      // Chromium takes a private authority's certificate over QUIC only if any port of the host was forced.
      `--origin-to-force-quic-on=${HOST}:1`,
    ],
  });
  try {
    const page = await context.newPage();
    await page.goto(url);
    return await page.title();
  } catch (error) {
    if (/net::ERR_CONNECTION_REFUSED/.test((error as Error).message)) return undefined;
    throw error;
  } finally {
    await context.close();
  }
}
