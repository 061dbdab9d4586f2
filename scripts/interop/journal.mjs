// A reader of offline/internal/journal/FORMAT.md that shares nothing with coldsign:
// node journal.mjs COPY... verifies files of "journal export --format raw", one line
// each: "ok ENTRIES HEAD DEVICE", or "bad ENTRY WHY" with the first bad entry, 0 for
// what is in front of them all. It needs no key and no package.
import { createHash, createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';

const MAGIC = Buffer.from('coldsign journal 1\n');
const sha256 = (b) => createHash('sha256').update(b).digest();

// read gives the value at offset at of deterministic CBOR, and where it ends: maps as
// Map, integers as BigInt, byte strings as Buffer.
function read(b, at, depth = 0) {
  if (depth > 8 || at >= b.length) throw new Error('not CBOR');
  const major = b[at] >> 5, small = b[at] & 31;
  let n = BigInt(small), end = at + 1;
  if (small > 23) {
    const size = { 24: 1, 25: 2, 26: 4, 27: 8 }[small];
    if (!size || end + size > b.length) throw new Error('not CBOR');
    n = BigInt('0x' + b.toString('hex', end, end + size));
    end += size;
    if (n < { 1: 24n, 2: 256n, 4: 65536n, 8: 1n << 32n }[size]) throw new Error('a long head');
  }
  if (major === 0) return [n, end];
  if (major === 1) return [-1n - n, end];
  if (n > BigInt(b.length - end)) throw new Error('cut short');
  if (major === 2 || major === 3) {
    const s = b.subarray(end, end + Number(n));
    return [major === 2 ? s : new TextDecoder('utf-8', { fatal: true }).decode(s), end + s.length];
  }
  if (major !== 4 && major !== 5) throw new Error('a type that no entry has');
  const list = [];
  for (let i = 0n; i < (major === 5 ? 2n * n : n); i++) {
    const [v, next] = read(b, end, depth + 1);
    list.push(v);
    end = next;
  }
  if (major === 4) return [list, end];
  const keys = list.filter((_, i) => i % 2 === 0);
  if (keys.some((k, i) => typeof k !== 'bigint' || (i > 0 && k <= keys[i - 1]))) throw new Error('keys out of order');
  return [new Map(keys.map((k, i) => [Number(k), list[2 * i + 1]])), end];
}

function check(raw) {
  let number = 0, at = MAGIC.length, previous = Buffer.alloc(32), device;
  const bad = (why, entry = number + 1) => `bad ${entry} ${why}`;
  if (!raw.subarray(0, at).equals(MAGIC)) return bad('no header', 0);
  while (raw.length - at < 4 || raw.readUInt32BE(at) !== 0) {
    const size = raw.length - at < 4 ? 0 : raw.readUInt32BE(at);
    if (size === 0 || size > 134217728 || raw.length - at < 4 + size + 64) return bad('missing or not whole');
    const body = raw.subarray(at + 4, at + 4 + size), signature = raw.subarray(at + 4 + size, at + 4 + size + 64);
    let e, end;
    try {
      [e, end] = read(body, 0);
    } catch (err) {
      return bad(err.message);
    }
    if (!(e instanceof Map) || end !== size) return bad('not one map');
    if (e.get(1) !== BigInt(number + 1) || !previous.equals(e.get(2) ?? '')) return bad('does not follow the one before');
    if (number === 0) {
      if (![1n, 10n].includes(e.get(4)) || e.get(6)?.length !== 32) return bad('names no device');
      device = e.get(6);
    }
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: device.toString('base64url') }, format: 'jwk' });
    const signed = Buffer.concat([Buffer.from('coldsign journal entry\0'), sha256(body)]);
    if (!verify(null, signed, key, signature)) return bad('not signed by the device');
    [previous, number, at] = [sha256(body), number + 1, at + 4 + size + 64];
  }
  if (raw.length - at !== 12 || raw.readBigUInt64BE(at + 4) !== BigInt(number) || number === 0) return bad('the count does not fit');
  return `ok ${number} ${previous.toString('hex')} ${sha256(device).toString('hex', 0, 16)}`;
}

for (const file of process.argv.slice(2)) console.log(check(readFileSync(file)));
