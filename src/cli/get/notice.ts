// What a response says about the end of its resource, as a line on standard error.
import type { ResourceNotice } from "../../client/index.ts";

export function noticeText(notice: ResourceNotice, now = Date.now()): string {
  const { url, deprecation, deprecationLink, sunset, sunsetLink, successor, problems } = notice;
  const parts: string[] = [];
  if (deprecation !== undefined) {
    parts.push(`is deprecated ${deprecation > now ? "from" : "since"} ${dayOf(deprecation)}${linked(deprecationLink)}`);
    // RFC 9745 §3: a policy may be announced before there is a date.
  } else if (deprecationLink !== undefined) parts.push(`has a policy about its deprecation${linked(deprecationLink)}`);
  // RFC 8594 §3: a hint. Nothing is promised before, or certain after.
  if (sunset !== undefined) {
    parts.push(`${sunset > now ? "is" : "was"} expected to end on ${dayOf(sunset)}${linked(sunsetLink)}`);
  } else if (sunsetLink !== undefined) parts.push(`has a policy about its end${linked(sunsetLink)}`);
  if (successor !== undefined) parts.push(`is replaced by ${successor}`);
  return `nagare: ${url} ${[...parts, ...problems].join("; ")}`;
}

const dayOf = (time: number): string => new Date(time).toISOString().slice(0, 10);
const linked = (link: string | undefined): string => (link === undefined ? "" : ` (${link})`);
