import { afterEach, expect, test, vi } from "vitest";
import { hasCallList } from "../../host/engine/choice.ts";
import { koffi } from "../../host/engine/testing/koffi.ts";
import type { CheckResult } from "./check.ts";
import { ENGINE_CHECKS } from "./engine-checks.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

const results = async (): Promise<Record<string, CheckResult>> =>
  Object.fromEntries(await Promise.all(ENGINE_CHECKS.map(async ({ name, run }) => [name, await run({})])));

test("the portable engine has none of the kernel's features", async () => {
  vi.stubEnv("NAGARE_ENGINE", "portable");
  vi.stubEnv("NAGARE_CRYPTO", undefined);
  const absent = { verdict: "absent", detail: "not with the portable engine" };
  expect(await results()).toEqual({
    engine: { verdict: "ok", detail: "portable engine, as demanded: node:dgram and node:crypto" },
    "packet protection": { verdict: "ok", detail: "node:crypto" },
    "UDP GSO": absent,
    "UDP GRO": absent,
    "UDP ECN": absent,
    "UDP DF": absent,
    "UDP pktinfo": absent,
  });
});

test.skipIf(koffi === undefined)("the fast engine has all of them on Linux", async () => {
  vi.stubEnv("NAGARE_ENGINE", "fast");
  const all = await results();
  expect(Object.values(all).map(({ verdict }) => verdict)).toEqual(ENGINE_CHECKS.map(() => "ok"));
  expect(all.engine).toMatchObject({ detail: expect.stringContaining(`koffi ${koffi!.version}`) });
});

test.skipIf(koffi === undefined)("how packets are protected is said", async () => {
  vi.stubEnv("NAGARE_CRYPTO", "openssl");
  vi.stubEnv("NAGARE_ENGINE", "portable");
  for (const [wanted, detail] of [
    ["0", "call by call"],
    ["1", hasCallList ? "a batch in one call" : "call by call"],
  ] as const) {
    vi.stubEnv("NAGARE_CALL_LIST", wanted);
    expect((await results())["packet protection"]).toEqual({
      verdict: "ok",
      detail: `OpenSSL ${process.versions.openssl}, called directly, ${detail}`,
    });
  }
});

test("a crypto engine that was demanded for comparison is noted", async () => {
  vi.stubEnv("NAGARE_ENGINE", "portable");
  vi.stubEnv("NAGARE_CRYPTO", "pure");
  expect((await results())["packet protection"]).toMatchObject({ verdict: "absent", detail: "pure" });
});

test("an unknown engine fails the check", async () => {
  vi.stubEnv("NAGARE_ENGINE", "turbo");
  await expect(ENGINE_CHECKS[0]!.run({})).rejects.toThrow("NAGARE_ENGINE=turbo is not an engine");
});
