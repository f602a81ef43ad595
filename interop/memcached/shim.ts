/** Stands where memcached's tests expect memcached: takes its arguments, and runs our proxy. Run with the CLI's path first. */

const [cli = "", ...given] = process.argv.slice(2);
const args = ["memcache", "--no-watch"];
/** Options whose values mean nothing here: threads, UDP, the user, memory, free slabs. */
const IGNORED = ["-t", "-U", "-u", "-m", "-R"];
for (let i = 0; i < given.length; i += 1) {
  const name = given[i]!;
  if (name === "-o") {
    i += 1;
    const kept = given[i]!.split(",").filter((option) => option.startsWith("proxy_"));
    if (kept.length > 0) args.push("-o", kept.join(","));
  } else if (["-s", "-l", "-p"].includes(name)) {
    i += 1;
    args.push(name, given[i]!);
  } else if (IGNORED.includes(name)) i += 1;
}
process.argv.splice(2, process.argv.length, ...args);
await import(cli);

export {};
