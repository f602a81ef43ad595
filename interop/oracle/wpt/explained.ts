/** Why our rules answer otherwise than some tests expect. */

interface Explanation {
  readonly path: RegExp;
  readonly name: RegExp;
  readonly why: string;
}

const TAB = "Chromium refuses a tab inside names, values and attributes, which these tests of RFC 6265bis accept";

const EXPLANATIONS: readonly Explanation[] = [
  { path: /-ctl(?:\.sub)?\.html$/, name: /%x9\b/, why: TAB },
  {
    path: /name\/name\.html$/,
    name: /^Set a nameless cookie \(that has .*=/,
    why: "Chromium drops a cookie without a name whose value contains an equals sign, because it would be sent like one with a name",
  },
  {
    path: /domain-child/,
    name: /domain mismatch as first domain attribute and second a bare attribute/,
    why: "RFC 6265bis §5.6.3: the last Domain counts, and an empty one is none, so that the cookie is the host's; Chromium does the same",
  },
  {
    path: /value\/value\.html$/,
    name: /after LF/,
    why: "HTTP ends the line at a line feed, so that no jar sees it; ours, given the whole text, refuses it",
  },
];

export const explanationOf = (path: string, name: string): string | undefined =>
  EXPLANATIONS.find((each) => each.path.test(path) && each.name.test(name))?.why;
