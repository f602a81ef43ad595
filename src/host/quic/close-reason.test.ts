/** Descriptions of closed connections and failures contain no control characters from the peer. */

import { expect, test } from "vitest";
import { CliError, reportFailure } from "../../cli/fail.ts";
import { ClientError } from "../client/errors.ts";
import { describeFault } from "../guard.ts";
import { describeClose } from "./close-reason.ts";

const EVIL = "\x1b]0;owned\x07\r\n\x9b2J";
const SHOWN = "\\x1b]0;owned\\x07\\x0d\\x0a\\x9b2J";

test("a peer's close phrase is escaped", () => {
  const reason = { type: "peer", layer: "application", code: 0x100, phrase: EVIL } as const;
  expect(describeClose(reason)).toBe(`the peer closed the connection with H3_NO_ERROR: ${SHOWN}`);
});

test("messages of failed requests and faults are escaped", () => {
  expect(new ClientError("CONNECTION_LOST", EVIL).message).toBe(SHOWN);
  expect(describeFault({ entry: "udp error", error: new Error("\x1b[2J") })).toContain("Error: \\x1b[2J");
});

test("errors and hints printed by commands are escaped", () => {
  let stderr = "";
  const io = { stderr: { write: (text: string) => (stderr += text) }, env: {} } as never;
  reportFailure(new CliError("X", "\x1b[2J", { hint: "\x9bm" }), io);
  expect(stderr).toBe("nagare: \\x1b[2J; \\x9bm\n");
});
