import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ProtocolError } from "../../base/errors.ts";
import { EncryptionLevel } from "../../tls/handshake.ts";
import { Reader } from "../../wire/reader.ts";
import { TRANSPORT_ERRORS } from "../errors.ts";
import type { Frame } from "./frames.ts";
import { FRAMES, frameNumber, frameRow, isAckEliciting, isLegalAt, parseFrame } from "./index.ts";

/** Table 3 of RFC 9000, copied again from the RFC: number, name, packets, rules. The table under test must match it. */
const TABLE_3 = `
  00 PADDING              IH01 NP
  01 PING                 IH01
  02 ACK                  IH_1 NC
  03 ACK                  IH_1 NC
  04 RESET_STREAM         __01
  05 STOP_SENDING         __01
  06 CRYPTO               IH_1
  07 NEW_TOKEN            ___1
  08 STREAM               __01 F
  09 STREAM               __01 F
  0a STREAM               __01 F
  0b STREAM               __01 F
  0c STREAM               __01 F
  0d STREAM               __01 F
  0e STREAM               __01 F
  0f STREAM               __01 F
  10 MAX_DATA             __01
  11 MAX_STREAM_DATA      __01
  12 MAX_STREAMS          __01
  13 MAX_STREAMS          __01
  14 DATA_BLOCKED         __01
  15 STREAM_DATA_BLOCKED  __01
  16 STREAMS_BLOCKED      __01
  17 STREAMS_BLOCKED      __01
  18 NEW_CONNECTION_ID    __01 P
  19 RETIRE_CONNECTION_ID __01
  1a PATH_CHALLENGE       __01 P
  1b PATH_RESPONSE        ___1 P
  1c CONNECTION_CLOSE     IH01 N
  1d CONNECTION_CLOSE     __01 N
  1e HANDSHAKE_DONE       ___1
`;

const rows = TABLE_3.trim()
  .split("\n")
  .map((line) => line.trim().split(/\s+/))
  .map(([number, name, packets, rules]) => ({
    number: Number.parseInt(number!, 16),
    name: name!,
    packets: packets!,
    rules: rules ?? "",
  }));

/** The error code thrown for a frame that consists of these bytes only; undefined if it is parsed. */
function refusal(bytes: readonly number[], level: EncryptionLevel): number | undefined {
  try {
    parseFrame(new Reader(Uint8Array.from(bytes)), level);
    return undefined;
  } catch (error) {
    if (error instanceof ProtocolError) return error.code;
    throw error;
  }
}

describe("the frame table", () => {
  it.each(rows)("$name matches Table 3 of RFC 9000", ({ number, name, packets, rules }) => {
    expect(frameRow(number)).toMatchObject({ name, packets, rules });
  });

  it("has those of extensions, and no other numbers and no duplicates", () => {
    const numbers = FRAMES.flatMap((row) => Array.from({ length: row.last - row.first + 1 }, (_, i) => row.first + i));
    expect(numbers).toEqual([...rows.map((row) => row.number), 0x24, 0x1f, 0xaf, 0x30, 0x31]);
  });

  it("matches README.md", () => {
    const readme = readFileSync(new URL("./README.md", import.meta.url), "utf8");
    const lines = readme.split("\n").filter((line) => line.startsWith("| 0x"));
    const cells = lines.map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
    const hex = (number: number) => `0x${number.toString(16).padStart(2, "0")}`;
    const expected = FRAMES.map(({ first, last, name, packets, rules }) => {
      return [first === last ? hex(first) : `${hex(first)}-${hex(last)}`, name, `\`${packets}\``, rules];
    });
    expect(cells).toEqual(expected);
  });

  it("maps names to numbers, for the Frame Type of CONNECTION_CLOSE", () => {
    expect(frameNumber("STREAM")).toBe(0x08);
    expect(frameNumber("CONNECTION_CLOSE")).toBe(0x1c);
    expect(frameNumber("frame")).toBeUndefined();
  });

  it("only PADDING, ACK and CONNECTION_CLOSE are not ack-eliciting (RFC 9000 §13.2)", () => {
    const quiet = FRAMES.filter((row) => !isAckEliciting(row as { type: Frame["type"] })).map((row) => row.type);
    expect(new Set(quiet)).toEqual(new Set(["padding", "ack", "connection-close"]));
  });

  const columns = [
    [EncryptionLevel.initial, "I"],
    [EncryptionLevel.handshake, "H"],
    [EncryptionLevel.oneRtt, "1"],
  ] as const;
  it.each(columns)(
    "frames illegal at level %i are a PROTOCOL_VIOLATION before their fields are parsed",
    (level, column) => {
      for (const { number, packets } of rows) {
        const legal = packets.includes(column);
        expect(isLegalAt(number, level)).toBe(legal);
        // A type without its fields: if the type is legal, only the fields can be wrong.
        const code = refusal([number], level);
        if (legal) expect(code).not.toBe(TRANSPORT_ERRORS.PROTOCOL_VIOLATION.code);
        else expect(code).toBe(TRANSPORT_ERRORS.PROTOCOL_VIOLATION.code);
      }
    },
  );

  it("unknown types are FRAME_ENCODING_ERRORs, overlong ones PROTOCOL_VIOLATIONs (RFC 9000 §12.4)", () => {
    const { FRAME_ENCODING_ERROR, PROTOCOL_VIOLATION } = TRANSPORT_ERRORS;
    for (let number = 0x20; number < 0x40; number += 1) {
      if (frameRow(number) !== undefined) continue;
      expect(refusal([number], EncryptionLevel.oneRtt)).toBe(FRAME_ENCODING_ERROR.code);
    }
    expect(refusal([0x40, 0x40], EncryptionLevel.oneRtt)).toBe(FRAME_ENCODING_ERROR.code);
    expect(refusal([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], EncryptionLevel.oneRtt)).toBe(
      FRAME_ENCODING_ERROR.code,
    );
    expect(refusal([0x40, 0x01], EncryptionLevel.oneRtt)).toBe(PROTOCOL_VIOLATION.code);
    expect(refusal([0x80, 0x00, 0x00, 0x01], EncryptionLevel.oneRtt)).toBe(PROTOCOL_VIOLATION.code);
    expect(refusal([0xc0, 0, 0, 0, 0, 0, 0x40, 0], EncryptionLevel.oneRtt)).toBe(PROTOCOL_VIOLATION.code);
    expect(refusal([0x40], EncryptionLevel.oneRtt)).toBe(FRAME_ENCODING_ERROR.code);
    expect(refusal([], EncryptionLevel.oneRtt)).toBe(FRAME_ENCODING_ERROR.code);
  });
});
