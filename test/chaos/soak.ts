// Soak — one chaos job after the other under a random mix of all faults, each job with its proof at the end.
import { type LinkFault, LinkProxy, type LinkSelection } from "../support/link-proxy.ts";
import { RedisServer } from "../support/redis-server.ts";
import { waitFor } from "../support/wait-for.ts";
import { ChaosCluster, letRun } from "./cluster.ts";
import type { Verdict } from "./verdict.ts";
import type { Control } from "./worker-config.ts";
import type { WorkerHandle } from "./worker-handle.ts";

export const FAULTS = ["worker", "zombie", "net", "redis", "memory", "slow"] as const;
export type Fault = (typeof FAULTS)[number];

export interface SoakOptions {
  readonly faults: readonly Fault[];
  /** Uniform in [0, 1); the faults repeat with the seed, their timing against the job does not. */
  readonly random: () => number;
  readonly control: Control | undefined;
  readonly log: (line: string) => void;
}

export interface SoakCounts {
  kills: number;
  zombies: number;
  badLinks: number;
  redisKills: number;
  /** Restarts after which commits were gone. */
  rollbacks: number;
  lostCommits: number;
  squeezes: number;
  slowSinks: number;
  fenced: number;
  historyRefusals: number;
  memoryRefusals: number;
  lostSessions: number;
  takeOversMs: number[];
}

export function createCounts(): SoakCounts {
  return {
    kills: 0,
    zombies: 0,
    badLinks: 0,
    redisKills: 0,
    rollbacks: 0,
    lostCommits: 0,
    squeezes: 0,
    slowSinks: 0,
    fenced: 0,
    historyRefusals: 0,
    memoryRefusals: 0,
    lostSessions: 0,
    takeOversMs: [],
  };
}

const WORKERS = 3;

/** One job, hurt for a while, and its verdict. */
export class SoakRound {
  readonly #options: SoakOptions;
  readonly #counts: SoakCounts;
  readonly #server: RedisServer;
  readonly #proxy: LinkProxy;
  readonly #cluster: ChaosCluster;
  #started = 0;

  private constructor(options: SoakOptions, counts: SoakCounts, server: RedisServer, proxy: LinkProxy) {
    this.#options = options;
    this.#counts = counts;
    this.#server = server;
    this.#proxy = proxy;
    this.#cluster = new ChaosCluster(server, {
      staleViewMs: 500,
      ...(options.control === undefined ? {} : { control: options.control }),
      onEvent: (event, worker) => {
        if (event.kind !== "joined" && event.kind !== "session-lost" && event.kind !== "partition-restart")
          return;
        options.log(`  worker ${worker.pid} ${event.kind} ${event.message ?? ""}`);
      },
    });
  }

  /**
   * @param forMs how long faults are injected
   * @throws {Error} when the job does not finish
   */
  static async run(options: SoakOptions, counts: SoakCounts, forMs: number): Promise<Verdict> {
    const server = await RedisServer.start({ appendOnly: true });
    const proxy = await LinkProxy.start({ targetPort: server.port });
    const round = new SoakRound(options, counts, server, proxy);
    try {
      return await round.#run(forMs);
    } finally {
      round.#collect();
      await round.#cluster.stop();
      await proxy.stop();
      await server.stop();
    }
  }

  async #run(forMs: number): Promise<Verdict> {
    const { faults, random } = this.#options;
    const untilMs = performance.now() + forMs;
    await this.#refill();
    while (performance.now() < untilMs) {
      await this.#inject(faults[Math.floor(random() * faults.length)]!);
      await letRun(0, 800, random);
      await this.#refill();
    }
    await this.#cluster.waitForProgress(1);
    return this.#cluster.finish();
  }

  #inject(fault: Fault): Promise<void> {
    switch (fault) {
      case "worker":
        return this.#killWorker();
      case "zombie":
        return this.#makeZombie();
      case "net":
        return this.#hurtLinks();
      case "redis":
        return this.#killRedis();
      case "memory":
        return this.#squeeze();
      case "slow":
        return this.#slowDown();
    }
  }

  async #killWorker(): Promise<void> {
    const victim = this.#pick();
    const owned = await this.#ownedBy(victim);
    this.#log(`SIGKILL worker ${victim.pid}, owner of ${owned.join(" ") || "nothing"}`);
    const atMs = Date.now();
    await victim.kill();
    this.#counts.kills++;
    if (owned.length > 0) void this.#measureTakeOver(owned, atMs);
  }

  async #makeZombie(): Promise<void> {
    const zombie = this.#pick();
    this.#log(`SIGSTOP worker ${zombie.pid}`);
    zombie.pause();
    this.#counts.zombies++;
    await letRun(300, 2_500, this.#options.random);
    zombie.resume();
    this.#log(`SIGCONT worker ${zombie.pid}`);
  }

  async #hurtLinks(): Promise<void> {
    const { random } = this.#options;
    const names = ["weir-commands", "weir-waiting", "weir-control", "weir-heartbeat", undefined];
    const name = names[Math.floor(random() * names.length)];
    const select: LinkSelection = (link) => name === undefined || link.clientName === name;
    const faults: readonly (LinkFault | "cut")[] = [
      "cut",
      { kind: "dropReplies" },
      { kind: "blackHole" },
      { kind: "delay", delayMs: Math.ceil(random() * 150) },
      { kind: "cutInRequest", afterBytes: Math.floor(random() * 5_000), times: 1 + Math.floor(random() * 3) },
    ];
    const fault = faults[Math.floor(random() * faults.length)]!;
    this.#log(
      `${fault === "cut" ? fault : fault.kind} on ${name ?? "all links"} of the workers behind the proxy`,
    );
    this.#counts.badLinks++;
    if (fault === "cut") this.#proxy.cut(select);
    else this.#proxy.inject(fault, select);
    await letRun(100, 2_500, random);
    this.#proxy.heal();
  }

  async #killRedis(): Promise<void> {
    const { random } = this.#options;
    for (let times = 1 + Math.floor(random() * 2); times > 0; times--) {
      const known = await this.#cluster.epochs();
      await this.#server.kill();
      const cut = random() < 0.7;
      if (cut) this.#server.cutAof("random", random);
      await letRun(0, 500, random);
      await this.#server.restart({ repair: true });
      const restored = await this.#cluster.epochs();
      const lost = this.#cluster.partitions.reduce(
        (sum, partition) => sum + Math.max(0, known.get(partition)! - restored.get(partition)!),
        0,
      );
      this.#counts.redisKills++;
      this.#counts.lostCommits += lost;
      if (lost > 0) this.#counts.rollbacks++;
      this.#log(`SIGKILL Redis${cut ? ", its file cut" : ""}: ${lost} commits lost`);
      await letRun(0, 500, random);
    }
  }

  async #squeeze(): Promise<void> {
    this.#log("maxmemory below what is used");
    this.#counts.squeezes++;
    await this.#server.cli("CONFIG", "SET", "maxmemory", "500kb");
    await letRun(300, 2_000, this.#options.random);
    await this.#server.cli("CONFIG", "SET", "maxmemory", "0");
  }

  async #slowDown(): Promise<void> {
    this.#log("slow sink");
    this.#counts.slowSinks++;
    this.#cluster.slow(true);
    await letRun(500, 2_000, this.#options.random);
    this.#cluster.slow(false);
  }

  /** Keeps as many workers as there should be; every other one sits behind the proxy. */
  async #refill(): Promise<void> {
    while (this.#cluster.alive.length < WORKERS) {
      const failed = this.#cluster.workers.find((worker) => worker.exit?.code === 1);
      if (failed !== undefined) throw new Error(`a worker gave up: ${failed.describe()}`);
      const worker = this.#cluster.add(this.#started++ % 2 === 0 ? {} : { redis: this.#proxy.url });
      await worker.joined();
    }
  }

  #pick(): WorkerHandle {
    const { alive } = this.#cluster;
    return alive[Math.floor(this.#options.random() * alive.length)]!;
  }

  async #ownedBy(worker: WorkerHandle): Promise<string[]> {
    return [...(await this.#cluster.owners())]
      .filter(([, owner]) => owner.worker === worker.id)
      .map(([partition]) => partition);
  }

  /** Until each partition that was lost has committed records under a new owner; other faults may prolong it. */
  async #measureTakeOver(partitions: readonly string[], sinceMs: number): Promise<void> {
    const firstCommit = (partition: string): number | undefined =>
      this.#cluster.workers
        .flatMap((worker) => worker.events)
        .find(
          (event) => event.kind === "first-commit" && event.partition === partition && event.atMs > sinceMs,
        )?.atMs;
    const all = await waitFor(
      () => {
        const times = partitions.map(firstCommit);
        return times.every((time) => time !== undefined) && times;
      },
      { deadlineMs: 30_000, describe: "a take-over", intervalMs: 50 },
    ).catch(() => []);
    for (const time of all) if (time !== undefined) this.#counts.takeOversMs.push(time - sinceMs);
  }

  #collect(): void {
    const counts = this.#counts;
    counts.fenced += this.#cluster.count("answer", "FENCED");
    counts.historyRefusals += this.#cluster.count("answer", "HISTORY");
    counts.memoryRefusals += this.#cluster.count("answer", "REFUSED");
    counts.lostSessions += this.#cluster.count("session-lost");
  }

  #log(line: string): void {
    this.#options.log(line);
  }
}
