// Makes split.json: what the reference implementation makes of the files here.
import { createHash } from 'crypto';
import fs from 'fs';
import { splitQRs } from 'bbqr';

const out = [];
for (const file of fs.readdirSync('.').filter((f) => /\.(psbt|txn)$/.test(f)).sort()) {
  const raw = new Uint8Array(fs.readFileSync(file));
  for (const encoding of ['H', '2', 'Z']) {
    for (const maxVersion of [11, 27, 40]) {
      for (const minSplit of [1, 4]) {
        let s;
        try {
          s = splitQRs(raw, 'P', { encoding, maxVersion, minSplit });
        } catch {
          out.push({ file, encoding, maxVersion, minSplit }); // it does not fit
          continue;
        }
        const sha256 = createHash('sha256').update(s.parts.join('\n')).digest('hex');
        const v = { file, encoding, maxVersion, minSplit, used: s.encoding, version: s.version, count: s.parts.length, sha256 };
        if (encoding === 'Z' && raw.length < 5000 && minSplit > 1) v.parts = s.parts;
        out.push(v);
      }
    }
  }
}
fs.writeFileSync('split.json', '[\n' + out.map((v) => JSON.stringify(v)).join(',\n') + '\n]\n');
