/**
 * `npx jiti scripts/bpf-objects.ts`: compiles examples/bpf/*.c into test/vectors/bpf, without debug information other than
 * BTF, so that `npm test` needs no clang. Needs clang and llvm-strip. CLANG names another clang.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const sources = join(root, "examples/bpf");
const objects = join(root, "test/vectors/bpf");
const clang = process.env.CLANG ?? "clang";

mkdirSync(objects, { recursive: true });
for (const name of readdirSync(sources).filter((each) => each.endsWith(".c"))) {
  const output = join(objects, name.replace(/\.c$/, ".o"));
  // A relative path, since it becomes part of the object.
  const options = [
    "-target",
    "bpf",
    "-mcpu=v3",
    "-O2",
    "-g",
    "-Wall",
    "-Wno-unused-variable",
    "-fdebug-compilation-dir=.",
  ];
  execFileSync(clang, [...options, "-c", join("examples/bpf", name), "-o", output], { cwd: root, stdio: "inherit" });
  execFileSync(clang.replace("clang", "llvm-strip"), ["-g", output], { stdio: "inherit" });
}
