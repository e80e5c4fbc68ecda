// State versions — the registry of what a job may have stored, and what a resumed job may do about it.
//
// The registry stands in the job's record. It is checked before a worker joins, so before the first record: a job whose
// state is older than what is stored never reads it, and one that cannot read what may be stored is told so at once. It is
// raised when a state is new or its version higher; what is stored stays as it is until it is read (state/migrations.ts).
//
// Pure; the steps that follow are in runtime/job-layouts.ts.
import type { StateLayout } from "../state/descriptors.ts";
import type { JobPlan } from "./plan.ts";

/** What may be stored under one name of one operator. */
export interface StoredLayout {
  readonly shape: string;
  /** Version that is written. */
  readonly version: number;
  /** Codecs by version, of all versions of which something may still be stored. */
  readonly codecs: Readonly<Record<number, string>>;
}

/** By `<operator>/<state>`, in the order of these names. */
export type StoredLayouts = Readonly<Record<string, StoredLayout>>;

/** A state whose versions do not fit. */
export interface VersionGap {
  /** For people: `operator "track", state "last"`. */
  readonly where: string;
  readonly stored: number;
  /** Version that the plan writes. */
  readonly own: number;
}

export type LayoutVerdict =
  | { readonly kind: "same" }
  /** The plan reads all that may be stored and writes something new. */
  | { readonly kind: "raise"; readonly layouts: StoredLayouts }
  /** A newer version of the job has run. */
  | { readonly kind: "newer"; readonly gap: VersionGap }
  /** Values of a version may be stored that no migration begins with. */
  | { readonly kind: "no-migration"; readonly gap: VersionGap }
  /** What no version can explain, one sentence each. */
  | { readonly kind: "changed"; readonly changes: readonly string[] };

/** The registry of a job that is created with this plan. */
export function layoutsOf(plan: Pick<JobPlan, "stages">): StoredLayouts {
  const layouts: [string, StoredLayout][] = [];
  for (const [name, { shape, version, codec }] of declaredStates(plan))
    layouts.push([name, { shape, version, codecs: { [version]: codec } }]);
  return sorted(layouts);
}

export function decideLayouts(stored: StoredLayouts, plan: Pick<JobPlan, "stages">): LayoutVerdict {
  const declared = declaredStates(plan);
  const changes: string[] = [];
  const raised: [string, StoredLayout][] = [];
  let missing: VersionGap | undefined;
  for (const [name, before] of Object.entries(stored)) {
    const now = declared.get(name);
    const where = placeOf(name);
    if (now === undefined) {
      changes.push(
        `${where} is stored but not declared: it was removed, or a newer version of the job has added it`,
      );
      continue;
    }
    if (before.version > now.version)
      return { kind: "newer", gap: { where, stored: before.version, own: now.version } };
    if (before.shape !== now.shape) changes.push(`${where} is a ${now.shape}, it was a ${before.shape}`);
    for (const [text, codec] of Object.entries(before.codecs)) {
      const version = Number(text);
      const reads = version === now.version ? now.codec : now.older?.[version];
      if (reads === undefined) missing ??= { where, stored: version, own: now.version };
      else if (reads !== codec)
        changes.push(
          `${where} is stored with codec ${codec} in version ${version}, which is read with ${reads}`,
        );
    }
    if (before.version < now.version) raised.push([name, raise(before, now)]);
  }
  if (changes.length > 0) return { kind: "changed", changes };
  if (missing !== undefined) return { kind: "no-migration", gap: missing };
  for (const [name, { shape, version, codec }] of declared)
    if (stored[name] === undefined) raised.push([name, { shape, version, codecs: { [version]: codec } }]);
  if (raised.length === 0) return { kind: "same" };
  return { kind: "raise", layouts: sorted([...Object.entries(stored), ...raised]) };
}

function declaredStates(plan: Pick<JobPlan, "stages">): Map<string, StateLayout> {
  const declared = new Map<string, StateLayout>();
  for (const stage of plan.stages)
    for (const operator of stage.operators)
      if ("stateLayout" in operator)
        for (const layout of operator.stateLayout) declared.set(`${operator.name}/${layout.state}`, layout);
  return declared;
}

function raise(before: StoredLayout, { version, codec }: StateLayout): StoredLayout {
  return { shape: before.shape, version, codecs: { ...before.codecs, [version]: codec } };
}

/** Later entries of a name win. */
function sorted(layouts: readonly (readonly [string, StoredLayout])[]): StoredLayouts {
  return Object.fromEntries([...new Map(layouts)].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Names of operators and states have no `/`. */
function placeOf(name: string): string {
  const [operator, state] = name.split("/");
  return `operator "${operator}", state "${state}"`;
}
