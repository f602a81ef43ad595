/** A program that sets and saves cookies until it is killed: FILE FIRST. Prints each number after its cookie was saved. */

import { CookieFile } from "../cookie-file.ts";
import { CookieJar } from "../jar.ts";

const [path = "", first = "0"] = process.argv.slice(2);
const jar = await CookieJar.open(new CookieFile(path));
for (let number = Number(first); ; number += 1) {
  jar.set(`c${number % 160}=${number}; Max-Age=1000000; Path=/`, `https://host-${number % 4}.test/`);
  await jar.save();
  process.stdout.write(`${number}\n`);
}
