import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseX509 } from "../certificates/certificate.ts";
import type { ReloadOutcome } from "../certificates/certificates.ts";
import { AcmeWorld, isIssued, NAME } from "./testing/world.ts";

const DAY = 86_400_000;

let world: AcmeWorld;
beforeEach(async () => {
  world = await AcmeWorld.open();
});
afterEach(() => world.close());

const files = (pattern = /./): string[] =>
  readdirSync(world.folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => pattern.test(file));

const issued = () => world.said(/new certificate for/);

describe("a certificate", () => {
  test("is obtained at the first start, kept for its owner alone, and found by the next start", async () => {
    const first = await world.start({ email: "admin@example.test" });
    expect(isIssued(first.identities[0])).toBe(false);
    expect(first.identities[0].names).toEqual([NAME]);
    await issued();
    expect(isIssued(first.identities[0])).toBe(true);
    expect([...world.authority.accounts.values()][0]!.contact).toEqual(["mailto:admin@example.test"]);
    for (const file of files()) expect([file, statSync(file).mode & 0o777]).toEqual([file, 0o600]);
    expect(files(/challenges|orders|failures|probes/)).toEqual([]);
    world.stop(first);
    const second = await world.start();
    expect(second.identities[0].cert).toBe(first.identities[0].cert);
    expect(world.authority.count("newOrder")).toBe(1);
  });

  test("is one for each entry of domains, and one for all names of a list", async () => {
    const certificates = await world.start({ domains: ["a.example.test", ["b.example.test", "c.example.test"]] });
    await world.said(/new certificate for a\./);
    await world.said(/new certificate for b\.example\.test, c\./);
    expect(certificates.identities.map(({ names }) => names)).toEqual([
      ["a.example.test"],
      ["b.example.test", "c.example.test"],
    ]);
    expect(world.authority.accounts.size).toBe(1);
  });

  test("is obtained with an Ed25519 account, an external account, and a chosen chain", async () => {
    const eab = { kid: "customer-7", hmacKey: Buffer.from("a secret of the site").toString("base64url") };
    world.authority.externalKey = eab;
    const certificates = await world.start({ eab, accountKeyType: "EdDSA", preferredChain: "Other ACME Issuer" });
    await issued();
    expect(parseX509(certificates.identities[0].chain[0]!).issuer.display).toBe("Other ACME Issuer");
  });

  test("is obtained although nonces are refused and the authority stumbles", async () => {
    world.authority.badNonces = 3;
    world.authority.processing = 3;
    world.authority.failures.set("newOrder", [{ type: "serverInternal", status: 503, retryAfter: "7" }]);
    await world.start();
    await issued();
    expect(world.clock.waited).toContain(7_000);
  });

  test("is obtained from an authority that has lost the account", async () => {
    const first = await world.start();
    await issued();
    world.stop(first);
    world.authority.accounts.clear();
    await world.start({ domains: ["other.example.test"] });
    await world.said(/new certificate for other/);
  });

  test("comes from the order of an earlier run, with its key", async () => {
    world.authority.ready = new Promise(() => undefined);
    const first = await world.start();
    await expect.poll(() => world.authority.count("chall")).toBe(1);
    world.stop(first);
    await expect.poll(() => files(/orders.*json$/).length).toBe(1);
    const { key } = JSON.parse(readFileSync(files(/orders.*json$/)[0]!, "utf8")) as { key: string };
    world.authority.ready = Promise.resolve();
    const second = await world.start();
    await issued();
    expect(world.authority.count("newOrder")).toBe(1);
    expect(second.identities[0].key).toBe(key);
  });

  test("replaces a damaged one in the storage", async () => {
    const first = await world.start();
    await issued();
    world.stop(first);
    const [file] = files(/certificates\/.*\.pem/);
    writeFileSync(file!, readFileSync(file!, "utf8").slice(0, 400));
    const second = await world.start();
    await world.said(/the stored certificate for www\.example\.test is not used/);
    await expect.poll(() => isIssued(second.identities[0])).toBe(true);
    expect(world.authority.count("newOrder")).toBe(2);
  });
});

describe("renewal", () => {
  test("happens after two thirds of the lifetime, and replaces the certificate in use", async () => {
    const certificates = await world.start();
    await issued();
    const [before] = certificates.identities;
    await world.clock.asleep();
    world.clock.advance(61 * DAY);
    await expect.poll(() => certificates.identities[0] === before).toBe(false);
    expect(isIssued(certificates.identities[0])).toBe(true);
    expect(world.authority.count("newOrder")).toBe(2);
  });

  test("happens when the authority suggests it, and names what it replaces", async () => {
    const now = world.clock.now();
    world.authority.window = { start: new Date(now + 10 * DAY), end: new Date(now + 12 * DAY) };
    const certificates = await world.start();
    await issued();
    const [before] = certificates.identities;
    await world.clock.asleep();
    // An incident: the authority brings the window forward.
    world.authority.window = { start: new Date(now - 2 * DAY), end: new Date(now - DAY) };
    world.clock.advance(7 * 3_600_000);
    await expect.poll(() => certificates.identities[0] === before).toBe(false);
    world.authority.window = { start: new Date(now + 10 * DAY), end: new Date(now + 12 * DAY) };
    const [first, second] = [...world.authority.orders.values()];
    expect(first!.replaces).toBeUndefined();
    expect(second!.replaces).toMatch(/^[\w-]+\.[\w-]+$/);
  });

  test("that fails keeps the certificate in use, waits longer each time, and goes on after a restart", async () => {
    const outcomes: ReloadOutcome[] = [];
    const certificates = await world.start({}, { onReload: (outcome) => outcomes.push(outcome) });
    await issued();
    const [before] = certificates.identities;
    await world.clock.asleep();
    await world.authority.close();
    world.clock.advance(61 * DAY);
    const line = await world.said(/stays in use: localhost:\d+ cannot be reached/);
    expect(line).toMatch(/the certificate for www\.example\.test, valid until .*; next attempt at /);
    expect(certificates.identities[0]).toBe(before);
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(["replaced", "kept"]);
    expect(outcomes[1]).toMatchObject({
      code: "ACME_AUTHORITY_UNREACHABLE",
      reason: expect.stringContaining("reached"),
    });
    const failures = () => world.lines.filter((each) => each.includes("stays in use"));
    const minutes: number[] = [];
    for (let attempt = 1; attempt <= 4; attempt += 1) {
      await expect.poll(() => failures().length).toBe(attempt);
      const pause = Date.parse(failures().at(-1)!.split("next attempt at ")[1]!) - world.clock.now();
      minutes.push(pause / 60_000);
      await world.clock.asleep();
      if (attempt < 4) world.clock.advance(pause);
    }
    expect(minutes).toEqual([1, 5, 15, 60]);
    world.stop(certificates);
    await world.authority.listen();
    const again = await world.start();
    await world.said(/stays in use.*next attempt/);
    expect(again.identities[0].cert).toBe(before.cert);
    const orders = world.authority.count("newOrder");
    await again.reload(); // the operator has repaired it
    await expect.poll(() => again.identities[0].cert === before.cert).toBe(false);
    expect(world.authority.count("newOrder")).toBe(orders + 1);
  });
});

describe("servers that share a storage", () => {
  test("obtain one certificate, and all of them use it and its renewal", async () => {
    const servers = [await world.start(), await world.start(), await world.start({}, { role: "follow" })];
    await expect.poll(() => servers.every(({ identities: [identity] }) => isIssued(identity))).toBe(true);
    const certs = () => new Set(servers.map(({ identities: [identity] }) => identity.cert));
    expect(certs().size).toBe(1);
    expect(world.authority.count("newOrder")).toBe(1);
    const [before] = certs();
    await world.clock.asleep(2);
    world.clock.advance(61 * DAY);
    await expect.poll(() => certs().size === 1 && !certs().has(before!)).toBe(true);
    expect(world.authority.count("newOrder")).toBe(2);
  });
});
