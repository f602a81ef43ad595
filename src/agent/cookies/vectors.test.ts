// test/vectors/cookies: what Chromium made of each case (`npm run oracle -- cookies` asks it again).
import { domainToASCII } from "node:url";
import { describe, expect, test } from "vitest";
import agedVectors from "../../../test/vectors/cookies/aged-situations.json" with { type: "json" };
import clearVectors from "../../../test/vectors/cookies/clear.json" with { type: "json" };
import differences from "../../../test/vectors/cookies/rfc6265bis.json" with { type: "json" };
import setVectors from "../../../test/vectors/cookies/set.json" with { type: "json" };
import situationVectors from "../../../test/vectors/cookies/situations.json" with { type: "json" };
import {
  type ClearVector,
  jarOfSituations,
  judgeClear,
  judgeSet,
  judgeSituation,
  NOW,
  type SetVector,
  type SituationVector,
} from "../../lab/policies/cookies.ts";

describe(`Chromium ${setVectors.chromium}`, () => {
  const cases = setVectors.cases as unknown as readonly SetVector[];

  test(`${cases.length} Set-Cookie lines`, () => {
    const wrong = cases.flatMap((each) => {
      const { reasons, jar, sent } = judgeSet(each, domainToASCII);
      const ours = { reasons: [...reasons].sort(), jar, sent };
      const theirs = { reasons: [...each.reasons].sort(), jar: each.jar, sent: each.sent };
      return JSON.stringify(ours) === JSON.stringify(theirs) ? [] : [{ id: each.id, line: each.line, ours, theirs }];
    });
    expect(wrong).toEqual([]);
    expect(cases.length).toBeGreaterThan(1_000);
  });

  test("differs from RFC 6265bis in the listed lines, and nowhere else", () => {
    const different = cases.filter((each) => {
      const [bis, chromium] = (["rfc6265bis", "chromium"] as const).map((profile) =>
        judgeSet(each, domainToASCII, profile),
      );
      return JSON.stringify(bis) !== JSON.stringify(chromium);
    });
    const listed = differences.flatMap(({ cases }) => cases);
    expect(different.map(({ id }) => id)).toEqual(expect.arrayContaining(listed));
    expect(listed).toEqual(expect.arrayContaining(different.map(({ id }) => id)));
  });

  test(`${clearVectors.cases.length} responses with Clear-Site-Data`, () => {
    const all = clearVectors.cases as readonly ClearVector[];
    expect(all.map((each) => [each.id, judgeClear(each)])).toEqual(all.map(({ id, left }) => [id, left]));
    expect(all.length).toBeGreaterThan(30);
  });

  test.each([
    ["younger", situationVectors.cases as unknown as readonly SituationVector[], NOW + 60_000, 400],
    ["older", agedVectors.cases as unknown as readonly SituationVector[], NOW + 126_000, 200],
  ] as const)("requests with cookies %s than two minutes", (age, all, now, least) => {
    const store = jarOfSituations();
    const wrong = all.flatMap((vector) => {
      const { sent, withheld, stored, refused } = vector;
      const ours = judgeSituation(store, vector, now) as Record<string, unknown>;
      // Aged cookies were asked with responses that set none.
      const theirs = { sent, withheld, ...(age === "younger" && { stored, refused }) };
      if (age === "older") for (const name of ["stored", "refused"]) delete ours[name];
      return JSON.stringify(ours) === JSON.stringify(theirs) ? [] : [{ id: vector.id, ours, theirs }];
    });
    expect(wrong).toEqual([]);
    expect(all.length).toBeGreaterThan(least);
  });
});
