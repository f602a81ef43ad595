import { expect, test } from "vitest";
import { millis, seconds } from "../../base/time.ts";
import { checkServerOptions, handshakeLimit, idleLimit } from "./quic-options.ts";

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

test.each([
  [45_000, seconds(45)],
  // RFC 9000 §18.2: an idle timeout of zero is none.
  [0, 0],
  [Number.POSITIVE_INFINITY, 0],
])("an idle limit of %d ms", (given, limit) => {
  expect(idleLimit(given)).toBe(limit);
});

test.each([-1, Number.NaN, "10 s" as unknown as number])("an idle limit of %s is refused", (idleTimeout) => {
  expect(() => checkServerOptions({ idleTimeout })).toThrow(
    expect.objectContaining({ code: "OPTION_INVALID", message: expect.stringMatching(/^quic\.idleTimeout is /) }),
  );
});
