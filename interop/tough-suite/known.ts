/** Why tests of tough-cookie fail with a browser's rules: the rule, and Chromium 156's verdict as recorded in test/vectors/cookies. */

export const KNOWN: readonly { readonly why: string; readonly tests: readonly string[] }[] = [
  {
    why: "RFC 6265bis §5.6: a cookie without a name is stored (Chromium stores it; set.json pair/*)",
    tests: [
      ...["0004", "0021", "0023", "0024", "0025", "0026", "0027", "0028"].map((name) => `tests '${name}'`),
      "CHROMIUM0009",
      "CHROMIUM0010",
      "CHROMIUM0012",
      ...["12", "14", "15", "16", "17"].map((number) => `MOZILLA00${number}`),
      ...["23", "28", "31", "32", "33"].map((number) => `NAME00${number}`),
      "keyless cookie to be accepted when loose: false",
      "not default to loose: true when using map",
      "Cookie.parse(\"'x x'\")",
      "Cookie.parse(\"'=foo=bar'\")",
    ],
  },
  {
    why: "RFC 6265bis §5.6, step 1: a control character refuses the cookie (Chromium: DisallowedCharacter; set.json byte-*)",
    tests: ["DISABLED_CHROMIUM0022", "DISABLED_CHROMIUM0023", "should fix issue #144"],
  },
  {
    why: "RFC 6265bis §5.1.4: paths are compared as they are, without percent-decoding (Chromium too)",
    tests: ["DISABLED_PATH0029"],
  },
  {
    why: "RFC 6265bis §5.6.3: a last, empty Domain makes the cookie one of the host; Chromium refuses Domain=. (set.json domain/*)",
    tests: ["OPTIONAL_DOMAIN0042", "Cookie.parse(\"'a=b; domain=.'\")"],
  },
  {
    why: "Chromium's dates: nothing may follow a number, times may have more digits, years any number up to 99999 (set.json expires/*)",
    tests: ["Dates parsing", "Dates regexp", "Dates RFC6265 edge cases", "Aug-31841"],
  },
  {
    why: "RFC 6265bis §5.7, step 9: a Domain that is a public suffix and the host makes the cookie one of the host (Chromium too; set.json domain/co.uk)",
    tests: ["domain is set to a public suffix", "should reject special domain cookies if allowSpecialUseDomain"],
  },
  {
    why: "RFC 6265bis §5.8.3: without SameSite a cookie is not sent or set across sites, and None needs Secure (Chromium: SameSiteUnspecifiedTreatedAsLax, SameSiteNoneInsecure)",
    tests: ['only the "none" cookie when making a cross-origin', "from a cross-origin context should treat"],
  },
  {
    why: "Chromium: a changed value is a new cookie, and moves behind its equals",
    tests: ["preserve the creation index during update with setCookie"],
  },
  {
    why: "WHATWG URL: a host whose last label is a number is an IPv4 address, or invalid; such hosts cannot occur",
    tests: ["IP address rejection domainMatch(100.192", "IP address rejection domainMatch(:"],
  },
  { why: "reads the private index of tough-cookie's store", tests: ["remove the cookies using a batch operation"] },
];

export const causeOf = (test: string): string | undefined =>
  KNOWN.find(({ tests }) => tests.some((name) => test.includes(name)))?.why;
