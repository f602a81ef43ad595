import { expect, test } from "vitest";
import { millis, seconds } from "../../base/time.ts";
import { checkServerOptions, handshakeLimit } from "./quic-options.ts";

test.each([
  [1_500, millis(1_500)],
  [0, seconds(86_400)],
  [Number.POSITIVE_INFINITY, seconds(86_400)],
])("a handshake limit of %d ms", (given, limit) => {
  expect(handshakeLimit(given)).toBe(limit);
});

test.each([-1, Number.NaN, "10 s" as unknown as number])("a handshake limit of %s is refused", (handshakeTimeout) => {
  expect(() => checkServerOptions({ handshakeTimeout })).toThrow(
    expect.objectContaining({ code: "OPTION_INVALID", message: expect.stringMatching(/^quic\.handshakeTimeout is /) }),
  );
});
