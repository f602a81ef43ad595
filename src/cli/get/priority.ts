// The value of --priority (RFC 9218 §4).
import { InvalidArgumentError } from "commander";
import { emitPriority, parsePriority } from "../../http/priority/index.ts";

/** Servers ignore what they cannot read, so a mistake is reported here. */
export function priorityOption(value: string): string {
  const members = parsePriority(value);
  const hasUnread = members !== undefined && /(?:^|,)\s*u\b/.test(value) && members.urgency === undefined;
  const emitted = members === undefined || hasUnread ? "" : emitPriority(members);
  if (emitted === "") throw new InvalidArgumentError('Give u=0 to u=7, i, or both: "u=1, i".');
  return emitted;
}
