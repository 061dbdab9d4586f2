package evm

import (
	"bytes"
	"math/big"
	"strings"
	"testing"

	"coldsign/shared/chain"
	"coldsign/shared/chain/chaintest"
	"coldsign/shared/fault"
)

// list makes an RLP list of raw items given in hex.
func list(prefix string, items ...string) []byte {
	return append(unhex(prefix), appendList(nil, unhex(strings.Join(items, "")))...)
}

const to = "9470997970c51812dc3a010c7d01b50e0d17dc79c8"

// TestRefusedBytes: payloads that no codec function of ours would write.
func TestRefusedBytes(t *testing.T) {
	good := list("02", "01", "07", "01", "02", "825208", to, "05", "80", "c0")
	if _, err := New().Decode(chain.Unsigned{Network: "eip155:1", Signers: []chain.PublicKey{key}, Payload: good}); err != nil {
		t.Fatalf("the transaction that all others are made from: %v", err)
	}
	cases := []struct {
		name, code string
		payload    []byte
	}{
		{"empty", "evm.size", nil},
		{"too long", "evm.size", pay(func(f *Fields) { f.Data = make([]byte, maxPayload) }).Encode()},
		{"blob", "evm.blob", append([]byte{3}, good[1:]...)},
		{"set-code", "evm.set-code", append([]byte{4}, good[1:]...)},
		{"type 0", "evm.type", append([]byte{0}, good[1:]...)},
		{"type 5", "evm.type", append([]byte{5}, good[1:]...)},
		{"a string", "evm.type", unhex("80")},
		{"six-item legacy", "evm.no-replay-protection", list("", "07", "02", "825208", to, "05", "80")},
		{"v 27 legacy", "evm.signed", list("", "07", "02", "825208", to, "05", "80", "1b", "01", "01")},
		{"signed legacy", "evm.signed", list("", "07", "02", "825208", to, "05", "80", "25", "01", "01")},
		{"signed 1559", "evm.rlp", list("02", "01", "07", "01", "02", "825208", to, "05", "80", "c0", "01", "01", "01")},
		{"seven items", "evm.rlp", list("", "07", "02", "825208", to, "05", "80", "01")},
		{"chain id 0", "evm.chain-id", list("", "07", "02", "825208", to, "05", "80", "80", "80", "80")},
		{"typed chain id 0", "evm.chain-id", list("02", "80", "07", "01", "02", "825208", to, "05", "80", "c0")},
		{"trailing byte", "evm.rlp", append(bytes.Clone(good), 0)},
		{"trailing item", "evm.rlp", list("02", "01", "07", "01", "02", "825208", to, "05", "80", "c0", "80")},
		{"leading zero", "evm.rlp", list("02", "01", "820007", "01", "02", "825208", to, "05", "80", "c0")},
		{"zero written 00", "evm.rlp", list("02", "01", "00", "01", "02", "825208", to, "05", "80", "c0")},
		{"one byte with a length", "evm.rlp", list("02", "01", "8107", "01", "02", "825208", to, "05", "80", "c0")},
		{"long form for a short string", "evm.rlp", list("02", "01", "b80188", "01", "02", "825208", to, "05", "80", "c0")},
		{"length with a leading zero", "evm.rlp", append(unhex("02f900"), good[1:]...)},
		{"length of 2^64-1", "evm.rlp", unhex("02ffffffffffffffffff")},
		{"cut length", "evm.rlp", unhex("02f9ff")},
		{"long form for a short list", "evm.rlp", append([]byte{2, 0xf8, byte(len(good) - 2)}, good[2:]...)},
		{"list for a number", "evm.rlp", list("02", "01", "c0", "01", "02", "825208", to, "05", "80", "c0")},
		{"string for the access list", "evm.rlp", list("02", "01", "07", "01", "02", "825208", to, "05", "80", "80")},
		{"destination of 19 bytes", "evm.rlp", list("02", "01", "07", "01", "02", "825208", "93"+to[4:], "05", "80", "c0")},
		{"access entry of 19 bytes", "evm.rlp", list("02", "01", "07", "01", "02", "825208", to, "05", "80", "d6d593"+to[4:]+"c0")},
		{"storage key of 31 bytes", "evm.rlp", list("02", "01", "07", "01", "02", "825208", to, "05", "80", "f838f794"+to[2:]+"e0"+"9f"+strings.Repeat("11", 31))},
		{"access entry with a third item", "evm.rlp", list("02", "01", "07", "01", "02", "825208", to, "05", "80", "d8d7"+to+"c080")},
		{"access entry in a string", "evm.rlp", list("02", "01", "07", "01", "02", "825208", to, "05", "80", "c107")},
		{"nonce over 64 bits", "evm.range", list("02", "01", "89010000000000000000", "01", "02", "825208", to, "05", "80", "c0")},
		{"value over 256 bits", "evm.range", list("02", "01", "07", "01", "02", "825208", to, "a1"+strings.Repeat("ff", 33), "80", "c0")},
		{"chain id over 64 bits", "evm.range", list("02", "89010000000000000001", "07", "01", "02", "825208", to, "05", "80", "c0")},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			refusal(t, c.code, chain.Unsigned{Network: "eip155:1", Signers: []chain.PublicKey{key}, Payload: c.payload})
		})
	}
}

func refusal(t *testing.T, code string, u chain.Unsigned) {
	t.Helper()
	if tx, err := New().Decode(u); !fault.Is(err, code) || tx != nil {
		t.Errorf("code %s, want %s: %v", fault.Code(err), code, err)
	} else if strings.Contains(err.Error(), "written again") {
		t.Error("only the last line of defence refused it")
	}
}

// TestRefusedFields: canonical bytes that must not be signed.
func TestRefusedFields(t *testing.T) {
	max := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))
	token := words("a9059cbb", friend, 5)
	dirty := bytes.Clone(token)
	dirty[15] = 1
	many := make([]AccessEntry, maxAccess+1)
	keys := []AccessEntry{{Keys: make([][32]byte, maxAccess/2)}, {Keys: make([][32]byte, maxAccess/2+1)}}
	cases := []struct {
		name, code string
		change     func(*Fields)
	}{
		{"sepolia's on mainnet", "evm.chain-id", func(f *Fields) { f.ChainID = 11155111 }},
		{"legacy sepolia's on mainnet", "evm.chain-id", func(f *Fields) { legacy(f); f.ChainID = 11155111 }},
		{"nonce 2^64-1", "evm.nonce", func(f *Fields) { f.Nonce = 1<<64 - 1 }},
		{"gas 0", "evm.gas-limit", func(f *Fields) { f.GasLimit = 0 }},
		{"gas 2^63", "evm.gas-limit", func(f *Fields) { f.GasLimit = 1 << 63 }},
		{"gas 2^64-1", "evm.gas-limit", func(f *Fields) { f.GasLimit = 1<<64 - 1 }},
		{"priority over max", "evm.priority", func(f *Fields) { f.MaxPriority = gweis(31) }},
		{"fee overflow", "evm.range", func(f *Fields) { f.MaxFee = max }},
		{"value and fee overflow", "evm.range", func(f *Fields) { f.Value = max }},
		{"nothing anywhere", "evm.destination", func(f *Fields) { f.To = nil }},
		{"dirty recipient", "evm.calldata", func(f *Fields) { f.Data = dirty }},
		{"trailing calldata", "evm.calldata", func(f *Fields) { f.Data = append(bytes.Clone(token), 0) }},
		{"short address", "evm.calldata", func(f *Fields) { f.Data = token[:67] }},
		{"bare selector", "evm.calldata", func(f *Fields) { f.Data = token[:4] }},
		{"many access entries", "evm.access-list", func(f *Fields) { f.AccessList = many }},
		{"many storage keys", "evm.access-list", func(f *Fields) { f.AccessList = keys }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { refusal(t, c.code, unsigned(pay(c.change), "eip155:1")) })
	}
	for name, f := range map[string]Fields{
		"gas 2^63-1":        pay(func(f *Fields) { f.GasLimit = 1<<63 - 1 }),
		"nonce 2^64-2":      pay(func(f *Fields) { f.Nonce = 1<<64 - 2 }),
		"priority is max":   pay(func(f *Fields) { f.MaxPriority = f.MaxFee }),
		"most access":       pay(func(f *Fields) { f.AccessList = many[:maxAccess] }),
		"most storage keys": pay(func(f *Fields) { f.AccessList = []AccessEntry{{Keys: make([][32]byte, maxAccess)}} }),
	} {
		if _, err := New().Decode(unsigned(f, "eip155:1")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRefusedRequests(t *testing.T) {
	with := func(change func(*chain.Unsigned)) chain.Unsigned {
		u := unsigned(pay(nil), "eip155:1")
		change(&u)
		return u
	}
	ed := chaintest.Ed25519Key(secret)
	refusal(t, "evm.chain-id", with(func(u *chain.Unsigned) { u.Network = "eip155:11155111" }))
	refusal(t, "evm.network", with(func(u *chain.Unsigned) { u.Network = "eip155:01" }))
	refusal(t, "evm.network", with(func(u *chain.Unsigned) { u.Network = "eip155:1\n" }))
	refusal(t, "evm.signers", with(func(u *chain.Unsigned) { u.Signers = []chain.PublicKey{key, key} }))
	refusal(t, "evm.signers", with(func(u *chain.Unsigned) { u.Signers = []chain.PublicKey{ed} }))
	refusal(t, "evm.signers", with(func(u *chain.Unsigned) { u.Signers = []chain.PublicKey{chain.XOnly([32]byte{31: 5})} })) // x=5: no point
	refusal(t, "evm.evidence", with(func(u *chain.Unsigned) { u.Evidence = []byte{0} }))
}
