/** Peer text on terminals and in logs. */

import { expect, test } from "vitest";
import { printable } from "./printable.ts";

test("control characters are escaped, and nothing else is changed", () => {
  expect(printable("\x1b[31mred\r\nnext\0\x7f\x9b2J")).toBe("\\x1b[31mred\\x0d\\x0anext\\x00\\x7f\\x9b2J");
  expect(printable("\u202egpj.exe\u2066\u2028")).toBe("\\u202egpj.exe\\u2066\\u2028");
  const plain = 'a tab\tand "quotes", café, 流れ, \\x1b as text';
  expect(printable(plain)).toBe(plain);
});
