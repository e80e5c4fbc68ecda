import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { type ComposeFile, composeComplaints } from "./compose-rules.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

// biome-ignore lint/suspicious/noExplicitAny: the tests below break the document in places its type forbids
type Breakable = any;

function read(): Breakable {
  return parse(readFileSync(join(root, "compose.yaml"), "utf8"), { uniqueKeys: true, strict: true });
}

/** The client as a plugin, or as the program of its own that it was before; neither needs a running engine. */
const composeClient = [["docker", "compose"], ["docker-compose"]].find(
  ([command = "", ...args]) => spawnSync(command, [...args, "version"], { stdio: "ignore" }).status === 0,
);

describe("compose.yaml", () => {
  test("keeps every rule that Weir's promises need", () => {
    expect(composeComplaints(read() as ComposeFile, root)).toEqual([]);
  });

  test.each<[string, (file: Breakable) => void]>([
    [
      "nothing repairs its file",
      (file) => (file.services.redis.command = ["redis-server", "--appendonly", "yes"]),
    ],
    ["goes with the container", (file) => file.services.redis.volumes.shift()],
    ["neither exists nor is a declared volume", (file) => delete file.volumes["redis-data"]],
    ["does not mount deploy/redis-start.sh", (file) => file.services.redis.volumes.pop()],
    ["does not run Redis 7", (file) => (file.services.redis.image = "redis:6.2")],
    ["its image has no version", (file) => (file.services.redis.image = "redis")],
    ["beyond this machine", (file) => (file.services.redis.ports = ["6379:6379"])],
    ["is not restarted", (file) => (file.services.redis.restart = "no")],
    ["has no health check", (file) => delete file.services.worker.healthcheck],
    ["runs nothing", (file) => (file.services.worker.healthcheck.test = ["NONE"])],
    ["is no duration", (file) => (file.services.redis.healthcheck.interval = 2)],
    ["does not run three times", (file) => (file.services.worker.deploy.replicas = 1)],
    [
      "does not wait until redis is healthy",
      (file) => (file.services.worker.depends_on.redis.condition = "service_started"),
    ],
    ["which is no service", (file) => (file.services.worker.depends_on.postgres = {})],
    ["does not run a worker", (file) => (file.services.worker.command = ["weir", "run", "/app/job.ts"])],
    ["which does not exist", (file) => (file.services.worker.build.dockerfile = "deploy/Containerfile")],
    ["unknown key restarts", (file) => (file.services.worker.restarts = "always")],
  ])("control: a broken file is noticed (%s)", (complaint, breakIt) => {
    const file = read();
    breakIt(file);
    expect(composeComplaints(file as ComposeFile, root).join("\n")).toContain(complaint);
  });

  test.runIf(composeClient !== undefined)("is accepted by docker compose config", () => {
    const [command = "", ...args] = composeClient ?? [];
    const run = spawnSync(command, [...args, "-f", join(root, "compose.yaml"), "config", "-q"], {
      encoding: "utf8",
    });
    expect(run.stderr).toBe("");
    expect(run.status).toBe(0);
  });
});

describe("deploy/Dockerfile", () => {
  const dockerfile = readFileSync(join(root, "deploy/Dockerfile"), "utf8");
  const ignored = new Set(readFileSync(join(root, ".dockerignore"), "utf8").trim().split("\n"));

  test("copies only files that exist and that the build context has", () => {
    const sources = [...dockerfile.matchAll(/^COPY (?!--from)(.+)$/gm)]
      .flatMap((match) => (match[1] ?? "").trim().split(/\s+/).slice(0, -1))
      .map((path) => path.replace(`\${JOB}`, /^ARG JOB=(.+)$/m.exec(dockerfile)?.[1] ?? ""));
    expect(sources.length).toBeGreaterThan(5);
    expect(sources.filter((path) => !existsSync(join(root, path)))).toEqual([]);
    expect(sources.filter((path) => ignored.has(path.split("/")[0] ?? ""))).toEqual([]);
  });

  test("runs on the Node version of the floor, and not as root", () => {
    expect([...dockerfile.matchAll(/^FROM (\S+)/gm)].map((match) => match[1])).toEqual([
      "node:20-slim",
      "node:20-slim",
    ]);
    expect(dockerfile).toMatch(/^USER node$/m);
  });
});
