import { describe, expect, test } from "vitest";
import { meanRate, parseRateTrace, TraceTransmitter } from "./rate-trace.ts";

describe("parsing", () => {
  test("takes a time per line, repeated for several opportunities", () => {
    expect(parseRateTrace("1\n1\n3\r\n\n10\n")).toEqual({ opportunities: [1, 1, 3, 10] });
    expect(meanRate(parseRateTrace("1\n1\n3\n10\n"))).toBe((4 * 1500 * 8) / 0.01);
  });

  test.each([
    ["", /has no opportunities/],
    ["0\n0\n", /has no duration/],
    ["5\n3\n", /line 2 of the rate trace goes back from 5 to 3 ms/],
    ["1\n2.5\n", /line 2 of the rate trace is "2\.5"/],
    ["-1\n", /line 1/],
  ])("refuses %j", (text, message) => {
    expect(() => parseRateTrace(text)).toThrow(message);
  });
});

describe("transmission", () => {
  const transmitter = (...opportunities: number[]) => new TraceTransmitter({ opportunities });
  /** Items of these sizes that wait from the start, one behind another. */
  const queueOf = (line: TraceTransmitter, start: number, ...sizes: number[]) => {
    let at = start;
    return sizes.map((size) => {
      at = line.transmit(size, at);
      return at / 1000;
    });
  };

  test("delivers 1500 bytes per opportunity, and repeats", () => {
    expect(queueOf(transmitter(1, 4, 5), 0, 1500, 1500, 1500, 1500, 1500)).toEqual([1, 4, 5, 6, 9]);
  });

  test("small items share an opportunity, large ones need several", () => {
    expect(queueOf(transmitter(1, 2, 3), 0, 500, 1000, 1600, 1400, 1)).toEqual([1, 1, 3, 3, 4]);
  });

  test("opportunities that pass unused are lost, also the rest of one", () => {
    const line = transmitter(1, 2, 2, 10);
    expect(queueOf(line, 0, 100)).toEqual([1]);
    expect(queueOf(line, 1001, 1500)).toEqual([2]);
    expect(queueOf(line, 2000, 1500)).toEqual([2]);
    // Laps later, and at the very end of one.
    expect(queueOf(line, 35_500, 1500)).toEqual([40]);
    expect(queueOf(line, 70_000, 1500, 1500)).toEqual([70, 71]);
  });
});
