package bitcoin

import (
	"bytes"
	"crypto/sha256"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/chainhash/v2"
	//lint:ignore SA1019 Bitcoin's own hash; nothing else will do
	"golang.org/x/crypto/ripemd160"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// Opcodes that we read or write.
const (
	op0             = 0x00
	opPushData1     = 0x4c
	op1             = 0x51
	op16            = 0x60
	opReturn        = 0x6a
	opDup           = 0x76
	opEqual         = 0x87
	opEqualVerify   = 0x88
	opHash160       = 0xa9
	opHash256       = 0xaa
	opCheckSig      = 0xac
	opCheckMultisig = 0xae
)

// hash160 is RIPEMD-160 of SHA-256: 20 bytes.
func hash160(b []byte) []byte {
	s := sha256.Sum256(b)
	h := ripemd160.New()
	h.Write(s[:])
	return h.Sum(nil)
}

func p2pkhScript(hash []byte) []byte {
	return append(append([]byte{opDup, opHash160, 20}, hash...), opEqualVerify, opCheckSig)
}

func p2shScript(hash []byte) []byte {
	return append(append([]byte{opHash160, 20}, hash...), opEqual)
}

// p2sh32Script is Bitcoin Cash's P2SH with a hash of 32 bytes.
func p2sh32Script(hash []byte) []byte {
	return append(append([]byte{opHash256, 32}, hash...), opEqual)
}

// witnessScript makes the script of a witness program (BIP-141).
func witnessScript(version byte, program []byte) []byte {
	if version > 0 {
		version += op1 - 1
	}
	return append([]byte{version, byte(len(program))}, program...)
}

// p2pkhHash gives the key hash of a P2PKH script.
func p2pkhHash(script []byte) ([]byte, bool) {
	if len(script) == 25 && bytes.Equal(script, p2pkhScript(script[3:23])) {
		return script[3:23], true
	}
	return nil, false
}

// p2shHash gives the script hash of a P2SH script.
func p2shHash(script []byte) ([]byte, bool) {
	if len(script) == 23 && bytes.Equal(script, p2shScript(script[2:22])) {
		return script[2:22], true
	}
	return nil, false
}

// witnessProgram reads any witness program: version 0 to 16, 2 to 40 bytes.
func witnessProgram(script []byte) (version byte, program []byte, ok bool) {
	if len(script) < 4 || len(script) > 42 || int(script[1]) != len(script)-2 {
		return 0, nil, false
	}
	switch v := script[0]; {
	case v == op0:
		return 0, script[2:], true
	case v >= op1 && v <= op16:
		return v - op1 + 1, script[2:], true
	}
	return 0, nil, false
}

// multisig reads OP_m key... OP_n OP_CHECKMULTISIG with 1 <= m <= n <= 16 and n
// different compressed keys, each on the curve.
func multisig(script []byte) (m int, keys []chain.PublicKey, ok bool) {
	n := (len(script) - 3) / 34
	if n < 1 || n > 16 || len(script) != 3+34*n || script[0] < op1 || int(script[0]) > op1-1+n ||
		int(script[len(script)-2]) != op1-1+n || script[len(script)-1] != opCheckMultisig {
		return 0, nil, false
	}
	seen := map[chain.PublicKey]bool{}
	for rest := script[1:]; len(keys) < n; rest = rest[34:] {
		key, err := chain.NewPublicKey(chain.Secp256k1, rest[1:34])
		if rest[0] != 33 || err != nil || !isPubKey(rest[1:34]) || seen[key] {
			return 0, nil, false
		}
		seen[key] = true
		keys = append(keys, key)
	}
	return int(script[0]) - op1 + 1, keys, true
}

// MultisigScript writes what multisig reads.
func MultisigScript(m int, keys []chain.PublicKey) ([]byte, error) {
	script := []byte{byte(op1 - 1 + m)}
	for _, k := range keys {
		script = push(script, k.Bytes())
	}
	script = append(script, byte(op1-1+len(keys)), opCheckMultisig)
	if got, _, ok := multisig(script); !ok || got != m {
		return nil, fault.New("bitcoin.multisig", "", "%d of %d keys make no multisig that is signed here", m, len(keys))
	}
	return script, nil
}

// P2WSH gives the output script of a witness script, bare or in P2SH.
func P2WSH(witness []byte, nested bool) []byte {
	h := sha256.Sum256(witness)
	script := witnessScript(0, h[:])
	if nested {
		return p2shScript(hash160(script))
	}
	return script
}

// returnData gives the data of OP_RETURN with one push of at most 80 bytes in
// its shortest form.
func returnData(script []byte) ([]byte, bool) {
	if len(script) < 2 || script[0] != opReturn {
		return nil, false
	}
	n, data := int(script[1]), script[2:]
	switch {
	case n < opPushData1: // up to 75 bytes, the opcode is the length
	case n > opPushData1 || len(data) == 0 || data[0] < opPushData1:
		return nil, false // another opcode, or a longer form than needed
	default:
		n, data = int(data[0]), data[1:]
	}
	if n == 1 && len(data) == 1 && (data[0] >= 1 && data[0] <= 16 || data[0] == 0x81) {
		return nil, false // OP_1 to OP_16 and OP_1NEGATE are shorter
	}
	return data, n == len(data) && n <= 80
}

// push writes a push of at most 75 bytes.
func push(b, data []byte) []byte { return append(append(b, byte(len(data))), data...) }

// dustLimit is the least amount that nodes relay to a script at 3 sat/vB, as
// Bitcoin Core counts it: what the output costs and what spending it would.
func dustLimit(script []byte) uint64 {
	if len(script) > 0 && script[0] == opReturn {
		return 0
	}
	spend := 148
	if _, _, ok := witnessProgram(script); ok {
		spend = 67
	}
	return 3 * uint64(8+len(appendCompact(nil, len(script)))+len(script)+spend)
}

// taggedHash is the hash of BIP-340.
func taggedHash(tag string, parts ...[]byte) [32]byte {
	return *chainhash.TaggedHash([]byte(tag), parts...)
}

// outputKey tweaks a Taproot internal key as BIP-341 says: Q = P + H(P, root)G.
// It fails for an x that no point has.
func outputKey(internal, root []byte) (key [32]byte, ok bool) {
	pub, err := schnorr.ParsePubKey(internal)
	if err != nil {
		return key, false
	}
	var t btcec.ModNScalar
	tweak := taggedHash("TapTweak", internal, root)
	if t.SetBytes(&tweak) != 0 {
		return key, false
	}
	var p, tg, q btcec.JacobianPoint
	pub.AsJacobian(&p)
	btcec.ScalarBaseMultNonConst(&t, &tg)
	btcec.AddNonConst(&p, &tg, &q)
	if q.Z.Normalize().IsZero() {
		return key, false
	}
	q.ToAffine()
	return *q.X.Bytes(), true
}
