// The `weir` command inside the test's own process: for calls that are over at once, and whose process is not the point.
import { vi } from "vitest";
import { runProgram } from "../../src/cli/program.ts";
import type { Ended } from "./start-weir.ts";

/** One call at a time: what this process writes while it runs counts as written by the command. */
export async function callWeir(args: readonly string[]): Promise<Ended> {
  const stdout = capture(process.stdout);
  const stderr = capture(process.stderr);
  const { exitCode } = process;
  process.exitCode = undefined;
  vi.stubEnv("WEIR_REDIS_URL", "").stubEnv("NO_COLOR", "1");
  try {
    await runProgram(args);
    return { code: Number(process.exitCode ?? 0), stdout: stdout.join(""), stderr: stderr.join("") };
  } finally {
    process.exitCode = exitCode;
    vi.unstubAllEnvs().restoreAllMocks();
  }
}

/** @returns what is written from now on, which goes nowhere else */
function capture(stream: NodeJS.WriteStream): string[] {
  const texts: string[] = [];
  vi.spyOn(stream, "write").mockImplementation((text) => {
    texts.push(String(text));
    return true;
  });
  return texts;
}
