/** The commands of memcached's text and meta protocols. The numbers are those of memcached's Lua API (`mcp.CMD_MG` …). */

export const COMMANDS = {
  mg: 1,
  ms: 2,
  md: 3,
  mn: 4,
  ma: 5,
  me: 6,
  get: 7,
  gat: 8,
  set: 9,
  add: 10,
  cas: 11,
  gets: 12,
  gats: 13,
  incr: 14,
  decr: 15,
  touch: 16,
  append: 17,
  delete: 18,
  replace: 19,
  prepend: 20,
  quit: 22,
  stats: 23,
  watch: 25,
  version: 27,
} as const;

export type CommandName = keyof typeof COMMANDS;
export type Command = (typeof COMMANDS)[CommandName];

/** Commands up to this one store, fetch or change items, and are routed. */
export const LAST_STORAGE_COMMAND = COMMANDS.prepend;
/** Size of a table indexed by command. */
export const COMMAND_COUNT = COMMANDS.version + 1;

const NAMES: (CommandName | undefined)[] = [];
for (const [name, command] of Object.entries(COMMANDS)) NAMES[command] = name as CommandName;

export const commandName = (command: Command): CommandName => NAMES[command]!;

/** How a command's line is built, and which responses it has. */
export type CommandKind = "generic" | "get" | "meta";

export function kindOf(command: Command): CommandKind {
  if (command <= COMMANDS.me) return "meta";
  const isGet =
    command === COMMANDS.get || command === COMMANDS.gets || command === COMMANDS.gat || command === COMMANDS.gats;
  return isGet ? "get" : "generic";
}
