// A CPU profile of this process, to be opened in Chrome DevTools or any other viewer of .cpuprofile files.
import { mkdir, writeFile } from "node:fs/promises";
import { Session } from "node:inspector/promises";
import { join } from "node:path";

/**
 * Starts profiling the main thread.
 *
 * @param folder made if it does not exist
 * @returns ends the profile and writes it; gives the path of the file `weir-<pid>-<epoch ms>.cpuprofile`
 */
export async function startCpuProfile(folder: string): Promise<() => Promise<string>> {
  await mkdir(folder, { recursive: true });
  const startedMs = Date.now();
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.start");
  return async () => {
    const { profile } = await session.post("Profiler.stop");
    session.disconnect();
    const path = join(folder, `weir-${process.pid}-${startedMs}.cpuprofile`);
    await writeFile(path, JSON.stringify(profile));
    return path;
  };
}
