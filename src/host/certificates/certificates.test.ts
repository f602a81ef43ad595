import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Identities, loadCertificates, type ReloadOutcome } from "./certificates.ts";
import { makeCertificate, type TestCertificate } from "./testing/make-certificate.ts";

let folder: string;
const lines: string[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nagare-certificates-"));
  lines.length = 0;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const at = (...parts: string[]): string => join(folder, ...parts);
const make = (name = "a.test"): TestCertificate => makeCertificate({ names: [name] });

function place(directory: string, { cert, key }: { cert: string; key: string }): void {
  mkdirSync(at(directory), { recursive: true });
  writeFileSync(at(directory, "cert.pem"), cert);
  writeFileSync(at(directory, "key.pem"), key);
}

/** Certificates whose files are looked at only by the test. */
async function watched(...directories: readonly [string, ...string[]]) {
  const [first, ...others] = directories.map((each) => ({
    certFile: at(each, "cert.pem"),
    keyFile: at(each, "key.pem"),
  }));
  const outcomes: ReloadOutcome[] = [];
  const options = {
    log: (line: string) => lines.push(line),
    onReload: (outcome: ReloadOutcome) => outcomes.push(outcome),
    interval: Number.POSITIVE_INFINITY,
  };
  const certificates = await loadCertificates([first!, ...others], options);
  const uses: Identities[] = [];
  certificates.start((identities) => uses.push(identities));
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 3; i++) await certificates.check();
  };
  return { certificates, uses, outcomes, settle, current: () => certificates.identities[0].cert };
}

describe("a change of certificate files is used", () => {
  test("when they are overwritten", async () => {
    place("own", make());
    const { settle, current, uses } = await watched("own");
    const next = make();
    place("own", next);
    await settle();
    expect(current()).toBe(next.cert);
    expect(uses).toHaveLength(1);
    expect(lines).toEqual([expect.stringContaining("nagare: new certificate for a.test, valid until ")]);
  });

  test("when an editor renames new files over them", async () => {
    place("own", make());
    const { settle, current } = await watched("own");
    const next = make();
    place("new", next);
    for (const name of ["cert.pem", "key.pem"]) renameSync(at("new", name), at("own", name));
    await settle();
    expect(current()).toBe(next.cert);
  });

  test("when certbot points its links to a new version", async () => {
    place("archive/1", make());
    mkdirSync(at("live"));
    const point = (version: string): void => {
      for (const name of ["cert.pem", "key.pem"]) {
        symlinkSync(`../archive/${version}/${name}`, at("live", "next"));
        renameSync(at("live", "next"), at("live", name));
      }
    };
    point("1");
    const { settle, current } = await watched("live");
    const next = make();
    place("archive/2", next);
    point("2");
    await settle();
    expect(current()).toBe(next.cert);
  });

  test("when Kubernetes swaps ..data", async () => {
    place("..1", make());
    symlinkSync("..1", at("..data"));
    for (const name of ["cert.pem", "key.pem"]) symlinkSync(`..data/${name}`, at(name));
    const { settle, current } = await watched(".");
    const next = make();
    place("..2", next);
    symlinkSync("..2", at("..next"));
    renameSync(at("..next"), at("..data"));
    rmSync(at("..1"), { recursive: true });
    await settle();
    expect(current()).toBe(next.cert);
  });

  test("when they had gone for a while", async () => {
    place("own", make());
    const { settle, current } = await watched("own");
    renameSync(at("own"), at("gone"));
    await settle();
    expect(lines).toEqual([expect.stringContaining("there is no such file")]);
    const next = make();
    place("own", next);
    await settle();
    expect(current()).toBe(next.cert);
  });

  test("at the second look, however often they change", async () => {
    place("own", make());
    const { certificates, current } = await watched("own");
    for (let i = 0; i < 4; i++) {
      const next = make();
      place("own", next);
      await certificates.check();
      expect(current() === next.cert).toBe(i > 0);
    }
  });

  test("and leaves the identities of other files as they are", async () => {
    place("one", make("one.test"));
    place("two", make("two.test"));
    const { certificates, settle } = await watched("one", "two");
    const [one, two] = certificates.identities;
    place("two", make("two.test"));
    chmodSync(at("one", "cert.pem"), 0o644);
    await settle();
    expect(certificates.identities[0]).toBe(one);
    expect(certificates.identities[1]).not.toBe(two);
  });
});

describe("unusable files keep the previous certificate, and the reason is logged once", () => {
  const next = make();
  const expired = makeCertificate({ names: ["a.test"], notAfter: new Date("2020-02-03T00:00:00Z") });
  test.each([
    ["a key of another certificate", { cert: next.cert, key: make().key }, "does not belong to the certificate"],
    ["a chain that is cut off", { cert: next.cert + next.cert.slice(0, 200), key: next.key }, "is incomplete"],
    ["an empty file", { cert: "", key: next.key }, "is not PEM text"],
    ["an expired certificate", expired, "expired on 2020-02-03"],
  ])("%s", async (_, broken, reason) => {
    const before = make();
    place("own", before);
    const { settle, current, uses } = await watched("own");
    place("own", broken);
    await settle();
    place("own", broken);
    await settle();
    expect(current()).toBe(before.cert);
    expect(uses).toEqual([]);
    expect(lines).toEqual([expect.stringContaining("nagare: the previous certificate stays in use: ")]);
    expect(lines[0]).toContain(reason);
    place("own", next);
    await settle();
    expect(current()).toBe(next.cert);
  });

  test("not if it is complete a moment later", async () => {
    place("own", make());
    const { certificates, settle, current } = await watched("own");
    const complete = make();
    place("own", { cert: complete.cert.slice(0, 300), key: complete.key });
    await certificates.check();
    place("own", { cert: complete.cert.slice(0, 400), key: complete.key });
    await certificates.check();
    place("own", complete);
    await settle();
    expect(current()).toBe(complete.cert);
    expect(lines).toEqual([expect.stringContaining("new certificate")]);
  });

  test("a refused one", async () => {
    const before = make();
    place("own", before);
    const { certificates, settle, current } = await watched("own");
    certificates.start(() => {
      throw new Error("refused");
    });
    place("own", make());
    await settle();
    expect(current()).toBe(before.cert);
    expect(lines).toEqual([expect.stringContaining("refused")]);
  });
});

describe("reload", () => {
  test("reads files at once, and rejects without a change if they are unusable", async () => {
    place("own", make());
    const { certificates, current } = await watched("own");
    const next = make();
    place("own", next);
    await certificates.reload();
    expect(current()).toBe(next.cert);
    place("own", { cert: make().cert, key: next.key });
    await expect(certificates.reload()).rejects.toMatchObject({ code: "KEY_MISMATCH" });
    expect(current()).toBe(next.cert);
  });

  test("with other sources watches those", async () => {
    place("own", make());
    place("other", make());
    const { certificates, settle, current } = await watched("own");
    await certificates.reload([{ certFile: at("other", "cert.pem"), keyFile: at("other", "key.pem") }]);
    const next = make();
    place("own", make());
    place("other", next);
    await settle();
    expect(current()).toBe(next.cert);
  });

  test("and changes of files are reported by their outcome, each once", async () => {
    place("own", make());
    const { certificates, outcomes, settle } = await watched("own");
    await settle();
    await certificates.reload();
    const next = make();
    place("own", { cert: next.cert, key: make().key });
    await settle();
    await expect(certificates.reload()).rejects.toThrow();
    await settle();
    place("own", next);
    await settle();
    const kept = { outcome: "kept", code: "KEY_MISMATCH", reason: expect.stringContaining("the key") };
    expect(outcomes).toEqual([
      { outcome: "unchanged" },
      kept,
      kept,
      { outcome: "replaced", certificates: [{ names: ["a.test"], notAfter: expect.any(Date) }] },
    ]);
  });

  test("wins over an earlier one that is still reading", async () => {
    place("own", make());
    const { certificates, current } = await watched("own");
    const last = make();
    await Promise.all([certificates.reload([make()]), certificates.reload([last])]);
    expect(current()).toBe(last.cert);
  });
});
