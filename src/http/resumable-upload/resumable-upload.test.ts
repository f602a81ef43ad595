/** Fields, profiles and states of resumable uploads. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runs } from "../../../test/properties/runs.ts";
import type { FieldLine } from "../field-section.ts";
import {
  byteCountField,
  decodeBase64,
  dispositionName,
  emitUploadLimit,
  flagField,
  interpretUploadRequest,
  metadataOf,
  parseTusMetadata,
  parseUploadLimit,
  profileOf,
  progressInterim,
  Reception,
  safeFileName,
  supportedInterim,
  type UploadIntent,
  UploadRefusal,
  wantedDigest,
} from "./index.ts";

const one = (value: string): FieldLine[] => [["f", value]];

describe("fields", () => {
  test.each([
    ["4", 4],
    ["4;a=b", 4],
    [" 999999999999999 ", 999_999_999_999_999],
    ["-1", undefined],
    ["4.0", undefined],
    ["4, 5", undefined],
    ["?1", undefined],
    ["1000000000000000", undefined],
    ["", undefined],
  ])("an offset of %j is %s", (value, expected) => expect(byteCountField(one(value), "f")).toBe(expected));

  test.each([
    ["?1", true],
    ["?0;x", false],
    ["1", undefined],
    ["?2", undefined],
    ["true", undefined],
  ])("a flag of %j is %s", (value, expected) => expect(flagField(one(value), "f")).toBe(expected));

  test("Upload-Limit: unknown members are ignored, known ones of another type spoil the field", () => {
    const limit = (value: string) => parseUploadLimit([["upload-limit", value]]);
    expect(limit("max-size=9, colour=red, expires=60")).toEqual({ maxSize: 9, maxAge: 60 });
    expect(limit("max-size=9, min-size=?1")).toBeUndefined();
    expect(limit("max-size=-1")).toBeUndefined();
    expect(emitUploadLimit({}, "max-age")).toBe("min-size=0");
    expect(emitUploadLimit({ maxSize: 5, maxAge: 1.5 }, "expires")).toBe("max-size=5, expires=1");
  });

  test("digests that a client wants, by its preference", () => {
    const wanted = (value: string) => wantedDigest([["want-repr-digest", value]]);
    expect(wanted("sha-256=1, sha-512=3")).toBe("sha-512");
    expect(wanted("sha-256=0, md5=9")).toBeUndefined();
  });

  test("Upload-Metadata of tus 1.0", () => {
    expect(parseTusMetadata("filename d29ybGQ= more")).toBeUndefined();
    expect(parseTusMetadata("filename d29ybGQ=,empty ")).toEqual({ filename: "world", empty: "" });
    expect(parseTusMetadata("a d29ybGQ=,a d29ybGQ=")).toBeUndefined();
    expect(decodeBase64("d29ybGQ")).toBeDefined();
    expect(decodeBase64("d2:9y")).toBeUndefined();
  });

  test.each([
    ['attachment; filename="a \\"b\\".txt"', 'a "b".txt'],
    ["attachment; filename*=UTF-8''na%C3%AFve.txt; filename=\"naive.txt\"", "naïve.txt"],
    ["attachment; filename*=UTF-8''%E0%A4; filename=b.txt", "b.txt"],
    ["inline", undefined],
  ])("the name in %j is %j", (value, expected) => expect(dispositionName(value)).toBe(expected));

  test("the media type of the protocol is not that of the file", () => {
    const type = (value: string) => metadataOf([["content-type", value]]).type;
    expect([type("application/partial-upload"), type("application/offset+octet-stream"), type("image/png")]).toEqual([
      undefined,
      undefined,
      "image/png",
    ]);
  });

  test("file names are parts of paths, not hidden, and short", () => {
    expect(safeFileName("../..")).toBeUndefined();
    expect(safeFileName("C:\\Users\\me\\a.txt")).toBe("a.txt");
    expect(safeFileName("a\u0000b\u202Ec.txt")).toBe("a_b_c.txt");
    expect(safeFileName(`${"é".repeat(300)}.jpeg`)).toMatch(/^é{97}\.jpeg$/);
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (name) => {
        const safe = safeFileName(name);
        if (safe === undefined) return;
        expect(safe).not.toMatch(/[/\\\p{Cc}]|^\.|^\s*$/u);
        expect(new TextEncoder().encode(safe).length).toBeLessThanOrEqual(200);
      }),
      { numRuns: runs(100) },
    );
  });
});

describe("requests", () => {
  const intent = (method: string, fields: FieldLine[], isUpload = false, hasContent = true): UploadIntent =>
    interpretUploadRequest({ method, fields, isUpload, hasContent });
  const version = (value: string): FieldLine => ["upload-draft-interop-version", value];

  test.each<[string, string, FieldLine[], boolean, string, unknown]>([
    ["no fields: a plain upload", "POST", [], false, "create", { isResumable: false, informs: false }],
    [
      "a version of the future: the newest, without 104",
      "POST",
      [version("99"), ["upload-complete", "?0"]],
      false,
      "create",
      { informs: false, completes: false },
    ],
    [
      "no version: the same",
      "POST",
      [["upload-complete", "?0"]],
      false,
      "create",
      { informs: false, profile: profileOf(9) },
    ],
    [
      "version 3, the opposite flag",
      "POST",
      [version("3"), ["upload-incomplete", "?1"]],
      false,
      "create",
      { informs: true, completes: false },
    ],
    [
      "version 2: PATCH without an offset creates",
      "PATCH",
      [version("2"), ["upload-token", ":AAEC:"]],
      false,
      "create",
      { completes: true },
    ],
    [
      "version 2: an offset appends",
      "POST",
      [version("2"), ["upload-token", ":AAEC:"], ["upload-offset", "0"]],
      false,
      "append",
      { offset: 0 },
    ],
    [
      "version 1: offset 0 starts, and gets no 104",
      "POST",
      [version("1"), ["upload-token", ":AAEC:"], ["upload-offset", "0"]],
      false,
      "create",
      { informs: false },
    ],
    [
      "tus: the override",
      "POST",
      [
        ["tus-resumable", "1.0.0"],
        ["x-http-method-override", "DELETE"],
      ],
      true,
      "cancel",
      {},
    ],
    [
      "a length that follows from the end",
      "PATCH",
      [
        version("9"),
        ["upload-complete", "?1"],
        ["upload-offset", "3"],
        ["content-length", "4"],
        ["content-type", "application/partial-upload; v=1"],
      ],
      true,
      "append",
      { length: 7 },
    ],
  ])("%s", (_what, method, fields, isUpload, kind, members) => {
    expect(intent(method, fields, isUpload)).toMatchObject({ kind, ...(members as object) });
  });

  const names = [
    "upload-draft-interop-version",
    "upload-token",
    "upload-complete",
    "upload-incomplete",
    "upload-offset",
    "upload-length",
    "upload-limit",
    "upload-concat",
    "upload-metadata",
    "upload-checksum",
    "upload-defer-length",
    "tus-resumable",
    "content-length",
    "content-type",
    "content-disposition",
    "content-digest",
    "repr-digest",
  ];
  const value = fc.oneof(
    fc.constantFrom(
      "?0",
      "?1",
      "0",
      "4",
      "-4",
      "4.5",
      "1.0.0",
      ":AAEC:",
      "partial",
      "final;/a /b",
      "a YQ==",
      "sha1 AAAA",
      "application/partial-upload",
      "999999999999999",
      "sha-256=:AAEC:",
    ),
    fc.integer({ min: 0, max: 12 }).map(String),
    fc.string({ maxLength: 40 }),
  );
  test("any fields are understood, or refused with a status and a sentence", () => {
    const lines = fc.array(fc.tuple(fc.constantFrom(...names), value), { maxLength: 8 });
    const method = fc.constantFrom("POST", "PUT", "PATCH", "HEAD", "GET", "DELETE", "OPTIONS", "TRACE");
    fc.assert(
      fc.property(method, lines, fc.boolean(), fc.boolean(), (verb, fields, isUpload, hasContent) => {
        try {
          const { kind } = intent(verb, fields, isUpload, hasContent);
          expect(["create", "append", "retrieve", "cancel", "options"]).toContain(kind);
        } catch (error) {
          expect(error).toBeInstanceOf(UploadRefusal);
          expect((error as UploadRefusal).status).toBeGreaterThanOrEqual(400);
          expect((error as UploadRefusal).status).toBeLessThan(500);
        }
      }),
      { numRuns: runs(400) },
    );
  });
});

describe("reception", () => {
  const plan = { from: 10, completes: true, length: 20, maxEnd: 20, maxContent: 100, completesAtLength: false };

  test("cut off after its last byte, a whole upload is complete", () => {
    const reception = new Reception(plan);
    reception.take(9);
    expect(reception.cut()).toEqual({ kind: "interrupted" });
    reception.take(1);
    expect(reception.cut()).toEqual({ kind: "complete", length: 20 });
    expect(new Reception({ ...plan, from: 20, completes: false }).cut()).toEqual({ kind: "interrupted" });
  });

  test("an end before the length is an error, and more than the length too", () => {
    const reception = new Reception(plan);
    reception.take(9);
    expect(() => reception.end()).toThrow("two lengths");
    expect(() => reception.take(2)).toThrow("beyond");
    expect(reception.offset).toBe(19);
  });

  test("interim responses of each version", () => {
    const view = {
      record: { id: "x", profile: 9, method: "POST", state: "open", metadata: {}, createdAt: 0 },
      offset: 0,
      location: "/x",
      limits: { maxSize: 5 },
      expires: undefined,
    } as const;
    expect(supportedInterim(profileOf(2), view).fields).toEqual([["upload-draft-interop-version", "2"]]);
    expect(supportedInterim(profileOf(6), view).fields).toContainEqual(["upload-limit", "max-size=5"]);
    expect(progressInterim(profileOf(9), 7).fields).toEqual([
      ["upload-draft-interop-version", "9"],
      ["upload-offset", "7"],
    ]);
  });
});
