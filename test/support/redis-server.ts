// RedisServer — a real Redis of one test's own, to be killed, cut, paused and restarted.
//
// Owns:      one server process at a time, its port and its directory, across restarts.
// Does not:  share anything with the Redis of `testRedisUrl()`; install a binary (global-setup does).
//
// The tests' Redis forgets and tears in the ways that protocol.md section 4 lists, on purpose:
//   kill() then restart()                        loses nothing that reached the file, see `fsync`
//   kill(), cutAof(n), restart({ repair: true }) rolls back to an earlier moment, transactions whole
//   the same with `loadTruncated: true` and no repair, twice: a torn transaction is executed later (the control)

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "redis";
import { findCheckAof, requireRedisBinary } from "./redis-binary.ts";
import { waitFor } from "./wait-for.ts";

export interface RedisServerOptions {
  /** Keep an append-only file. Default false: nothing survives the process. */
  readonly appendOnly?: boolean;
  /**
   * When that file is brought to the disk. Default `everysec`, as users have it: while an fsync takes long, the server
   * keeps newer writes back for up to two seconds, so that even a kill can lose them. `always`: what was answered is in
   * the file; for tests that count what it holds.
   */
  readonly fsync?: "everysec" | "always";
  /** `maxmemory` as Redis reads it, for example "32mb". Default: no limit. The policy is always noeviction. */
  readonly maxmemory?: string;
  /** Load a torn append-only file as Redis does by default. Default false: refuse it (hole H28). */
  readonly loadTruncated?: boolean;
  /** More command-line arguments; the last mention of a setting wins. */
  readonly extraArgs?: readonly string[];
  /** Default: a free port of 127.0.0.1 that no outgoing connection can occupy while the server is down. */
  readonly port?: number;
  /** Data directory, kept after `stop()`. Default: a temporary one, removed by `stop()`. */
  readonly dir?: string;
}

export interface AofCut {
  /** Path of the file that lost its tail. */
  readonly file: string;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** The tail that is gone. */
  readonly removed: Buffer;
}

/** What `cli` returns: node-redis' reply in RESP2, text where Redis sent bytes. */
export type RedisReply = string | number | null | readonly RedisReply[];

/** After so long without an end a SIGTERM becomes a SIGKILL. */
const exitDeadlineMs = 30_000;

export class RedisServer {
  readonly port: number;
  /** `redis://127.0.0.1:<port>`; stays the same across restarts. */
  readonly url: string;
  readonly dir: string;
  readonly #options: RedisServerOptions;
  readonly #binary: string;
  readonly #ownsDir: boolean;
  #process: RunningProcess | undefined;

  private constructor(port: number, dir: string, binary: string, options: RedisServerOptions) {
    this.port = port;
    this.url = `redis://127.0.0.1:${port}`;
    this.dir = dir;
    this.#binary = binary;
    this.#options = options;
    this.#ownsDir = options.dir === undefined;
  }

  /**
   * Starts a server and waits until it answers PING.
   *
   * @throws {Error} when the machine has no Redis (one sentence what to install), or the server does not come up
   *   (with the end of its log)
   */
  static async start(options: RedisServerOptions = {}): Promise<RedisServer> {
    const binary = requireRedisBinary();
    const dir = options.dir ?? (await mkdtemp(join(tmpdir(), "weir-redis-")));
    for (let tries = 1; ; tries++) {
      const server = new RedisServer(options.port ?? (await freePort()), dir, binary, options);
      try {
        await server.#launch();
        return server;
      } catch (error) {
        // Another process may have taken the port between our look and the server's bind.
        const lostRace = options.port === undefined && String(error).includes("Address already in use");
        if (lostRace && tries < 5) continue;
        if (server.#ownsDir) rmSync(dir, { recursive: true, force: true });
        throw error;
      }
    }
  }

  /** The process id of the running server, or undefined while it is down. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Shuts the server down cleanly (SIGTERM) and removes a directory of our own. Harmless when it is down. */
  async stop(): Promise<void> {
    await this.#end("SIGTERM");
    if (this.#ownsDir) rmSync(this.dir, { recursive: true, force: true });
  }

  /** SIGKILL, and waits until the process is gone. The directory stays for `restart`. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /**
   * Starts the server again on the same port and directory; kills it first when it is still up.
   *
   * @param options.repair run `repairAof` before the start
   * @throws {Error} when the server refuses its files, with the end of its log
   */
  async restart(options: { readonly repair?: boolean } = {}): Promise<void> {
    await this.#end("SIGKILL");
    if (options.repair === true) await this.repairAof();
    await this.#launch();
  }

  /**
   * Cuts the tail of the newest append-only file: what a power failure or a failover does to the newest writes.
   *
   * @param bytes how many bytes to remove (at most the whole file), or "random": 1 to 30,000 of them
   * @param random source of randomness in [0, 1), for runs that must be repeatable
   */
  cutAof(bytes: number | "random", random: () => number = Math.random): AofCut {
    if (this.#process !== undefined)
      throw new Error(`cutAof on port ${this.port}: the server still runs, kill it first`);
    const file = this.#newestAof();
    const content = readFileSync(file);
    const bytesBefore = content.length;
    const wanted = bytes === "random" ? 1 + Math.floor(random() * Math.min(30_000, bytesBefore)) : bytes;
    const bytesAfter = Math.max(0, bytesBefore - wanted);
    truncateSync(file, bytesAfter);
    return { file, bytesBefore, bytesAfter, removed: content.subarray(bytesAfter) };
  }

  /**
   * Runs `redis-check-aof --fix` on the manifest, which cuts a torn transaction off as a whole.
   *
   * @returns the tool's output
   * @throws {Error} with that output, when the file cannot be repaired
   */
  async repairAof(): Promise<string> {
    if (this.#process !== undefined)
      throw new Error(`repairAof on port ${this.port}: the server still runs, kill it first`);
    const child = spawn(findCheckAof(this.#binary), ["--fix", this.#aofManifest()], { stdio: "pipe" });
    const output: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => output.push(chunk));
    child.stdin.on("error", () => undefined); // an intact file is never asked about
    child.stdin.end("y\n");
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", resolve);
    });
    const text = Buffer.concat(output).toString();
    if (code !== 0)
      throw new Error(`redis-check-aof --fix ${this.#aofManifest()} exited with ${code}:\n${text}`);
    return text;
  }

  /** SIGSTOP: connections stay open and nothing answers. */
  pause(): void {
    this.#running().child.kill("SIGSTOP");
  }

  /** SIGCONT: the server goes on where it stopped, and answers what it was asked in between. */
  resume(): void {
    this.#running().child.kill("SIGCONT");
  }

  /**
   * Sends one command over a connection of its own, so it works before, between and after faults.
   *
   * @throws {Error} Redis' error reply, or the connection's error
   */
  async cli(...args: readonly (string | number)[]): Promise<RedisReply> {
    const client = createClient({
      RESP: 2,
      socket: { host: "127.0.0.1", port: this.port, reconnectStrategy: false, connectTimeout: 20_000 },
    });
    client.on("error", () => undefined); // the pending command rejects with the same error
    try {
      await client.connect();
      return (await client.sendCommand(args.map(String))) as unknown as RedisReply;
    } finally {
      client.destroy();
    }
  }

  /** @returns `master_replid`: another one after every restart */
  async history(): Promise<string> {
    return /master_replid:(\w+)/.exec(String(await this.cli("INFO", "replication")))![1]!;
  }

  async #launch(): Promise<void> {
    const running = new RunningProcess(this.#binary, this.#args(), this.dir, this.#ownsDir);
    this.#process = running;
    try {
      await waitFor(() => running.hasExited || this.#answersItself(running.pid), {
        describe: () => `Redis on port ${this.port} to answer PING; its log ends with:\n${running.logTail()}`,
        intervalMs: 5,
      });
      if (running.hasExited)
        throw new Error(`Redis on port ${this.port} did not start:\n${running.logTail()}`);
    } catch (error) {
      await this.#end("SIGKILL");
      throw error;
    }
  }

  /** A PING could be answered by a stranger that took the port; the process id cannot. */
  async #answersItself(pid: number | undefined): Promise<boolean> {
    if ((await this.cli("PING")) !== "PONG") return false;
    const info = String(await this.cli("INFO", "server"));
    return info.includes(`process_id:${pid}\r\n`);
  }

  #args(): string[] {
    const {
      appendOnly = false,
      fsync = "everysec",
      maxmemory,
      loadTruncated = false,
      extraArgs = [],
    } = this.#options;
    const args = ["--port", String(this.port), "--bind", "127.0.0.1", "--dir", this.dir, "--daemonize", "no"];
    args.push("--save", "", "--maxmemory-policy", "noeviction");
    args.push("--appendonly", appendOnly ? "yes" : "no", "--appendfsync", fsync);
    args.push("--aof-load-truncated", loadTruncated ? "yes" : "no");
    if (maxmemory !== undefined) args.push("--maxmemory", maxmemory);
    return [...args, ...extraArgs];
  }

  async #end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    await running?.end(signal);
  }

  #running(): RunningProcess {
    if (this.#process === undefined) throw new Error(`Redis on port ${this.port} is not running`);
    return this.#process;
  }

  #aofManifest(): string {
    const manifest = join(this.dir, "appendonlydir", "appendonly.aof.manifest");
    if (!existsSync(manifest))
      throw new Error(`${manifest} is missing: was the server started with appendOnly?`);
    return manifest;
  }

  /** Redis 7 keeps a base and increments; the manifest's line "file <name> seq <n> type i" names an increment. */
  #newestAof(): string {
    let newest: { name: string; sequence: number } | undefined;
    for (const line of readFileSync(this.#aofManifest(), "utf8").split("\n")) {
      const match = /^file (\S+) seq (\d+) type i$/.exec(line.trim());
      if (match?.[1] === undefined) continue;
      const sequence = Number(match[2]);
      if (newest === undefined || sequence > newest.sequence) newest = { name: match[1], sequence };
    }
    if (newest === undefined) throw new Error(`${this.#aofManifest()} lists no increment file`);
    return join(this.dir, "appendonlydir", newest.name);
  }
}

/** One server process, its log in memory, and the leash that ends it with us. */
class RunningProcess {
  readonly child: ChildProcess;
  readonly #leash: ChildProcess | undefined;
  readonly #exit: Promise<void>;
  readonly #log: string[] = [];
  readonly #onOurExit: () => void;
  hasExited = false;

  constructor(binary: string, args: readonly string[], dir: string, removeDir: boolean) {
    // Detached: Ctrl-C in a terminal reaches us, and we decide when the server goes.
    this.child = spawn(binary, args, { stdio: ["ignore", "pipe", "pipe"], detached: true });
    this.child.stdout?.on("data", (chunk: Buffer) => this.#note(chunk));
    this.child.stderr?.on("data", (chunk: Buffer) => this.#note(chunk));
    this.#exit = new Promise((resolve) => {
      const gone = (): void => {
        this.hasExited = true;
        resolve();
      };
      this.child.once("close", gone);
      this.child.once("error", (error) => {
        this.#log.push(String(error));
        gone();
      });
    });
    this.#onOurExit = () => {
      this.child.kill("SIGKILL");
      if (removeDir) rmSync(dir, { recursive: true, force: true });
    };
    process.once("exit", this.#onOurExit);
    this.#leash = this.pid === undefined ? undefined : leash(this.pid, removeDir ? dir : "");
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  logTail(): string {
    return this.#log.join("").split("\n").slice(-12).join("\n");
  }

  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    this.#leash?.kill("SIGKILL");
    process.off("exit", this.#onOurExit);
    if (this.hasExited) return;
    this.child.kill(signal);
    this.child.kill("SIGCONT"); // a paused server would not see SIGTERM
    const patience = setTimeout(() => this.child.kill("SIGKILL"), exitDeadlineMs);
    await this.#exit;
    clearTimeout(patience);
  }

  #note(chunk: Buffer): void {
    this.#log.push(chunk.toString());
    if (this.#log.length > 200) this.#log.splice(0, 100);
  }
}

/**
 * Ends the server when this process dies without a word (SIGKILL runs no exit handler): a shell waits for the end
 * of its standard input, whose other end only we hold.
 */
function leash(pid: number, dir: string): ChildProcess {
  const script = 'cat >/dev/null; kill -9 "$1" 2>/dev/null; sleep 0.2; [ -z "$2" ] || rm -rf "$2"';
  const child = spawn("sh", ["-c", script, "weir-redis-leash", String(pid), dir], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  child.on("error", () => undefined); // no shell: the exit handler still covers every ordinary end
  child.unref();
  (child.stdin as unknown as { unref?: () => void } | null)?.unref?.();
  return child;
}

/**
 * A port below the range that outgoing connections are given (32768 and up on Linux, 49152 elsewhere): otherwise a
 * client's own socket could occupy it while the server is down between kill and restart.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    if (await canListen(port)) return port;
  }
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}
