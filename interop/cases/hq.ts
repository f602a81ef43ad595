import { downloadCase } from "./download.ts";

export const hq = downloadCase({
  name: "hq",
  shows: "HTTP/0.9 (ALPN `hq-interop`), as in the public runner: 4 MiB and 200 small files on one connection",
  protocol: "hq-interop",
  needs: "hq-interop",
  paths: (site) => [site.medium, ...site.items],
});
