import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { developmentIdentity } from "./development.ts";
import { developmentAuthority, isPrivateName } from "./development-authority.ts";
import { loadIdentity } from "./identity.ts";
import { selfSigned } from "./self-signed.ts";
import { createCertificateVerifier } from "./verify.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "nagare-authority-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test("is made once, by whichever process is first, with a key for its owner alone", async () => {
  const all = await Promise.all(Array.from({ length: 4 }, () => developmentAuthority({ directory })));
  expect(new Set(all.map(({ cert }) => cert)).size).toBe(1);
  const again = await developmentAuthority({ directory });
  expect(again).toMatchObject({ cert: all[0]!.cert, isNew: false });
  expect(statSync(join(directory, "authority.pem")).mode & 0o777).toBe(0o600);
  const installed = readFileSync(again.certFile, "utf8");
  expect(installed).toBe(again.cert);
  expect(installed).not.toContain("PRIVATE KEY");
  expect(new X509Certificate(installed).ca).toBe(true);
});

test("certifies private names, which a verifier that trusts it accepts, and no others", async () => {
  const authority = await developmentAuthority({ directory });
  const { verify } = createCertificateVerifier({ ca: [authority.cert] });
  const now = new Date();
  const identity = await developmentIdentity({ directory, authority, names: ["shop.test", "192.168.1.20"] });
  for (const name of ["localhost", "127.0.0.1", "::1", "shop.test", "192.168.1.20"]) {
    expect([name, await verify(identity.chain, name, now)]).toEqual([name, { ok: true }]);
  }
  expect((await developmentIdentity({ directory, authority, names: ["shop.test", "192.168.1.20"] })).cert).toBe(
    identity.cert,
  );
  expect((await developmentIdentity({ directory, names: ["shop.test"] })).path).not.toBe(identity.path);
  for (const name of ["bank.example", "8.8.8.8"]) {
    const pem = selfSigned({ subject: "x", names: [name], now, lifetime: 86_400_000, issuer: authority });
    const { chain } = loadIdentity({ cert: pem, key: pem });
    expect([name, (await verify(chain, name, now)).ok]).toEqual([name, false]);
    expect(isPrivateName(name)).toBe(false);
  }
});

test.each([
  ["localhost", true],
  ["a.localhost", true],
  ["*.shop.test", true],
  ["printer.local", true],
  ["10.1.2.3", true],
  ["172.31.0.1", true],
  ["172.32.0.1", false],
  ["fd12::1", true],
  ["2001:db8::1", false],
  ["contest", false],
  ["test.example.com", false],
])("%s is private: %s", (name, isPrivate) => {
  expect(isPrivateName(name)).toBe(isPrivate);
});
