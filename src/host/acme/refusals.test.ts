/** What an operator reads when the authority refuses. */

import { afterEach, beforeEach, expect, test } from "vitest";
import { RedirectListener } from "../http/redirect-listener.ts";
import type { AcmeOptions } from "./options.ts";
import type { Failure } from "./testing/authority.ts";
import { AcmeWorld, isIssued, NAME } from "./testing/world.ts";

let world: AcmeWorld;
beforeEach(async () => {
  world = await AcmeWorld.open();
});
afterEach(() => world.close());

const RETRY_AT = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 7 * 86_400_000);

const CASES: [name: string, step: string, failure: Failure, line: RegExp][] = [
  [
    "a rate limit",
    "newOrder",
    { type: "rateLimited", status: 429, detail: "too many certificates", retryAfter: RETRY_AT.toUTCString() },
    new RegExp(
      `limits the rate of requests for www\\.example\\.test until ${RETRY_AT.toISOString()} \\(too many certificates\\); next attempt at ${RETRY_AT.toISOString()}`,
    ),
  ],
  [
    "a wrong DNS record",
    "http-01",
    { type: "dns", detail: "no A or AAAA record" },
    /finds no usable DNS record for www\.example\.test: point it to this server \(no A or AAAA record\)/,
  ],
  [
    "a name without address, in other words",
    "http-01",
    { type: "malformed", detail: 'Could not resolve URL "www.example.test"' },
    /finds no usable DNS record for www\.example\.test/,
  ],
  [
    "a CAA record",
    "http-01",
    { type: "caa", status: 403 },
    /a CAA record of www\.example\.test forbids localhost:\d+: change/,
  ],
  ["a forbidden name", "newOrder", { type: "rejectedIdentifier" }, /issues no certificate for www\.example\.test/],
  ["a refused contact", "newAccount", { type: "invalidContact" }, /does not accept the contact address/],
  [
    "new terms",
    "newOrder",
    { type: "userActionRequired", status: 403 },
    /has new terms of service that you must agree to/,
  ],
  [
    "a deactivated account",
    "newOrder",
    { type: "unauthorized", status: 401 },
    /the account with localhost:\d+ is deactivated or revoked: to open a new one, delete \/.*accounts\/localhost_\d+-\w+\.json/,
  ],
  ["an internal fault", "newOrder", { type: "serverInternal", status: 500 }, /has an internal fault/],
  [
    "an unknown refusal",
    "finalize",
    { type: "strange", status: 403, detail: "\u001b[31mred" },
    /refuses the request for www\.example\.test: strange \(\\x1b\[31mred\)/,
  ],
];

test.each(CASES)("%s", async (_name, step, failure, line) => {
  world.authority.failures.set(step, failure);
  const certificates = await world.start();
  expect(await world.said(/there is no certificate for www\.example\.test yet: /)).toMatch(line);
  expect(isIssued(certificates.identities[0])).toBe(false);
  expect(world.authority.count("newOrder")).toBeLessThanOrEqual(4);
});

test("a server that cannot be reached", async () => {
  world.authority.httpPort = 1; // nobody listens there
  await world.start();
  await world.said(
    /cannot connect to www\.example\.test: check its DNS records, and that ports 80 and 443 reach this server/,
  );
});

test("another server that answers for the name", async () => {
  const other = new RedirectListener(443, async () => "something else");
  world.authority.httpPort = (await other.listen(0, "127.0.0.1")).port;
  await world.start();
  await world.said(/got a wrong answer from www\.example\.test: check that its DNS records point to this server/);
  await other.close();
});

test("an authority that is down, or is no authority", async () => {
  await world.authority.close();
  const certificates = await world.start();
  await world.said(/localhost:\d+ cannot be reached: the connection is refused; next attempt at/);
  world.stop(certificates);
  await world.authority.listen();
  await world.start({ ca: undefined as never, domains: ["b.example.test"] });
  await world.said(/its certificate is not trusted \(\w+\); set ca to its authority/);
  await world.start({ directory: world.authority.directory.replace("/dir", "/nonce"), domains: ["c.example.test"] });
  await world.said(/c\.example\.test yet: localhost:\d+ (?:answers with something that is not ACME|refuses)/);
});

test("a challenge that is not offered", async () => {
  world.authority.offered = ["dns-01"];
  await world.start();
  await world.said(/offers dns-01 for www\.example\.test, but enabled are http-01/);
});

test("an external account that is missing", async () => {
  world.authority.externalKey = { kid: "1", hmacKey: "c2VjcmV0c2VjcmV0" };
  await world.start();
  await world.said(/opens accounts only for its customers: set eab to the key id and key from its site/);
});

test.each<[string, Partial<AcmeOptions>, RegExp]>([
  ["no terms", { agreeToTerms: false }, /agreeToTerms is missing: read the terms of service of localhost:\d+/],
  ["no domains", { domains: [] }, /domains is empty/],
  ["a wrong name", { domains: ["www_.exa mple"] }, /www_\.exa mple is not a domain name/],
  ["a wildcard without DNS", { domains: ["*.example.test"] }, /\*\.example\.test needs dns-01: set dnsHook/],
  [
    "plain HTTP to the authority",
    { directory: "http://localhost/dir" },
    /directory http:\/\/localhost\/dir is not an https URL/,
  ],
  [
    "an unknown challenge",
    { challenges: ["http-02" as never] },
    /challenges http-02 is unknown: use http-01, tls-alpn-01, dns-01/,
  ],
  ["a ca that is a path", { ca: "/etc/ca.pem" }, /ca is not a certificate in PEM: read the file/],
  ["an unknown option", { domain: [NAME] } as never, /no option "domain"; known are/],
  ["no limit on demand", { onDemand: { allow: "every" } }, /onDemand\.allow is not a list of patterns/],
])("an option that is wrong: %s", async (_name, options, message) => {
  await expect(world.start(options)).rejects.toMatchObject({
    code: "ACME_OPTION_INVALID",
    message: expect.stringMatching(message),
  });
});

test("a storage that cannot be written", async () => {
  await expect(world.start({ storage: "/proc/nowhere" })).rejects.toThrow(/the storage of certificates cannot be used/);
});
