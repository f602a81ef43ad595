// test/vectors/isolation: what Chromium made of each case (`npm run oracle -- isolation` asks it again).
import { describe, expect, test } from "vitest";
import allowlistVectors from "../../../test/vectors/isolation/allowlists.json" with { type: "json" };
import frameVectors from "../../../test/vectors/isolation/frames.json" with { type: "json" };
import headerVectors from "../../../test/vectors/isolation/headers.json" with { type: "json" };
import pageVectors from "../../../test/vectors/isolation/pages.json" with { type: "json" };
import popupVectors from "../../../test/vectors/isolation/popups.json" with { type: "json" };
import reportVectors from "../../../test/vectors/isolation/reports.json" with { type: "json" };
import resourceVectors from "../../../test/vectors/isolation/resources.json" with { type: "json" };
import workerVectors from "../../../test/vectors/isolation/workers.json" with { type: "json" };
import { differences, ISOLATION_JUDGES } from "../../lab/policies/isolation.ts";

describe(`Chromium ${headerVectors.chromium}`, () => {
  test.each<[string, { readonly cases: readonly unknown[] }, number]>([
    ["headers", headerVectors, 130],
    ["pages", pageVectors, 110],
    ["resources", resourceVectors, 1_700],
    ["frames", frameVectors, 1_100],
    ["workers", workerVectors, 150],
    ["popups", popupVectors, 600],
    ["allowlists", allowlistVectors, 500],
    ["reports", reportVectors, 200],
  ])("%s", (name, { cases }, least) => {
    const wrong = differences(cases, ISOLATION_JUDGES[name] as (vector: { id: string }) => object);
    expect(wrong.map((each) => JSON.stringify(each))).toEqual([]);
    expect(cases.length).toBeGreaterThan(least);
  });
});
