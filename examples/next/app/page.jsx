import { headers } from "next/headers";
import { Messages } from "./messages";

export default async function Page() {
  const host = (await headers()).get("host");
  return (
    <main>
      <h1>hello from Next on {host}</h1>
      <Messages />
    </main>
  );
}
