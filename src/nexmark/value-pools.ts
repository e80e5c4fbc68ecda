// Value pools — the words, names, channels and letters that generated events are made of.
//
// Everything here is the same for every seed and is made once per process, on first use: a channel keeps its URL
// across runs, and the hot path of the generator only picks.

import { EventRandom } from "./random.ts";

export const states: readonly string[] = ["AZ", "CA", "ID", "OR", "WA", "WY"];

export const cities: readonly string[] = [
  "Phoenix",
  "Los Angeles",
  "San Francisco",
  "Boise",
  "Portland",
  "Bend",
  "Redmond",
  "Seattle",
  "Kent",
  "Cheyenne",
];

const firstNames = [
  "Peter",
  "Paul",
  "Luke",
  "John",
  "Saul",
  "Vicky",
  "Kate",
  "Julie",
  "Sarah",
  "Deiter",
  "Walter",
];
const lastNames = ["Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris"];

/** First and last name, all combinations: picking one is the same as picking both independently. */
export const fullNames: readonly string[] = firstNames.flatMap((first) =>
  lastNames.map((last) => `${first} ${last}`),
);

export const hotChannels: readonly string[] = ["Google", "Facebook", "Baidu", "Apple"];

/** How many channels there are besides the hot ones. */
export const channelCount = 10_000;

const letterBytes = 1024 * 1024;
const space = 0x20;
const underscore = 0x5f;
const smallA = 0x61;
const smallestWord = 3;
const urlPrefix = "https://www.nexmark.com/";

/** Seeds of the pools; any fixed numbers, all different. */
const letterSeed = 0x5745_4952;
const urlSeed = 0x4e58_4d4b;

export interface ValuePools {
  /** 1 MiB of random letters a-z in one flat string: substrings of it share its memory. */
  readonly letters: string;
  /** URL of `hotChannels[i]`; never has a channel id. */
  readonly hotUrls: readonly string[];
  /** `channel-0` .. `channel-9999` */
  readonly channels: readonly string[];
  /** URL of `channels[i]`; nine of ten name their channel id. */
  readonly urls: readonly string[];
}

let pools: ValuePools | undefined;

/** The pools of this process; some 40 ms on the first call. */
export function valuePools(): ValuePools {
  pools ??= createValuePools();
  return pools;
}

function createValuePools(): ValuePools {
  const random = new EventRandom(urlSeed);
  const channels: string[] = [];
  const urls: string[] = [];
  for (let channel = 0; channel < channelCount; channel += 1) {
    random.start(channel);
    const url = createUrl(random);
    channels.push(`channel-${channel}`);
    urls.push(flat(random.below(10) > 0 ? `${url}&channel_id=${channelId(channel)}` : url));
  }
  const hotUrls = hotChannels.map((_, index) => {
    random.start(channelCount + index);
    return flat(createUrl(random));
  });
  return { letters: createLetters(), hotUrls, channels, urls };
}

function createLetters(): string {
  const random = new EventRandom(letterSeed);
  random.start(0);
  const bytes = Buffer.allocUnsafe(letterBytes);
  for (let at = 0; at < letterBytes; at += 1) bytes[at] = smallA + random.below(26);
  return bytes.toString("latin1");
}

function createUrl(random: EventRandom): string {
  const scratch = Buffer.allocUnsafe(16);
  let url = urlPrefix;
  for (let segment = 0; segment < 3; segment += 1) {
    url += `${scratch.toString("latin1", 0, writeWord(random, scratch, 0, 5, underscore))}/`;
  }
  return `${url}item.htm?query=1`;
}

/** The channel's number with its 32 bits in reverse order, as a signed number without its sign. */
function channelId(channel: number): number {
  let reversed = 0;
  for (let bit = 0; bit < 32; bit += 1) reversed = (reversed << 1) | ((channel >>> bit) & 1);
  return Math.abs(reversed);
}

/** A string joined from parts stays a tree of parts until somebody reads it; better once here than in every bid. */
function flat(text: string): string {
  return Buffer.from(text, "latin1").toString("latin1");
}

/**
 * Writes a random word of 3 to maxLength - 1 characters: a-z, and one in thirteen times `special`.
 *
 * @returns the position after the word
 */
function writeWord(
  random: EventRandom,
  target: Buffer,
  at: number,
  maxLength: number,
  special: number,
): number {
  const end = at + smallestWord + random.below(maxLength - smallestWord);
  for (let position = at; position < end; position += 1) {
    // One draw for both choices: 13 * 26 equally likely values, the first 26 of them mean the special character.
    const choice = random.below(338);
    target[position] = choice < 26 ? special : smallA + (choice % 26);
  }
  return end;
}

/** Writes a random phrase: a word whose special character is a space, without spaces at its ends. */
function writePhrase(random: EventRandom, target: Buffer, at: number, maxLength: number): number {
  let end = writeWord(random, target, at, maxLength, space);
  let start = at;
  while (end > start && target[end - 1] === space) end -= 1;
  while (start < end && target[start] === space) start += 1;
  if (start > at) target.copyWithin(at, start, end);
  return at + end - start;
}

/** Makes the free texts of persons and auctions in one reused buffer: one copy per text, no joining. */
export class TextWriter {
  readonly #scratch: Buffer = Buffer.allocUnsafe(256);

  /** Up to maxLength - 1 <= 255 characters a-z and inner spaces; rarely fewer than 3, as its ends are trimmed. */
  phrase(random: EventRandom, maxLength: number): string {
    return this.#text(writePhrase(random, this.#scratch, 0, maxLength));
  }

  /** `phrase@phrase.com` */
  emailAddress(random: EventRandom): string {
    const scratch = this.#scratch;
    let end = writePhrase(random, scratch, 0, 7);
    scratch[end] = 0x40;
    end = writePhrase(random, scratch, end + 1, 5);
    end += scratch.write(".com", end, "latin1");
    return this.#text(end);
  }

  /** Four groups of four digits. */
  creditCard(random: EventRandom): string {
    const scratch = this.#scratch;
    for (let group = 0; group < 4; group += 1) {
      let digits = random.below(10_000);
      for (let at = group * 5 + 3; at >= group * 5; at -= 1) {
        scratch[at] = 0x30 + (digits % 10);
        digits = Math.floor(digits / 10);
      }
      scratch[group * 5 + 4] = space;
    }
    return this.#text(19);
  }

  #text(end: number): string {
    return this.#scratch.toString("latin1", 0, end);
  }
}
