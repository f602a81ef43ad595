/** A location as geofeeds (RFC 8805 §2.1.1) and Sec-CH-IP-Geo write it: country, region, city. */

/** Where addresses are used. Empty texts are unknown; a feed says "no location" with all of them empty. */
export interface GeoLocation {
  /** ISO 3166-1 alpha-2, in upper case. */
  readonly country: string;
  /** ISO 3166-2, in upper case, such as "US-AL". */
  readonly region: string;
  /** Any text without a comma. */
  readonly city: string;
}

export const NOWHERE: GeoLocation = { country: "", region: "", city: "" };

const COUNTRY = /^[A-Z]{2}$/;
/** ISO 3166-2: the country, and up to three letters or digits. */
const REGION = /^[A-Z]{2}-[A-Z0-9]{1,3}$/;

/** ISO 3166-1, without user-assigned codes. */
const ASSIGNED = new Set(
  (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK " +
    "CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS " +
    "GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV " +
    "LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM " +
    "PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR " +
    "TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW"
  ).split(" "),
);

/** What is wrong with a location: "country" and "region" are syntax, "country of the region" a contradiction. */
export type LocationProblem = "country" | "region" | "country of the region" | "city";

/** Checks three fields. Letters may have any case (RFC 8805 §2.1.1.2, §2.1.1.3). `problems` receives what is wrong. */
export function locationOf(country: string, region: string, city: string, problems?: LocationProblem[]): GeoLocation {
  const location = { country: country.toUpperCase(), region: region.toUpperCase(), city };
  if (location.country !== "" && !COUNTRY.test(location.country)) problems?.push("country");
  if (location.region !== "") {
    if (!REGION.test(location.region)) problems?.push("region");
    else if (location.country !== "" && !location.region.startsWith(`${location.country}-`))
      problems?.push("country of the region");
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for.
  if (/[\x00-\x1f\x7f,]/.test(city)) problems?.push("city");
  // RFC 8805 §2.1.1.2: "ZZ" is the old way to say that there is no location.
  return location.country === "ZZ" ? NOWHERE : location;
}

/** True for a country that ISO 3166-1 does not list: reserved, user-assigned or mistaken. */
export const isUnassigned = ({ country }: GeoLocation): boolean => country !== "" && !ASSIGNED.has(country);

/** True if there is no location. */
export const isNowhere = ({ country, region, city }: GeoLocation): boolean =>
  country === "" && region === "" && city === "";

/** `US,US-AL,Alabaster`, without empty fields at its end. */
export const locationText = ({ country, region, city }: GeoLocation): string =>
  [country, region, city].join(",").replace(/,+$/, "");
