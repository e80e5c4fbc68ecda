// What compose.yaml must say for Weir's promises to hold, as a list of complaints about a parsed document.

import { existsSync } from "node:fs";
import { join } from "node:path";

export interface ComposeFile {
  readonly services?: Readonly<Record<string, ComposeService>>;
  readonly volumes?: Readonly<Record<string, unknown>>;
  readonly [key: string]: unknown;
}

export interface ComposeService {
  readonly image?: string;
  readonly build?: {
    readonly context?: string;
    readonly dockerfile?: string;
    readonly args?: Record<string, string>;
  };
  readonly command?: readonly string[];
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition?: string }>>;
  readonly healthcheck?: Readonly<Record<string, unknown>>;
  readonly deploy?: { readonly replicas?: number };
  readonly restart?: string;
  readonly [key: string]: unknown;
}

const topLevelKeys = new Set(["services", "volumes"]);
const serviceKeys = new Set([
  "build",
  "command",
  "depends_on",
  "deploy",
  "environment",
  "healthcheck",
  "image",
  "init",
  "ports",
  "restart",
  "stop_grace_period",
  "user",
  "volumes",
]);
const duration = /^(\d+(ms|s|m|h))+$/;

/**
 * @param file the parsed document
 * @param root folder that its relative paths start from
 * @returns one sentence per broken rule, empty when all hold
 */
export function composeComplaints(file: ComposeFile, root: string): readonly string[] {
  const services = Object.entries(file.services ?? {});
  return [
    ...unknownKeys("the file", file, topLevelKeys),
    ...services.flatMap(([name, service]) => serviceComplaints(name, service, file, root)),
    ...redisComplaints(file.services?.["redis"]),
    ...workerComplaints(file.services?.["worker"]),
  ];
}

function serviceComplaints(
  name: string,
  service: ComposeService,
  file: ComposeFile,
  root: string,
): readonly string[] {
  const complaints = [...unknownKeys(`service ${name}`, service, serviceKeys)];
  if ((service.image === undefined) === (service.build === undefined)) {
    complaints.push(`service ${name} needs an image or a build, and not both`);
  }
  if (/^[^:]+(:latest)?$/.test(service.image ?? "pinned:1"))
    complaints.push(`service ${name}: its image has no version`);
  const { build } = service;
  if (build !== undefined) {
    for (const path of [build.dockerfile ?? "Dockerfile", build.args?.["JOB"]]) {
      if (path === undefined || existsSync(join(root, build.context ?? ".", path))) continue;
      complaints.push(`service ${name} is built from ${path}, which does not exist`);
    }
  }
  for (const volume of service.volumes ?? []) {
    const origin = volume.split(":")[0] ?? "";
    if (origin.startsWith(".") ? existsSync(join(root, origin)) : origin in (file.volumes ?? {})) continue;
    complaints.push(`service ${name} mounts ${origin}, which neither exists nor is a declared volume`);
  }
  for (const port of service.ports ?? []) {
    if (!port.startsWith("127.0.0.1:"))
      complaints.push(`service ${name} publishes port ${port} beyond this machine`);
  }
  for (const other of Object.keys(service.depends_on ?? {})) {
    if (file.services?.[other] === undefined)
      complaints.push(`service ${name} depends on ${other}, which is no service`);
  }
  return [...complaints, ...healthComplaints(name, service.healthcheck)];
}

function healthComplaints(
  name: string,
  check: Readonly<Record<string, unknown>> | undefined,
): readonly string[] {
  if (check === undefined) return [`service ${name} has no health check`];
  const complaints: string[] = [];
  const test = check["test"];
  if (!Array.isArray(test) || !["CMD", "CMD-SHELL"].includes(String(test[0])) || test.length < 2) {
    complaints.push(`service ${name}: its health check runs nothing`);
  }
  for (const key of ["interval", "timeout", "start_period"]) {
    if (!duration.test(String(check[key])))
      complaints.push(`service ${name}: healthcheck.${key} is no duration`);
  }
  return complaints;
}

function redisComplaints(redis: ComposeService | undefined): readonly string[] {
  if (redis === undefined) return ["there is no service redis"];
  const complaints: string[] = [];
  if (!/^redis:7\./.test(redis.image ?? "")) complaints.push("service redis does not run Redis 7");
  if (redis.command?.join(" ") !== "sh /weir/redis-start.sh") {
    complaints.push("service redis does not start through redis-start.sh, so nothing repairs its file");
  }
  if (!redis.volumes?.includes("./deploy/redis-start.sh:/weir/redis-start.sh:ro")) {
    complaints.push("service redis does not mount deploy/redis-start.sh where its command expects it");
  }
  if (!redis.volumes?.some((volume) => /^[\w-]+:\/data$/.test(volume))) {
    complaints.push("service redis keeps /data in no named volume, so its file goes with the container");
  }
  if (redis.restart === undefined || redis.restart === "no")
    complaints.push("service redis is not restarted");
  return complaints;
}

function workerComplaints(worker: ComposeService | undefined): readonly string[] {
  if (worker === undefined) return ["there is no service worker"];
  const complaints: string[] = [];
  if (worker.deploy?.replicas !== 3) complaints.push("service worker does not run three times");
  if (
    worker.command?.slice(0, 2).join(" ") !== "weir worker" ||
    !worker.command.includes("redis://redis:6379")
  ) {
    complaints.push("service worker does not run a worker on the service redis");
  }
  if (worker.depends_on?.["redis"]?.condition !== "service_healthy") {
    complaints.push("service worker does not wait until redis is healthy");
  }
  if (worker["ports"] !== undefined)
    complaints.push("service worker publishes a port, which three copies cannot share");
  return complaints;
}

function unknownKeys(where: string, object: object, known: ReadonlySet<string>): readonly string[] {
  return Object.keys(object)
    .filter((key) => !known.has(key))
    .map((key) => `${where} has the unknown key ${key}`);
}
