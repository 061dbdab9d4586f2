package bitcoin

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"coldsign/shared/chain"
	"coldsign/shared/chain/chaintest"
	"coldsign/shared/fault"
)

const (
	mainnet  chain.ID = "bip122:000000000019d6689c085ae165831e93"
	testnet3 chain.ID = "bip122:000000000933ea01ad0ee984209779ba"
	regtest  chain.ID = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328"
)

// secret is the n-th test key; key is its public key.
func secret(n int) []byte {
	s := sha256.Sum256(fmt.Appendf(nil, "coldsign test key %d", n))
	return s[:]
}

func key(n int) chain.PublicKey { return chaintest.Secp256k1Key(secret(n)) }

// sign signs as the keystore does, with any of the first 32 test keys.
var sign = func() func(chain.SignRequest) chain.Signature {
	secrets := map[chain.PublicKey][]byte{}
	for n := range 32 {
		secrets[key(n)] = secret(n)
	}
	return chaintest.Signer(secrets)
}()

func signAll(x chain.Tx) []chain.Signature {
	var sigs []chain.Signature
	for _, r := range x.ToSign() {
		sigs = append(sigs, sign(r))
	}
	return sigs
}

func multisigScript(m int, keys ...int) []byte {
	s := []byte{byte(op1 - 1 + m)}
	for _, k := range keys {
		s = push(s, key(k).Bytes())
	}
	return append(s, byte(op1-1+len(keys)), opCheckMultisig)
}

// fund makes a previous transaction whose second output is the one given.
func fund(seed uint32, o Output) []byte {
	t := &transaction{version: 2, in: []txInput{{sequence: seed}}, out: []Output{{Amount: 1, Script: []byte{op1}}, o}}
	t.in[0].prev.TxID[0] = 7
	if seed%2 == 0 {
		t.in[0].witness = encodeStack([]byte{1, 2, 3})
	}
	return t.encode(true)
}

// spend makes an input that spends such an output, with its proof.
func spend(seed uint32, o Output) Input {
	raw := fund(seed, o)
	r := &reader{b: raw}
	return Input{Outpoint: Outpoint{TxID: r.transaction(true).id(), Index: 1}, Sequence: 0xfffffffd, Previous: raw}
}

// kinds lists how to spend each kind of output, with the keys that sign.
var kinds = []struct {
	name    string
	input   func(seed uint32, amount uint64) Input
	signers []int
}{
	{"p2pkh", func(s uint32, a uint64) Input { return spend(s, Output{a, p2pkhScript(hash160(key(1).Bytes()))}) }, []int{1}},
	{"p2wpkh", func(s uint32, a uint64) Input { return spend(s, Output{a, witnessScript(0, hash160(key(2).Bytes()))}) }, []int{2}},
	{"p2sh-p2wpkh", func(s uint32, a uint64) Input { return nested(s, a, witnessScript(0, hash160(key(3).Bytes()))) }, []int{3}},
	{"p2wsh", func(s uint32, a uint64) Input { return p2wsh(s, a, multisigScript(2, 4, 5, 6)) }, []int{6, 4}},
	{"p2sh-p2wsh", func(s uint32, a uint64) Input {
		script := multisigScript(1, 7, 8)
		h := sha256.Sum256(script)
		in := nested(s, a, witnessScript(0, h[:]))
		in.WitnessScript = script
		return in
	}, []int{8}},
	{"p2tr", func(s uint32, a uint64) Input { return taproot(s, a, 9, nil) }, []int{9}},
	{"p2tr-tweaked", func(s uint32, a uint64) Input { return taproot(s, a, 10, secret(99)) }, []int{10}},
}

func nested(seed uint32, amount uint64, redeem []byte) Input {
	in := spend(seed, Output{amount, p2shScript(hash160(redeem))})
	in.RedeemScript = redeem
	return in
}

func p2wsh(seed uint32, amount uint64, script []byte) Input {
	h := sha256.Sum256(script)
	in := spend(seed, Output{amount, witnessScript(0, h[:])})
	in.WitnessScript = script
	return in
}

func taproot(seed uint32, amount uint64, k int, root []byte) Input {
	internal := key(k).Bytes()[1:]
	out, _ := outputKey(internal, root)
	in := spend(seed, Output{amount, witnessScript(1, out[:])})
	in.Claimed, in.Previous = &Output{amount, witnessScript(1, out[:])}, nil
	in.InternalKey, in.MerkleRoot = internal, root
	return in
}

func build(t testing.TB, version, locktime uint32, in []Input, out []Output) []byte {
	t.Helper()
	b, err := BuildPSBT(version, locktime, in, out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func signers(ks ...int) []chain.PublicKey {
	var keys []chain.PublicKey
	for _, k := range ks {
		keys = append(keys, key(k))
	}
	return keys
}

func decode(t testing.TB, payload []byte, ks ...int) *tx {
	t.Helper()
	x, err := New().Decode(chain.Unsigned{Network: mainnet, Payload: payload, Signers: signers(ks...)})
	if err != nil {
		t.Fatalf("%s: %v", fault.Code(err), err)
	}
	return x.(*tx)
}

func refuse(t *testing.T, name, code string, payload []byte, ks ...int) {
	t.Helper()
	x, err := New().Decode(chain.Unsigned{Network: mainnet, Payload: payload, Signers: signers(ks...)})
	if err == nil {
		t.Errorf("%s: decoded:\n%s", name, x.Review().Text())
	} else if got := fault.Code(err); got != code {
		t.Errorf("%s: code %s, want %s: %v", name, got, code, err)
	}
}

// pay is an ordinary output.
func pay(amount uint64) Output { return Output{amount, witnessScript(0, hash160(key(20).Bytes()))} }

// random makes a transaction with inputs of random kinds.
func random(t testing.TB, rnd *rand.Rand) ([]byte, []int) {
	var in []Input
	var ks []int
	sum := uint64(0)
	for range 1 + rnd.IntN(5) {
		k := kinds[rnd.IntN(len(kinds))]
		amount := 1000 + rnd.Uint64N(1e12)
		i := k.input(rnd.Uint32(), amount)
		i.Sequence = []uint32{0, 0xffffffff, 0xfffffffd, 0x400005, rnd.Uint32()}[rnd.IntN(5)]
		in, sum = append(in, i), sum+amount
		for _, s := range k.signers {
			if !slices.Contains(ks, s) {
				ks = append(ks, s)
			}
		}
	}
	var out []Output
	for range 1 + rnd.IntN(4) {
		amount := rnd.Uint64N(sum/8 + 1)
		script := binary.LittleEndian.AppendUint64([]byte{opReturn, 8}, rnd.Uint64())
		if rnd.IntN(3) > 0 {
			script = witnessScript(byte(rnd.IntN(2)), secret(rnd.IntN(100)))
		}
		out = append(out, Output{amount, script})
	}
	return build(t, 1+rnd.Uint32N(3), []uint32{0, 800000, 1_700_000_000}[rnd.IntN(3)], in, out), ks
}

// withField adds a field to input n of a PSBT, or replaces its value.
func withField(t testing.TB, payload []byte, n int, typ byte, value []byte, data ...byte) []byte {
	t.Helper()
	p, err := parsePacket(payload)
	if err != nil {
		t.Fatal(err)
	}
	p.in[n] = slices.DeleteFunc(slices.Clone(p.in[n]), func(kv pair) bool {
		return string(kv.key) == string(append([]byte{typ}, data...))
	})
	if value != nil {
		p.in[n].add(typ, data, value)
	}
	return p.encode()
}

// without drops every field of a type from input n.
func without(t testing.TB, payload []byte, n int, typ uint64) []byte {
	t.Helper()
	p, err := parsePacket(payload)
	if err != nil {
		t.Fatal(err)
	}
	p.in[n] = slices.DeleteFunc(slices.Clone(p.in[n]), func(kv pair) bool { return kv.typ == typ })
	return p.encode()
}

// partial gives the partial signature of a key for input n, as another signer
// would have put it into the PSBT.
func partial(t testing.TB, payload []byte, n, k int, all ...int) (value []byte) {
	t.Helper()
	x := decode(t, payload, all...)
	i := x.in[n]
	sig := sign(chain.SignRequest{Key: key(k), Scheme: chain.ECDSA, Message: i.digest[:]})
	value, ok := i.wireSignature(key(k), sig.Bytes)
	if !ok {
		t.Fatal("partial signature does not verify")
	}
	return value
}
