// Other people's UR, BBQr, SLIP-39 and Bitcoin Cash VM, asked by tests. One JSON object a line on standard
// input, one a line on standard output: {"result": ...} or {"error": "..."}.
// Bytes are hexadecimal.
//
//   {do: "frames", type, cbor, max, first, count}  UR parts after part number first
//   {do: "collect", parts}     {type, cbor, used} of the parts in this order
//   {do: "make", type, value}  the CBOR of a value
//   {do: "read", type, cbor}   the value of a CBOR, as "make" takes it
//   {do: "split", data, type, options}  {version, encoding, parts} of a BBQr
//   {do: "join", parts}        {type, encoding, data}
//   {do: "share", secret, passphrase, threshold, groups, exponent, extendable}  SLIP-39 shares
//   {do: "unshare", shares, passphrase}  the secret
//   {do: "spend", tx, outputs: [[satoshi, script]...]}  true: the nodes of Bitcoin Cash take it
//   {do: "pays", address}      [prefix, script] of a CashAddr
//
// MODULES is the folder that holds node_modules (default: the current one).
import { createInterface } from 'node:readline';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const modules = (process.env.MODULES ?? process.cwd()) + '/';
const load = createRequire(modules);
const { UR, UREncoder, URDecoder } = load('@ngraveio/bc-ur');
const registry = load('@keystonehq/bc-ur-registry');
const eth = load('@keystonehq/bc-ur-registry-eth');
const sol = load('@keystonehq/bc-ur-registry-sol');
const bbqr = await import(pathToFileURL(modules + 'node_modules/bbqr/dist/bbqr.js'));
const slip39 = load('slip39');
const libauth = await import(pathToFileURL(modules + 'node_modules/@bitauth/libauth/build/index.js'));

const bytes = (hex) => (hex === undefined ? undefined : Buffer.from(hex, 'hex'));
const hex = (b) => (b === undefined ? undefined : Buffer.from(b).toString('hex'));

// What is said of a path, a key and an output, for the classes of one package:
// -eth and -sol bring their own.
const path = {
  make: (r, v) => v && new r.CryptoKeypath(v.steps.map(([index, hardened]) => new r.PathComponent({ index: index ?? undefined, hardened })), bytes(v.fingerprint), v.depth),
  read: (p) => p && { steps: p.getComponents().map((c) => [c.isWildcard() ? null : c.getIndex(), c.isHardened()]), fingerprint: hex(p.getSourceFingerprint()), depth: p.getDepth() },
};
const hdKey = {
  make: (v) => {
    const coin = v.coin && new registry.CryptoCoinInfo(v.coin.type, v.coin.network);
    return new registry.CryptoHDKey({ isMaster: v.master ?? false, isPrivateKey: v.private, key: bytes(v.key), chainCode: bytes(v.chainCode), useInfo: coin, origin: path.make(registry, v.origin), children: path.make(registry, v.children), parentFingerprint: bytes(v.parent), name: v.name, note: v.note });
  },
  read: (k) => {
    const coin = k.getUseInfo();
    return { master: k.isMaster() || undefined, private: k.isPrivateKey() || undefined, key: hex(k.getKey()), chainCode: hex(k.getChainCode()), coin: coin && { type: coin.getType(), network: coin.getNetwork() }, origin: path.read(k.getOrigin()), children: path.read(k.getChildren()), parent: hex(k.getParentFingerprint()), name: k.getName(), note: k.getNote() };
  },
};
const key = {
  make: (v) => (v.ec ? new registry.CryptoECKey({ data: bytes(v.ec) }) : hdKey.make(v)),
  read: (k) => (k.isECKey() ? { ec: hex(k.getData()) } : hdKey.read(k)),
};
const scripts = Object.values(registry.ScriptExpressions);
const output = {
  make: (v) => new registry.CryptoOutput(v.scripts.map((s) => scripts.find((e) => e.getExpression() === s)), v.threshold ? new registry.MultiKey(v.threshold, v.keys.map(key.make)) : key.make(v.keys[0])),
  read: (o) => {
    const multi = o.getMultiKey();
    const names = o.getScriptExpressions().map((e) => e.getExpression());
    return { scripts: names, threshold: multi?.getThreshold(), keys: multi ? multi.getKeys().map(key.read) : [key.read(o.getCryptoKey())] };
  },
};
const ethRequest = {
  make: (v) => new eth.EthSignRequest({ requestId: bytes(v.id), signData: bytes(v.data), dataType: v.kind, chainId: v.chainId, derivationPath: path.make(eth, v.path), address: bytes(v.address), origin: v.origin }),
  read: (q) => ({ id: hex(q.getRequestId()), data: hex(q.getSignData()), kind: q.getDataType(), chainId: q.getChainId(), path: path.read(q.derivationPath), address: hex(q.getSignRequestAddress()), origin: q.getOrigin() }),
};
const ethSignature = {
  make: (v) => new eth.ETHSignature(bytes(v.signature), bytes(v.id), v.origin),
  read: (s) => ({ id: hex(s.getRequestId()), signature: hex(s.getSignature()), origin: s.getOrigin() }),
};

const types = {
  bytes: { from: registry.Bytes, make: (v) => new registry.Bytes(bytes(v)), read: (b) => hex(b.getData()) },
  'crypto-psbt': { from: registry.CryptoPSBT, make: (v) => new registry.CryptoPSBT(bytes(v)), read: (p) => hex(p.getPSBT()) },
  'crypto-hdkey': { from: registry.CryptoHDKey, ...hdKey },
  'crypto-output': { from: registry.CryptoOutput, ...output },
  'crypto-account': {
    from: registry.CryptoAccount,
    make: (v) => new registry.CryptoAccount(bytes(v.fingerprint), v.outputs.map(output.make)),
    read: (a) => ({ fingerprint: hex(a.getMasterFingerprint()), outputs: a.getOutputDescriptors().map(output.read) }),
  },
  'crypto-multi-accounts': {
    from: registry.CryptoMultiAccounts,
    make: (v) => new registry.CryptoMultiAccounts(bytes(v.fingerprint), v.keys.map(hdKey.make), v.device, v.id, v.version),
    read: (a) => ({ fingerprint: hex(a.getMasterFingerprint()), keys: a.getKeys().map(hdKey.read), device: a.getDevice(), id: a.getDeviceId(), version: a.getVersion() }),
  },
  'eth-sign-request': { from: eth.EthSignRequest, ...ethRequest },
  'eth-signature': { from: eth.ETHSignature, ...ethSignature },
  'eth-batch-sign-request': { from: eth.ETHBatchSignRequest, make: (v) => new eth.ETHBatchSignRequest(v.map(ethRequest.make)), read: (b) => b.getRequests().map(ethRequest.read) },
  'eth-batch-signature': { from: eth.ETHBatchSignature, make: (v) => new eth.ETHBatchSignature(v.map(ethSignature.make)), read: (b) => b.getSignatures().map(ethSignature.read) },
  'sol-sign-request': {
    from: sol.SolSignRequest,
    make: (v) => new sol.SolSignRequest({ requestId: bytes(v.id), signData: bytes(v.data), derivationPath: path.make(sol, v.path), address: bytes(v.address), origin: v.origin, signType: v.kind }),
    read: (q) => ({ id: hex(q.getRequestId()), data: hex(q.getSignData()), path: path.read(q.derivationPath), address: hex(q.getSignRequestAddress()), origin: q.getOrigin(), kind: q.getSignType() }),
  },
  'sol-signature': { from: sol.SolSignature, make: (v) => new sol.SolSignature(bytes(v.signature), bytes(v.id)), read: (s) => ({ id: hex(s.getRequestId()), signature: hex(s.getSignature()) }) },
};

const verbs = {
  frames: ({ type, cbor, max, first, count }) => {
    const encoder = new UREncoder(new UR(bytes(cbor), type), max, first);
    return Array.from({ length: count }, () => encoder.nextPart());
  },
  collect: ({ parts }) => {
    const decoder = new URDecoder();
    for (const [i, part] of parts.entries()) {
      decoder.receivePart(part);
      if (decoder.isError()) throw new Error(decoder.resultError());
      if (decoder.isComplete()) {
        const ur = decoder.resultUR();
        return { type: ur.type, cbor: hex(ur.cbor), used: i + 1 };
      }
    }
    throw new Error(`${parts.length} parts are not enough`);
  },
  make: ({ type, value }) => hex(types[type].make(value).toCBOR()),
  read: ({ type, cbor }) => types[type].read(types[type].from.fromCBOR(bytes(cbor))),
  split: ({ data, type, options }) => bbqr.splitQRs(new Uint8Array(bytes(data)), type, options),
  join: ({ parts }) => {
    const { fileType, encoding, raw } = bbqr.joinQRs(parts);
    return { type: fileType, encoding, data: hex(raw) };
  },
  share: ({ secret, passphrase, threshold, groups, exponent, extendable }) =>
    slip39.fromArray(Array.from(bytes(secret)), { passphrase, threshold, groups, iterationExponent: exponent, extendableBackupFlag: extendable }).fromPath('r').mnemonics,
  spend: ({ tx, outputs }) => {
    const transaction = libauth.decodeTransaction(Uint8Array.from(bytes(tx)));
    if (typeof transaction === 'string') throw new Error(transaction);
    const sourceOutputs = outputs.map(([satoshi, script]) => ({ valueSatoshis: BigInt(satoshi), lockingBytecode: Uint8Array.from(bytes(script)) }));
    const answer = libauth.createVirtualMachineBCH(true).verify({ sourceOutputs, transaction });
    if (answer !== true) throw new Error(answer);
    return true;
  },
  pays: ({ address }) => {
    const answer = libauth.cashAddressToLockingBytecode(address);
    if (typeof answer === 'string') throw new Error(answer);
    return [answer.prefix, hex(answer.bytecode)];
  },
  unshare: ({ shares, passphrase }) => hex(slip39.recoverSecret(shares, passphrase)),
};

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    const question = JSON.parse(line);
    answer = { result: verbs[question.do](question) };
  } catch (e) {
    answer = { error: String(e?.message ?? e) || 'failed' };
  }
  process.stdout.write(JSON.stringify(answer) + '\n');
}
