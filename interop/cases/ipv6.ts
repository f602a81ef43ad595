import { downloadCase } from "./download.ts";

export const ipv6 = downloadCase({
  name: "ipv6",
  shows: "two files over IPv6",
  protocol: "h3",
  host: "::1",
  paths: (site) => [site.kib[5], site.kib[10]],
});
