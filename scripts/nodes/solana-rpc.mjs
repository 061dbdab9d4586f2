// A Solana JSON-RPC server for tests. LiteSVM, the validator's runtime as a
// library, decides everything about a transaction: signatures, blockhash,
// nonce, fees, rent, programs. This file adds HTTP and a memory of what landed.
//
//   PORT     default 0, any free port; 127.0.0.1 only
//   MODULES  the folder that holds node_modules (default: the current one)
//   LAG      slots until what has landed is finalized; default 0, at once
//
// Prints "ready URL" and serves until TERM or INT. What differs from a cluster:
// - only the newest blockhash is valid, and it changes only when
//   svm_expireBlockhash is called, which lets 151 blocks and a minute of the
//   chain's time pass; with a LAG also by itself, 151 blocks after it came up;
// - slots pass with transactions and with svm_pass;
// - what is finalized is a runtime of its own, which does the same LAG slots
//   later; svm_fork takes the newest one back to it, and lets it do some of
//   what it had done again;
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

const lag = BigInt(process.env.LAG ?? 0);
const life = 150n; // blocks that a blockhash is good for
let svm = new LiteSvm(); // the newest bank
const root = lag ? LiteSvm.fromBytes(svm.toBytes()) : svm; // the finalized one
const landed = new Map(); // signature -> { slot, err, raw, meta }
const index = new Map(); // account -> signatures that name it, also those of forks
const born = new Map(); // blockhash -> slot, of those that are or were on the chain as it stands
const times = []; // [slot, Unix seconds], the newest last
let ahead = 0; // seconds that the chain's clock is ahead of the machine's
let open = []; // what the root has still to do: { slot, run, signature }
let slot = svm.getClock().slot;

// act does something now, and again on the root when it is final.
function act(run, signature) {
  const result = run(svm);
  if (lag) open.push({ slot, run, signature });
  return result;
}

const now = () => Math.floor(Date.now() / 1000) + ahead;

function setClock(bank, at) {
  const clock = bank.getClock();
  clock.slot = at;
  clock.unixTimestamp = BigInt(now());
  bank.setClock(clock);
}

const isFinal = (at) => at + lag <= slot;

function pass(blocks) {
  slot += blocks;
  times.push([slot, now()]);
  setClock(svm, slot);
  if (!lag) return;
  while (open.length && isFinal(open[0].slot)) open.shift().run(root);
  if (slot > lag) setClock(root, slot - lag); // to the minute; nothing here asks it
  if (slot > born.get(svm.latestBlockhash()) + life) renew();
}

function renew() {
  act((bank) => bank.expireBlockhash());
  born.set(svm.latestBlockhash(), slot);
}
born.set(svm.latestBlockhash(), slot);
pass(1n);

// fork takes back what is not final. Of the transactions a share is forgotten; the
// others land again, unless it is with other blockhashes and they need one of those.
function fork(share, others) {
  svm = LiteSvm.fromBytes(root.toBytes());
  const was = open;
  open = [];
  let undone = 0;
  for (const { slot: at, run, signature } of was) {
    if (!signature) {
      const before = svm.latestBlockhash();
      run(svm);
      const renewed = svm.latestBlockhash() !== before;
      if (renewed && others) born.delete(svm.latestBlockhash());
      const again = renewed && others ? (bank) => { run(bank); bank.expireBlockhash(); } : run;
      if (again !== run) svm.expireBlockhash();
      if (renewed) born.set(svm.latestBlockhash(), at);
      open.push({ slot: at, run: again });
      continue;
    }
    const err = Math.random() < share ? 'forgotten' : errorOf(run(svm));
    if (typeof err === 'string') {
      landed.delete(signature);
      undone++;
    } else {
      landed.get(signature).err = err;
      open.push({ slot: at, run, signature });
    }
  }
  setClock(svm, slot);
  return { undone, kept: open.length };
}

// view is the bank of a commitment; none named is finalized.
const view = (options) => ((options?.commitment ?? 'finalized') === 'finalized' ? root : svm);
const heightOf = (options) => (view(options) === svm ? slot : slot > lag ? slot - lag : 0n);

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
  const a = view(options).getAccount(unbase58(key));
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
  act((bank) => {
    const old = bank.getAccount(address);
    const balance = (old?.lamports() ?? 0n) + BigInt(lamports);
    bank.setAccount(address, new Account(balance, old?.data() ?? new Uint8Array(), old?.owner() ?? new Uint8Array(32),
      old?.executable() ?? false, old?.rentEpoch() ?? 0n));
  });
  pass(1n);
  const signature = base58(randomBytes(64));
  landed.set(signature, { slot, err: null });
  return signature;
}

function send(text, options) {
  const bytes = transaction(text, options);
  const signature = base58(bytes.slice(1, 65)); // one byte counts the signatures: fewer than 128 fit
  if (landed.has(signature)) { // LiteSVM remembers the newest ones only
    throw new RpcError(-32002, 'Transaction simulation failed: This transaction has already been processed', { err: 'AlreadyProcessed', logs: [] });
  }
  if (!options?.skipPreflight) {
    const trial = svm.simulateVersionedTransaction(bytes);
    const err = errorOf(trial);
    if (err) {
      const meta = metaOf(trial);
      throw new RpcError(-32002, `Transaction simulation failed: ${typeof err === 'string' ? err : JSON.stringify(err)}`,
        { err, logs: meta.logs(), unitsConsumed: meta.computeUnitsConsumed(), accounts: null });
    }
  }
  const result = act((bank) => bank.sendVersionedTransaction(bytes), signature);
  const err = errorOf(result);
  // A string names what stops a transaction before it runs: it never lands.
  if (typeof err === 'string') open = open.filter((x) => x.signature !== signature);
  else {
    landed.set(signature, { slot: lag ? slot : slot + 1n, err, raw: bytes, meta: metaOf(result) });
    for (const key of plain(bytes).message.accountKeys) {
      if (!index.has(key)) index.set(key, new Set());
      index.get(key).add(signature);
    }
  }
  pass(1n);
  return signature;
}

const statusOf = (err) => (err ? { Err: err } : { Ok: null });

function status(signature) {
  const x = landed.get(signature);
  if (!x) return null;
  const final = isFinal(x.slot), above = slot - x.slot;
  return {
    slot: x.slot, confirmations: final ? null : above < 31n ? above : 31n, err: x.err, status: statusOf(x.err),
    confirmationStatus: final ? 'finalized' : above > lag / 4n ? 'confirmed' : 'processed',
  };
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
  if (!x?.raw || (options?.commitment ?? 'finalized') === 'finalized' && !isFinal(x.slot)) return null;
  return {
    slot: x.slot, blockTime: Math.floor(Date.now() / 1000), version: 'legacy',
    transaction: (options?.encoding ?? 'json') === 'json' ? plain(x.raw) : [Buffer.from(x.raw).toString('base64'), 'base64'],
    meta: { err: x.err, status: statusOf(x.err), fee: 5000 * x.raw[0], logMessages: x.meta.logs(), preBalances: [], postBalances: [] },
  };
}

// Newest first; of each only what fits one page of a validator's answer.
function mentions(key, options) {
  const list = [];
  for (const signature of index.get(key) ?? []) {
    const x = landed.get(signature); // a fork may have taken it back
    const final = x && isFinal(x.slot);
    if (x && (final || (options?.commitment ?? 'finalized') !== 'finalized')) {
      list.push({ signature, slot: x.slot, err: x.err, memo: null, blockTime: null, confirmationStatus: final ? 'finalized' : 'confirmed' });
    }
  }
  list.reverse();
  const from = options?.before ? list.findIndex((x) => x.signature === options.before) + 1 : 0;
  return list.slice(from, from + Math.min(options?.limit ?? 1000, 1000));
}

const inContext = (value, options) => ({ context: { slot: heightOf(options ?? { commitment: 'processed' }), apiVersion: '2.0.0' }, value });

function latest(options) {
  const blockhash = view(options).latestBlockhash();
  return inContext({ blockhash, lastValidBlockHeight: (lag ? born.get(blockhash) : slot) + life }, options);
}

const methods = {
  getHealth: () => 'ok',
  getVersion: () => ({ 'solana-core': '2.0.0', 'feature-set': 0 }),
  getGenesisHash: () => base58(new Uint8Array(32).fill(1)),
  getBlockTime: ([at]) => times.findLast(([s]) => s <= at)?.[1] ?? null,
  getSlot: ([options]) => heightOf(options),
  getBlockHeight: ([options]) => heightOf(options),
  getFirstAvailableBlock: () => 0,
  getRecentPrioritizationFees: () => [{ slot, prioritizationFee: 0 }],
  getLatestBlockhash: ([options]) => latest(options),
  isBlockhashValid: ([hash, options]) => inContext(hash === view(options).latestBlockhash(), options),
  getBalance: ([key, options]) => inContext(view(options).getBalance(unbase58(key)) ?? 0n, options),
  getAccountInfo: ([key, options]) => inContext(account(key, options), options),
  getMultipleAccounts: ([keys, options]) => inContext(keys.map((key) => account(key, options)), options),
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
  getSignaturesForAddress: ([key, options]) => mentions(key, options),
  svm_expireBlockhash: () => {
    renew();
    ahead += 60; // 0.4 s for a block
    pass(151n);
    return svm.latestBlockhash();
  },
  svm_pass: ([blocks]) => {
    pass(BigInt(blocks));
    return slot;
  },
  svm_ahead: ([seconds]) => {
    ahead = seconds;
    pass(1n);
    return ahead;
  },
  svm_fork: ([share, others]) => fork(share, others),
  svm_blockhashes: () => Object.fromEntries([...born].map(([hash, at]) => [hash, at + life])), // the last block that takes each
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
