#!/bin/sh
# Starts Redis for Weir: append-only file, no eviction, and a repair of the file before every start.
#
# Why the repair: a power failure can tear the file in the middle of a transaction. Redis' own answer
# (aof-load-truncated yes, its default) loads such a file correctly once, but leaves the torn half in it, and executes
# that half at the *next* start together with later commits. So Redis is told to refuse a torn file, and
# redis-check-aof cuts a torn transaction off as a whole before Redis sees it.
#
# When the file is damaged in the middle, not at its end, the repair fails and Redis does not start: that is no
# moment to guess. Restore the volume from a copy, or remove its contents and begin the jobs anew (weir run --fresh).
#
# Settings from the environment: REDIS_DIR (default /data), REDIS_PORT (6379), REDIS_MAXMEMORY (1gb).
# Arguments are passed to redis-server and win over the settings below.
set -eu

dir=${REDIS_DIR:-/data}
port=${REDIS_PORT:-6379}
maxmemory=${REDIS_MAXMEMORY:-1gb}

# Valkey names its programs after itself.
if command -v redis-server >/dev/null 2>&1; then name=redis; else name=valkey; fi

manifest="$dir/appendonlydir/appendonly.aof.manifest"
if [ -f "$manifest" ]; then
  echo "checking $manifest"
  # The tool asks before it cuts; an intact file is not asked about.
  echo y | "$name-check-aof" --fix "$manifest"
fi

exec "$name-server" \
  --dir "$dir" \
  --port "$port" \
  --appendonly yes \
  --appendfsync everysec \
  --aof-load-truncated no \
  --save "" \
  --maxmemory "$maxmemory" \
  --maxmemory-policy noeviction \
  --lazyfree-lazy-user-del yes \
  --tcp-keepalive 30 \
  "$@"
