// `npx jiti scripts/rfc9293.ts`: writes docs/conformance/rfc9293.md from test/tcp/requirements.ts. A test checks that it is up to date.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { requirementsPage } from "../test/tcp/requirements.ts";

const folder = join(import.meta.dirname, "../docs/conformance");
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, "rfc9293.md"), requirementsPage());
