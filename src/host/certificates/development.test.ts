import { createHash, X509Certificate } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { developmentIdentity } from "./development.ts";

const DAY = 86_400_000;

describe("the development certificate", () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "nagare-test-"));
  });
  afterEach(() => rm(directory, { recursive: true }));

  it("is for localhost and its addresses, for less than 14 days, for servers only", async () => {
    const now = new Date();
    const identity = await developmentIdentity({ directory, now });
    const certificate = new X509Certificate(identity.cert);
    expect(identity.names).toEqual(["localhost", "127.0.0.1", "::1"]);
    expect(certificate.subjectAltName).toBe("DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1");
    expect(certificate.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
    expect(certificate.ca).toBe(false);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(identity.notBefore.getTime()).toBeLessThan(now.getTime());
    const lifetime = identity.notAfter.getTime() - identity.notBefore.getTime();
    expect(lifetime).toBeLessThanOrEqual(14 * DAY);
    expect(lifetime).toBeGreaterThanOrEqual(10 * DAY);
    expect(identity.signer.schemes).toEqual(["ecdsa_secp256r1_sha256"]);
  });

  it("can cover other names and addresses, with a separate file for each set", async () => {
    const plain = await developmentIdentity({ directory });
    const named = await developmentIdentity({ directory, names: ["Phone.test", "192.0.2.7"] });
    expect(named.names).toEqual(["localhost", "127.0.0.1", "::1", "phone.test", "192.0.2.7"]);
    expect(named.path).not.toBe(plain.path);
  });

  it.runIf(process.platform === "linux")("exists only in memory if nothing can be written", async () => {
    // Node's recursive mkdir would hang here.
    const identity = await developmentIdentity({ directory: "/proc/nagare/certificates" });
    expect(identity.path).toBeUndefined();
    expect(identity.names).toContain("localhost");
  });

  it("reports the hashes that browsers need", async () => {
    const identity = await developmentIdentity({ directory });
    const { publicKey, raw } = new X509Certificate(identity.cert);
    const spki = publicKey.export({ format: "der", type: "spki" });
    expect(identity.spkiHash).toBe(createHash("sha256").update(spki).digest("base64"));
    expect(Buffer.from(identity.sha256)).toEqual(createHash("sha256").update(raw).digest());
  });

  it("is created once for each set of names", async () => {
    const first = await developmentIdentity({ directory });
    expect((await developmentIdentity({ directory })).cert).toBe(first.cert);
    const other = await developmentIdentity({ directory, names: ["dev.test", "192.0.2.7"] });
    expect(other.names).toEqual(["localhost", "127.0.0.1", "::1", "dev.test", "192.0.2.7"]);
    expect((await developmentIdentity({ directory, names: ["192.0.2.7", "Dev.test"] })).cert).toBe(other.cert);
    expect((await developmentIdentity({ directory })).cert).toBe(first.cert);
  });

  it("is renewed when less than two days remain", async () => {
    const start = Date.now();
    const first = await developmentIdentity({ directory, now: new Date(start) });
    const later = await developmentIdentity({ directory, now: new Date(start + 10 * DAY) });
    expect(later.cert).toBe(first.cert);
    const renewed = await developmentIdentity({ directory, now: new Date(start + 12 * DAY) });
    expect(renewed.cert).not.toBe(first.cert);
    expect((await developmentIdentity({ directory, now: new Date(start + 12 * DAY) })).cert).toBe(renewed.cert);
  });

  it("is recreated if the file is damaged or from the future", async () => {
    const first = await developmentIdentity({ directory });
    await writeFile(first.path!, "nonsense");
    const second = await developmentIdentity({ directory });
    expect(second.cert).not.toBe(first.cert);
    await developmentIdentity({ directory, now: new Date(Date.now() + 100 * DAY) });
    const third = await developmentIdentity({ directory });
    expect(third.cert).not.toBe(second.cert);
    expect(third.notBefore.getTime()).toBeLessThan(Date.now());
  });

  it.skipIf(process.platform === "win32")("is readable only by its owner", async () => {
    const nested = join(directory, "cache", "nagare");
    const identity = await developmentIdentity({ directory: nested });
    expect((await stat(nested)).mode & 0o777).toBe(0o700);
    expect((await stat(identity.path!)).mode & 0o777).toBe(0o600);
    expect(await readFile(identity.path!, "latin1")).toContain("PRIVATE KEY");
  });

  it("is the same for concurrent callers, and leaves no other files behind", async () => {
    const identities = await Promise.all(Array.from({ length: 8 }, () => developmentIdentity({ directory })));
    expect(new Set(identities.map(({ cert }) => cert)).size).toBe(1);
    expect(await readdir(directory)).toHaveLength(1);
  });

  it("still works if it cannot be stored", async () => {
    const file = join(directory, "file");
    await writeFile(file, "");
    const identity = await developmentIdentity({ directory: join(file, "below") });
    expect(identity.path).toBeUndefined();
    expect(identity.names).toContain("localhost");
  });
});
