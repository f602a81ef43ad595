/** The real foreign functions, with system calls that a test can watch or let fail. */

import type { ForeignFunctions } from "../foreign.ts";

/** Called before each call of that name. Returns an error number to let it fail, undefined to let it happen. */
export type Interceptor = (...values: number[]) => number | undefined;

export function intercepted(ffi: ForeignFunctions, calls: Readonly<Record<string, Interceptor>>): ForeignFunctions {
  let injected: number | undefined;
  return {
    version: ffi.version,
    node: ffi.node,
    address: ffi.address,
    proto: ffi.proto,
    decode: ffi.decode,
    errno: () => injected ?? ffi.errno(),
    load: (path) => {
      const library = ffi.load(path);
      return {
        func: (name, result, parameters) => {
          const real = library.func(name, result, parameters);
          return (...values) => {
            injected = calls[name]?.(...values);
            return injected === undefined ? real(...values) : -1;
          };
        },
      };
    },
  };
}
