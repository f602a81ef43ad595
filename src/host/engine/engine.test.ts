/** The choice of the engine: what is demanded, what works, and what is said about it. */

import { afterEach, describe, expect, test, vi } from "vitest";
import type { ForeignFunctions } from "../../base/foreign.ts";
import { intercepted } from "../../base/testing/intercepted.ts";
import { noPageCache } from "../files/page-cache.ts";
import { type EngineChoice, EngineError, engineChoice, hasCallList, wantsCallList } from "./choice.ts";
import { loadCrypto } from "./crypto.ts";
import { chooseEngine, describeEngine, type Engine, loadFast } from "./engine.ts";
import { loadKoffi } from "./koffi.ts";
import { koffi } from "./testing/koffi.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

const hasFast = test.skipIf(koffi === undefined);

describe("the choice", () => {
  test.each<[option: EngineChoice | undefined, environment: string, expected: EngineChoice]>([
    [undefined, "", "auto"],
    [undefined, "portable", "portable"],
    [undefined, "fast", "fast"],
    [undefined, "auto", "auto"],
    ["auto", "portable", "portable"],
    ["portable", "fast", "portable"],
    ["portable", "nonsense", "portable"],
  ])("option %s and NAGARE_ENGINE=%s: %s", (option, environment, expected) => {
    vi.stubEnv("NAGARE_ENGINE", environment);
    expect(engineChoice(option)).toBe(expected);
  });

  test("an unknown engine is an error that lists the engines", async () => {
    const message = 'NAGARE_ENGINE=turbo is not an engine: give "auto", "portable" or "fast"';
    vi.stubEnv("NAGARE_ENGINE", "turbo");
    expect(() => engineChoice()).toThrow(new EngineError(message));
    await expect(chooseEngine()).rejects.toThrow(EngineError);
    expect(() => engineChoice("slow" as EngineChoice)).toThrow('engine: "slow" is not an engine');
  });

  test("the portable engine can always be had", async () => {
    const engine = await chooseEngine("portable");
    expect([engine.name, engine.udp.name, engine.crypto.name]).toEqual(["portable", "portable", "portable"]);
    expect(engine.pageCache).toBe(noPageCache);
    expect(describeEngine(engine)).toBe("portable engine, as demanded: node:dgram and node:crypto");
  });

  hasFast("the fast engine is chosen where it works", async () => {
    vi.stubEnv("NAGARE_ENGINE", "auto");
    vi.stubEnv("NAGARE_CRYPTO", undefined);
    const engine = (await loadFast()) as Engine;
    expect([engine.name, engine.udp.name, engine.crypto.name]).toEqual(["fast", "fast", "openssl"]);
    expect(describeEngine(engine)).toBe(
      `fast engine: UDP with GSO, GRO, ECN, DF, pktinfo, packets protected by openssl (koffi ${koffi!.version})`,
    );
  });
});

describe("koffi", () => {
  const failing = (message: string, code?: string) => async (): Promise<unknown> => {
    throw Object.assign(new Error(message), code === undefined ? {} : { code });
  };
  const install = "npm install koffi";
  const permission = "node --permission needs --allow-addons, and read access to node_modules";

  test.skipIf(process.platform !== "linux").each([
    [
      "is not installed",
      failing("Cannot find package 'koffi' imported from /app/a.js", "ERR_MODULE_NOT_FOUND"),
      { reason: "koffi is not installed", advice: install, isUnexpected: false },
    ],
    [
      "has no library",
      failing("Cannot find the native Koffi module; did you bundle it correctly?"),
      {
        reason: "koffi cannot be loaded: Cannot find the native Koffi module; did you bundle it correctly?",
        advice: install,
        isUnexpected: true,
      },
    ],
    [
      "has a library for another libc",
      failing("libc.musl-x86_64.so.1: cannot open shared object file\nand more", "ERR_DLOPEN_FAILED"),
      {
        reason: "koffi cannot be loaded: libc.musl-x86_64.so.1: cannot open shared object file",
        advice: install,
        isUnexpected: true,
      },
    ],
    [
      "is forbidden",
      failing("Cannot load native addon because loading addons is disabled.", "ERR_DLOPEN_DISABLED"),
      { reason: "Node's permission model forbids native code", advice: permission, isUnexpected: true },
    ],
    [
      "is unreadable",
      failing("Access to this API has been restricted", "ERR_ACCESS_DENIED"),
      { reason: "Node's permission model forbids native code", advice: permission, isUnexpected: true },
    ],
    [
      "is too old",
      async () => ({ version: "2.9.0", node: {} }),
      { reason: "koffi 2.9.0 is too old", advice: install, isUnexpected: true },
    ],
  ])("that %s is a reason, not an exception", async (_name, load, expected) => {
    expect(await loadKoffi(load)).toEqual(expected);
    expect(await loadFast(load)).toEqual(expected);
  });

  test.skipIf(process.platform !== "linux").each([
    ["worker threads", "node:worker_threads", { isMainThread: false }, "the fast engine works in the main thread only"],
    [
      "workers of a cluster",
      "node:cluster",
      { default: { isWorker: true } },
      "the fast engine does not share ports with the other workers of a cluster",
    ],
  ])("is not loaded in %s", async (_name, module, exports, reason) => {
    vi.doMock(module, async (original) => ({ ...(await original<object>()), ...exports }));
    vi.resetModules();
    try {
      const load = vi.fn();
      const result = await (await import("./koffi.ts")).loadKoffi(load);
      expect(result).toEqual({ reason, advice: undefined, isUnexpected: false });
      expect(load).not.toHaveBeenCalled();
    } finally {
      vi.doUnmock(module);
    }
  });

  hasFast("that works, but not on this machine, is a reason as well", async () => {
    const EPERM = 1;
    const forbidden = intercepted(koffi as ForeignFunctions, { socket: () => EPERM });
    expect(await loadFast(async () => forbidden)).toEqual({
      reason: "a probe of this machine failed: socket EPERM",
      advice: "a sandbox such as seccomp may forbid it",
      isUnexpected: true,
    });
  });

  /** Foreign functions without those of this prefix. */
  const without = (prefix: string): ForeignFunctions => {
    const real = koffi as ForeignFunctions;
    return {
      ...real,
      load: (path) => {
        const library = real.load(path);
        return {
          func: (name, ...rest) => {
            if (name.startsWith(prefix)) throw new Error(`Cannot find symbol '${name}' in shared library`);
            return library.func(name, ...rest);
          },
        };
      },
    };
  };

  hasFast("without OpenSSL's functions in the node binary still gives fast sockets", async () => {
    vi.stubEnv("NAGARE_CRYPTO", undefined);
    const engine = (await loadFast(async () => without("EVP_"))) as Engine;
    expect([engine.udp.name, engine.crypto.name]).toEqual(["fast", "portable"]);
    expect(engine.cryptoProblem).toBe("Cannot find symbol 'EVP_CIPHER_fetch' in shared library");
    expect(describeEngine(engine)).toContain("packets protected by portable");
  });

  hasFast("with an older C library, without preadv2, still gives fast sockets", async () => {
    const engine = (await loadFast(async () => without("preadv2"))) as Engine;
    expect(engine.udp.name).toBe("fast");
    expect(engine.pageCache).toBe(noPageCache);
  });
});

describe("NAGARE_CALL_LIST", () => {
  test.each<[wanted: string | undefined, expected: boolean]>([
    [undefined, hasCallList],
    ["", hasCallList],
    ["1", hasCallList],
    ["0", false],
  ])("%s: %s", (wanted, expected) => {
    vi.stubEnv("NAGARE_CALL_LIST", wanted);
    expect(wantsCallList()).toBe(expected);
  });

  test("any other value is an error", async () => {
    vi.stubEnv("NAGARE_CALL_LIST", "yes");
    vi.stubEnv("NAGARE_CRYPTO", undefined);
    const error = new EngineError("NAGARE_CALL_LIST=yes: give 0 or 1");
    expect(wantsCallList).toThrow(error);
    if (koffi !== undefined) await expect(loadFast()).rejects.toThrow(error);
  });

  hasFast("decides how the fast engine and the openssl engine protect packets", async () => {
    for (const [wanted, detail] of [
      ["0", "call by call"],
      ["1", hasCallList ? "a batch in one call" : "call by call"],
    ] as const) {
      vi.stubEnv("NAGARE_CALL_LIST", wanted);
      vi.stubEnv("NAGARE_CRYPTO", undefined);
      expect(((await loadFast()) as Engine).crypto.detail).toBe(detail);
      expect((await loadCrypto("openssl")).detail).toBe(detail);
    }
  });

  hasFast("that cannot be had still gives the fast engine", async () => {
    vi.stubEnv("NAGARE_CALL_LIST", "1");
    vi.stubEnv("NAGARE_CRYPTO", undefined);
    const EACCES = 13;
    const refusing = intercepted(koffi as ForeignFunctions, { mprotect: () => EACCES });
    const { crypto } = (await loadFast(async () => refusing)) as Engine;
    expect([crypto.name, crypto.detail?.startsWith("call by call")]).toEqual(["openssl", true]);
  });
});

describe("NAGARE_CRYPTO", () => {
  test.each(["portable", "pure", ...(koffi === undefined ? [] : ["openssl"])])(
    "%s selects that engine",
    async (name) => {
      vi.stubEnv("NAGARE_CRYPTO", name);
      expect((await chooseEngine("portable")).crypto.name).toBe(name);
      if (koffi !== undefined) expect(((await loadFast()) as Engine).crypto.name).toBe(name);
      expect((await loadCrypto(name)).name).toBe(name);
    },
  );

  test("an unknown engine is an error, with every engine for UDP", async () => {
    vi.stubEnv("NAGARE_CRYPTO", "rot13");
    const message = 'NAGARE_CRYPTO=rot13: the engines are "portable", "openssl" and "pure"';
    await expect(chooseEngine("portable")).rejects.toThrow(new EngineError(message));
    if (koffi !== undefined) await expect(loadFast()).rejects.toThrow(new EngineError(message));
  });
});
