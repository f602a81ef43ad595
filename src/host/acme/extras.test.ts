/** DNS-01, names on demand, and the requests that servers make rarely: key change, deactivation, revocation. */

import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Identity } from "../certificates/identity.ts";
import { Account } from "./account.ts";
import { AcmeClient } from "./client.ts";
import { DiskStorage } from "./disk-storage.ts";
import type { DnsHook } from "./dns-hook.ts";
import type { ManagedCertificates } from "./managed-certificates.ts";
import { revokeCertificate } from "./revoke.ts";
import { AcmeWorld, isIssued, NAME } from "./testing/world.ts";

let world: AcmeWorld;
beforeEach(async () => {
  world = await AcmeWorld.open();
});
afterEach(() => world.close());

describe("DNS-01", () => {
  test("by a function: a wildcard and its own name, and the records are removed", async () => {
    const { txt } = world.authority;
    const dnsHook: DnsHook = {
      set: async (name, value) => void txt.set(name, [...(txt.get(name) ?? []), value]),
      remove: async (name, value) =>
        void txt.set(
          name,
          txt.get(name)!.filter((each) => each !== value),
        ),
    };
    const certificates = await world.start({
      domains: [["example.test", "*.example.test"]],
      challenges: ["dns-01"],
      dnsHook,
    });
    await world.said(/new certificate for/);
    expect(certificates.identities[0].names).toEqual(["example.test", "*.example.test"]);
    expect([...txt]).toEqual([["_acme-challenge.example.test", []]]);
  });

  test("by a program, which is named when it fails", async () => {
    const program = join(world.folder, "hook");
    const log = join(world.folder, "hook.log");
    writeFileSync(program, `#!/bin/sh\necho "$@" >> ${log}\necho no such zone >&2\ntest "$2" = cleanup\n`);
    chmodSync(program, 0o755);
    await world.start({ challenges: ["dns-01"], dnsHook: [program, "zone"] });
    await world.said(/the DNS hook cannot set _acme-challenge\.www\.example\.test: no such zone/);
    expect(readFileSync(log, "utf8")).toMatch(
      /^zone present _acme-challenge\.www\.example\.test\. [\w-]{43}\nzone cleanup _acme-challenge\.www\.example\.test\. [\w-]{43}\n$/,
    );
  });
});

describe("on demand", () => {
  const select = (certificates: ManagedCertificates, name: string) =>
    new Promise<Identity | undefined>((resolve, reject) => {
      const done = (error: Error | null, selected?: { readonly identity?: Identity | undefined }): void =>
        error === null ? resolve(selected?.identity) : reject(error);
      certificates.hooks.selectByName!(name, "tcp", done);
    });

  test("obtains one certificate for an allowed name, and none for others", async () => {
    const asked: string[] = [];
    const allow = async (name: string): Promise<boolean> => {
      asked.push(name);
      return name.startsWith("shop");
    };
    const certificates = await world.start({ onDemand: { allow, limit: 1 } });
    await world.said(/new certificate/);
    expect(await select(certificates, NAME)).toBeUndefined(); // it has one
    const both = await Promise.all([select(certificates, "shop1.test"), select(certificates, "SHOP1.test")]);
    expect(both[0]!.names).toEqual(["shop1.test"]);
    expect(isIssued(both[0]!)).toBe(true);
    expect(both[1]).toBe(both[0]);
    await expect(select(certificates, "other.test")).rejects.toThrow("there is no certificate for other.test");
    await expect(select(certificates, "shop2.test")).rejects.toThrow("there is no certificate for shop2.test");
    expect(world.lines.filter((line) => line.includes("onDemand.limit is 1"))).toHaveLength(1);
    expect(asked).toEqual(["shop1.test"]);
    expect(world.authority.count("newOrder")).toBe(2);
  });

  test("works without other domains, by patterns, finds stored ones, and fails at once while a pause lasts", async () => {
    const onDemand = { allow: ["*.shops.test"] };
    const first = await world.start({ domains: [], onDemand });
    const identity = await select(first, "a.shops.test");
    world.stop(first);
    const second = await world.start({ domains: [], onDemand });
    expect((await select(second, "a.shops.test"))!.cert).toBe(identity!.cert);
    world.authority.failures.set("newOrder", { type: "rateLimited", status: 429 });
    await expect(select(second, "b.shops.test")).rejects.toThrow(/limits the rate/);
    const orders = world.authority.count("newOrder");
    await expect(select(second, "b.shops.test")).rejects.toThrow(/limits the rate/);
    expect(world.authority.count("newOrder")).toBe(orders);
  });
});

test("an account changes its key, a certificate is revoked, an account is closed", async () => {
  const certificates = await world.start();
  await world.said(/new certificate/);
  const { directory, ca } = world.authority;
  const { signal } = new AbortController();
  const client = new AcmeClient({ directory, ca, clock: world.clock });
  const account = new Account(client, new DiskStorage(world.folder), { directory, agreeToTerms: true });
  const { key: before } = await account.signer(signal);
  await account.changeKey(signal);
  expect((await account.signer(signal)).key.thumbprint).not.toBe(before.thumbprint);
  await revokeCertificate(client, account, certificates.identities[0].cert, "superseded", signal);
  expect(world.authority.revoked).toEqual([Buffer.from(certificates.identities[0].chain[0]!).toString("base64url")]);
  await account.deactivate(signal);
  await expect(account.changeKey(signal)).rejects.toMatchObject({ code: "ACME_ACCOUNT_DEACTIVATED" });
  client.close();
});
