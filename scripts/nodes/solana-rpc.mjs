// A Solana JSON-RPC server for tests. LiteSVM, the validator's runtime as a
// library, decides everything about a transaction: signatures, blockhash,
// nonce, fees, rent, programs. This file adds HTTP and a memory of what landed.
//
//   PORT     default 0, any free port; 127.0.0.1 only
//   MODULES  the folder that holds node_modules (default: the current one)
//
// Prints "ready URL" and serves until TERM or INT. What differs from a cluster:
// - only the newest blockhash is valid, and it changes only when
//   svm_expireBlockhash is called, which lets 151 blocks pass;
// - what lands is finalized at once;
// - requestAirdrop edits a balance;
// - a failed transaction with a durable nonce does not advance the nonce.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';

const load = createRequire((process.env.MODULES ?? process.cwd()) + '/');
const { LiteSvm, Account, FailedTransactionMetadata } = load('litesvm/dist/internal.js');
const kit = load('@solana/kit');

const unbase58 = (s) => new Uint8Array(kit.getBase58Encoder().encode(s));
const base58 = (b) => kit.getBase58Decoder().decode(b);
const messages = kit.getCompiledTransactionMessageCodec();

class RpcError extends Error {
  constructor(code, message, data) {
    super(message);
    this.code = code;
    this.data = data;
  }
}
const invalid = (what) => new RpcError(-32602, what);

// The names of LiteSVM's numbered errors are in its type declarations only.
const types = readFileSync(load.resolve('litesvm/dist/internal.d.ts'), 'utf8');
const names = (type) => types.split(`enum ${type} {`)[1].split('}')[0].match(/\w+(?= =)/g);
const transactionErrors = names('TransactionErrorFieldless');
const instructionErrors = names('InstructionErrorFieldless');

const svm = new LiteSvm();
const landed = new Map(); // signature -> { slot, err, raw, meta }
let slot = svm.getClock().slot;

function pass(blocks) {
  slot += blocks;
  const clock = svm.getClock();
  clock.slot = slot;
  clock.unixTimestamp = BigInt(Math.floor(Date.now() / 1000));
  svm.setClock(clock);
}
pass(1n);

// A result's error in a validator's JSON: null, "BlockhashNotFound",
// {"InstructionError":[0,{"Custom":1}]}, ...
function errorOf(result) {
  if (!(result instanceof FailedTransactionMetadata)) return null;
  const e = result.err();
  if (typeof e === 'number') return transactionErrors[e];
  if (typeof e.err !== 'function') {
    return { [e.constructor.name.replace('TransactionError', '')]: { account_index: e.accountIndex ?? e.index } };
  }
  const inner = e.err();
  return { InstructionError: [e.index, typeof inner === 'number' ? instructionErrors[inner] : { Custom: inner.code }] };
}

const metaOf = (result) => (typeof result.meta === 'function' ? result.meta() : result);

// LiteSVM aborts the process on bytes that are no transaction, so they must
// decode, and encode again to the same bytes, before it gets them.
function transaction(text, options) {
  const bytes = options?.encoding === 'base64' ? new Uint8Array(Buffer.from(text, 'base64')) : unbase58(text);
  if (bytes.length > 1232) throw invalid(`transaction too large: ${bytes.length} bytes (max: 1232 bytes)`);
  try {
    const { messageBytes } = kit.getTransactionDecoder().decode(bytes);
    if (Buffer.compare(messages.encode(messages.decode(messageBytes)), messageBytes)) throw new Error('not canonical');
  } catch (e) {
    throw invalid('failed to deserialize transaction: ' + e.message);
  }
  return bytes;
}

function account(key, options) {
  const a = svm.getAccount(unbase58(key));
  if (!a || a.lamports() === 0n) return null;
  const whole = a.data();
  const cut = options?.dataSlice;
  const data = cut ? whole.slice(cut.offset, cut.offset + cut.length) : whole;
  const encoding = options?.encoding === 'base58' ? 'base58' : 'base64';
  return {
    lamports: a.lamports(), owner: base58(a.owner()), executable: a.executable(), rentEpoch: a.rentEpoch(),
    space: whole.length, data: [encoding === 'base58' ? base58(data) : Buffer.from(data).toString('base64'), encoding],
  };
}

function tokenBalance(key) {
  const data = Buffer.from(svm.getAccount(unbase58(key))?.data() ?? []);
  if (data.length < 165) throw invalid('Invalid param: could not find account');
  const decimals = svm.getAccount(new Uint8Array(data.subarray(0, 32))).data()[44];
  const amount = data.readBigUInt64LE(64);
  const shown = Number(amount) / 10 ** decimals;
  return { amount: `${amount}`, decimals, uiAmount: shown, uiAmountString: `${shown}` };
}

function airdrop(key, lamports) {
  const address = unbase58(key);
  const old = svm.getAccount(address);
  const balance = (old?.lamports() ?? 0n) + BigInt(lamports);
  svm.setAccount(address, new Account(balance, old?.data() ?? new Uint8Array(), old?.owner() ?? new Uint8Array(32),
    old?.executable() ?? false, old?.rentEpoch() ?? 0n));
  pass(1n);
  const signature = base58(randomBytes(64));
  landed.set(signature, { slot, err: null });
  return signature;
}

function send(text, options) {
  const bytes = transaction(text, options);
  if (!options?.skipPreflight) {
    const trial = svm.simulateVersionedTransaction(bytes);
    const err = errorOf(trial);
    if (err) {
      const meta = metaOf(trial);
      throw new RpcError(-32002, `Transaction simulation failed: ${typeof err === 'string' ? err : JSON.stringify(err)}`,
        { err, logs: meta.logs(), unitsConsumed: meta.computeUnitsConsumed(), accounts: null });
    }
  }
  const signature = base58(bytes.slice(1, 65)); // one byte counts the signatures: fewer than 128 fit
  const result = svm.sendVersionedTransaction(bytes);
  const err = errorOf(result);
  pass(1n);
  // A string names what stops a transaction before it runs: it never lands.
  if (!err || typeof err === 'object') landed.set(signature, { slot, err, raw: bytes, meta: metaOf(result) });
  return signature;
}

const statusOf = (err) => (err ? { Err: err } : { Ok: null });

function status(signature) {
  const x = landed.get(signature);
  return x ? { slot: x.slot, confirmations: null, err: x.err, status: statusOf(x.err), confirmationStatus: 'finalized' } : null;
}

// The form "json", which a client gets that names no encoding.
function plain(raw) {
  const { messageBytes } = kit.getTransactionDecoder().decode(raw);
  const m = messages.decode(messageBytes);
  return {
    signatures: Array.from({ length: raw[0] }, (_, i) => base58(raw.slice(1 + 64 * i, 65 + 64 * i))),
    message: {
      accountKeys: m.staticAccounts, recentBlockhash: m.lifetimeToken,
      header: {
        numRequiredSignatures: m.header.numSignerAccounts, numReadonlySignedAccounts: m.header.numReadonlySignerAccounts,
        numReadonlyUnsignedAccounts: m.header.numReadonlyNonSignerAccounts,
      },
      instructions: m.instructions.map((i) => ({ programIdIndex: i.programAddressIndex, accounts: i.accountIndices ?? [], data: base58(i.data ?? new Uint8Array()) })),
    },
  };
}

function found(signature, options) {
  const x = landed.get(signature);
  if (!x?.raw) return null;
  return {
    slot: x.slot, blockTime: Math.floor(Date.now() / 1000), version: 'legacy',
    transaction: (options?.encoding ?? 'json') === 'json' ? plain(x.raw) : [Buffer.from(x.raw).toString('base64'), 'base64'],
    meta: { err: x.err, status: statusOf(x.err), fee: 5000 * x.raw[0], logMessages: x.meta.logs(), preBalances: [], postBalances: [] },
  };
}

const inContext = (value) => ({ context: { slot, apiVersion: '2.0.0' }, value });

const methods = {
  getHealth: () => 'ok',
  getVersion: () => ({ 'solana-core': '2.0.0', 'feature-set': 0 }),
  getGenesisHash: () => base58(new Uint8Array(32).fill(1)),
  getSlot: () => slot,
  getBlockHeight: () => slot,
  getFirstAvailableBlock: () => 0,
  getRecentPrioritizationFees: () => [{ slot, prioritizationFee: 0 }],
  getLatestBlockhash: () => inContext({ blockhash: svm.latestBlockhash(), lastValidBlockHeight: slot + 150n }),
  isBlockhashValid: ([hash]) => inContext(hash === svm.latestBlockhash()),
  getBalance: ([key]) => inContext(svm.getBalance(unbase58(key)) ?? 0n),
  getAccountInfo: ([key, options]) => inContext(account(key, options)),
  getMultipleAccounts: ([keys, options]) => inContext(keys.map((key) => account(key, options))),
  getMinimumBalanceForRentExemption: ([bytes]) => svm.minimumBalanceForRentExemption(BigInt(bytes)),
  getTokenAccountBalance: ([key]) => inContext(tokenBalance(key)),
  requestAirdrop: ([key, lamports]) => airdrop(key, lamports),
  sendTransaction: ([text, options]) => send(text, options),
  simulateTransaction: ([text, options]) => {
    const result = svm.simulateVersionedTransaction(transaction(text, options));
    const meta = metaOf(result);
    return inContext({ err: errorOf(result), logs: meta.logs(), unitsConsumed: meta.computeUnitsConsumed(), accounts: null, returnData: null });
  },
  getSignatureStatuses: ([signatures]) => inContext(signatures.map(status)),
  getTransaction: ([signature, options]) => found(signature, options),
  svm_expireBlockhash: () => {
    svm.expireBlockhash();
    pass(151n);
    return svm.latestBlockhash();
  },
};

// A u64 must reach the client exactly (rentEpoch is 2^64-1): bare digits.
const write = (v) => JSON.stringify(v, (_, x) => (typeof x === 'bigint' ? `\u0001${x}` : x)).replace(/"\\u0001(\d+)"/g, '$1');

function answer({ id = null, method, params }) {
  try {
    if (!Object.hasOwn(methods, method)) throw new RpcError(-32601, 'Method not found');
    return { jsonrpc: '2.0', id, result: methods[method](params ?? []) };
  } catch (e) {
    return { jsonrpc: '2.0', id, error: { code: e.code ?? -32602, message: e.message, data: e.data } };
  }
}

const server = createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) {
    body += chunk;
    if (body.length > 1 << 20) return request.destroy();
  }
  let out;
  try {
    const call = JSON.parse(body);
    out = Array.isArray(call) ? call.map(answer) : answer(call);
  } catch {
    out = { jsonrpc: '2.0', id: null, error: { code: -32700, message: 'Parse error' } };
  }
  response.writeHead(200, { 'content-type': 'application/json' }).end(write(out));
});
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => console.log(`ready http://127.0.0.1:${server.address().port}`));
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    server.closeAllConnections();
    server.close(() => process.exit(0));
  });
}
