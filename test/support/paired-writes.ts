// Transactions of which nothing may ever be seen apart, as commits are: what tests of torn files write.
import { createClient } from "redis";

/** Appends `entry 1` to `entry <count>` to the list `log`, each between an increment of `left` and one of `right`. */
export async function writePairs(url: string, count: number): Promise<void> {
  const client = createClient({ url });
  await client.connect();
  for (let i = 1; i <= count; i++)
    await client.multi().incr("left").rPush("log", `entry ${i}`).incr("right").exec();
  client.destroy();
}
