// EventRandom — the random choices of one event, a pure function of (seed, event id).
//
// Every event starts its own short sequence, so that event 5,000,000 costs no more than event 0 and any partition
// can make any event again. Only 32-bit integer steps and correctly rounded double operations are used: the same
// numbers come out in every JavaScript engine and version, which the workers of one job need not share.
//
// Sources: Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators", 2018 (xoroshiro64**, public
// domain); Appleby, MurmurHash3 (32-bit finaliser, public domain).

const TWO_POW_32 = 2 ** 32;

/** 10^(6/1024), to the 0th .. 1023rd power. Square roots are correctly rounded everywhere; Math.pow is not. */
const priceSteps = 1024;
const priceTable = createPriceTable();
const sixTimesLn10 = 13.815510557964274;

/** Hot: about ten draws per event. Guarded by the generator's speed in the benchmark. */
export class EventRandom {
  readonly #seedLow: number;
  readonly #seedHigh: number;
  #s0 = 0;
  #s1 = 0;

  /** @param seed any safe integer */
  constructor(seed: number) {
    this.#seedLow = mix32(lowWord(seed) ^ 0x9e3779b9);
    this.#seedHigh = mix32(highWord(seed) ^ 0x85ebca6b ^ this.#seedLow);
  }

  /** Starts the sequence of the event with this id, 0 <= eventId < 2^53. */
  start(eventId: number): void {
    // Each word is a bijection of the low 32 bits of the id: 2^32 consecutive events never share a sequence.
    const low = lowWord(eventId);
    const high = Math.imul(highWord(eventId), 0xc2b2ae35);
    this.#s0 = mix32(low ^ high ^ this.#seedLow);
    this.#s1 = mix32((low + this.#seedHigh) ^ high);
    // The all-zero state is the generator's only fixed point.
    if ((this.#s0 | this.#s1) === 0) this.#s1 = 0x9e3779b9 | 0;
  }

  /** The next 32 random bits, as a number from 0 to 2^32 - 1. */
  next(): number {
    const s0 = this.#s0;
    const product = Math.imul(s0, 0x9e3779bb);
    const result = Math.imul((product << 5) | (product >>> 27), 5);
    const s1 = this.#s1 ^ s0;
    this.#s0 = ((s0 << 26) | (s0 >>> 6)) ^ s1 ^ (s1 << 9);
    this.#s1 = (s1 << 13) | (s1 >>> 19);
    return result >>> 0;
  }

  /** An integer from 0 to bound - 1, bound >= 1. From 2^32 on, some values never come up. */
  below(bound: number): number {
    return Math.floor((this.next() * bound) / TWO_POW_32);
  }

  /** A price in cents: 10^(6u) * 100, rounded, u uniform in [0, 1). From 100 to 100,000,000. */
  price(): number {
    const position = (this.next() / TWO_POW_32) * priceSteps;
    const step = Math.floor(position);
    // e^x for x < 0.0135: the terms from the fifth on are below 4e-12.
    const x = ((position - step) / priceSteps) * sixTimesLn10;
    const power = 1 + x * (1 + (x / 2) * (1 + (x / 3) * (1 + x / 4)));
    return Math.round((priceTable[step] as number) * power * 100);
  }
}

function createPriceTable(): Float64Array {
  let base = 1e6;
  for (let steps = 1; steps < priceSteps; steps *= 2) base = Math.sqrt(base);
  const table = new Float64Array(priceSteps);
  let power = 1;
  for (let step = 0; step < priceSteps; step += 1) {
    table[step] = power;
    power *= base;
  }
  return table;
}

function lowWord(value: number): number {
  return value | 0;
}

function highWord(value: number): number {
  return Math.floor(value / TWO_POW_32) | 0;
}

function mix32(value: number): number {
  let hash = value ^ (value >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
