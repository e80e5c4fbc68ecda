// weir/connectors/redis — Redis streams as a source and as an exactly-once sink.
export { StreamFieldError, StreamReadError, StreamResetError, StreamUrlMissingError } from "./errors.ts";
export { type RedisStreamSinkOptions, redisStreamSink } from "./stream-sink.ts";
export { type RedisStreamOptions, redisStream } from "./stream-source.ts";
