import { downloadCase } from "./download.ts";

export const transfer = downloadCase({
  name: "transfer",
  shows: "100 MiB on one stream, identical by SHA-256",
  protocol: "h3",
  paths: (site) => [site.bulk],
});
