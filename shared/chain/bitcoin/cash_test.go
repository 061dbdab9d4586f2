package bitcoin

import (
	"bytes"
	"encoding/csv"
	"encoding/hex"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/address/v2/base58"

	"coldsign/shared/chain"
	"coldsign/shared/chain/chaintest"
	"coldsign/shared/fault"
)

const (
	cashVectors          = "../../../testdata/bch/"
	bch         chain.ID = "bip122:000000000000000000651ef99cb9fcbe"
	bchTest     chain.ID = "bip122:00000000000e38fef93ed9582a7df438"
)

// TestCashAddrVectors: every vector of the specification.
func TestCashAddrVectors(t *testing.T) {
	text, err := os.ReadFile(cashVectors + "cashaddr.md")
	if err != nil {
		t.Fatal(err)
	}
	sums, hashes, legacy := 0, 0, 0
	for _, m := range regexp.MustCompile(`(?m)^ - ([a-z]+):(\S+)$`).FindAllStringSubmatch(string(text), -1) {
		var digits []byte
		for _, c := range m[2] {
			digits = append(digits, byte(strings.IndexRune(cashLetters, c)))
		}
		at := len(digits) - 8
		want := uint64(0)
		for _, d := range digits[at:] {
			want = want<<5 | uint64(d)
		}
		if got := cashSum(m[1], digits[:at]); got != want {
			t.Errorf("%s: checksum %x", m[0], got)
		}
		sums++
	}
	for _, m := range regexp.MustCompile(`(?m)^\|\d+\|(\d+)\|(?:(\d+)\|)?([a-z]+):(\S+)\|([0-9A-F]*)\|$`).FindAllStringSubmatch(string(text), -1) {
		want := unhex(t, m[5])
		version, hash, ok := cashDecode(m[3], m[4])
		if !ok || !bytes.Equal(hash, want) || cashEncode(m[3], version, hash) != m[3]+":"+m[4] {
			t.Errorf("%s:%s: %x %v", m[3], m[4], hash, ok)
		}
		if typ := map[string]byte{"0": 0, "1": 1, "15": 15}[m[1]]; version>>3 != typ {
			t.Errorf("%s: version %x", m[4], version)
		}
		hashes++
	}
	for _, m := range regexp.MustCompile(`(?m)^\| ([13]\S+) +\| (bitcoincash:\S+) +\|$`).FindAllStringSubmatch(string(text), -1) {
		hash, version, err := base58.CheckDecode(m[1])
		script, err2 := ScriptFor(bch, m[2])
		if err != nil || err2 != nil || version == 0 && !bytes.Equal(script, p2pkhScript(hash)) || version == 5 && !bytes.Equal(script, p2shScript(hash)) {
			t.Errorf("%s: %x, %v, %v", m[2], script, err, err2)
		}
		if got, ok := AddressFor(bch, script); !ok || got != m[2] {
			t.Errorf("%s is written %s", m[2], got)
		}
		if _, err := ScriptFor(bch, m[1]); !fault.Is(err, "bitcoin.address") || !strings.Contains(err.Error(), "CashAddr") {
			t.Errorf("%s: %v", m[1], err)
		}
		if _, err := ScriptFor(mainnet, m[1]); err != nil {
			t.Errorf("%s is none of Bitcoin: %v", m[1], err)
		}
		legacy++
	}
	if sums != 5 || hashes < 24 || legacy != 6 {
		t.Errorf("%d checksums, %d hashes, %d pairs", sums, hashes, legacy)
	}
}

// TestCashAddrSpelling: with its prefix or without, in one case; anything else, and
// every single wrong character, is refused.
func TestCashAddrSpelling(t *testing.T) {
	const whole = "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a"
	_, bare, _ := strings.Cut(whole, ":")
	for _, good := range []string{whole, bare, strings.ToUpper(whole), strings.ToUpper(bare)} {
		if got, err := (Wallet{"BCH"}).ParseAddress(bch, good); err != nil || got != whole {
			t.Errorf("%s: %s, %v", good, got, err)
		}
		if _, err := (Wallet{"BCH"}).ParseAddress(bchTest, good); !fault.Is(err, "bitcoin.address-network") {
			t.Errorf("%s on the test network: %v", good, err)
		}
		if _, err := (Wallet{}).ParseAddress(mainnet, good); !fault.Is(err, "bitcoin.address") {
			t.Errorf("%s on Bitcoin: %v", good, err)
		}
	}
	wrong := []string{"", ":", ":" + bare, "bitcoincash:", "bitcoincash:" + whole, "ecash:" + bare, "BITCOINCASH:" + bare, "bitcoincash:" + strings.ToUpper(bare),
		whole[:20] + strings.ToUpper(whole[20:]), whole + " ", " " + whole, whole + "q", bare[:41], strings.Replace(whole, "k", "\u212a", 1),
		cashEncode("bitcoincash", 0x10, make([]byte, 20)), // for holders of tokens
		cashEncode("bitcoincash", 0x80, make([]byte, 20)), // a bit that must be 0
		cashEncode("bitcoincash", cashP2PKH, make([]byte, 24)), cashEncode("bitcoincash", 3, make([]byte, 32))}
	for i := range bare {
		for _, c := range "qp7 1" {
			if w := bare[:i] + string(c) + bare[i+1:]; w != bare {
				wrong = append(wrong, w)
			}
		}
	}
	for _, w := range wrong {
		if _, err := ScriptFor(bch, w); !fault.Is(err, "bitcoin.address") {
			t.Errorf("%q: %v", w, err)
		}
	}
	// P2SH with a hash of 32 bytes, a vector of the specification.
	const long = "bchtest:pvch8mmxy0rtfrlarg7ucrxxfzds5pamg73h7370aa87d80gyhqxq7fqng6m6"
	script, err := ScriptFor(bchTest, long)
	if err != nil || hex.EncodeToString(script) != "aa203173ef6623c6b48ffd1a3dcc0cc6489b0a07bb47a37f47cfef4fe69de825c06087" {
		t.Errorf("%x, %v", script, err)
	}
	if got, ok := AddressFor(bchTest, script); !ok || got != long {
		t.Errorf("%s", got)
	}
}

// What is read is written again, in one spelling.
func FuzzCashAddr(f *testing.F) {
	for _, s := range []string{"bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a", "QPM2QSZNHKS23Z7629MMS6S4CWEF74VCWVY22GDX6A", "bchtest:x", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if version, hash, ok := cashDecode("bitcoincash", s); ok {
			whole := cashEncode("bitcoincash", version, hash)
			if low := strings.ToLower(s); low != whole && "bitcoincash:"+low != whole {
				t.Fatalf("%q is %q", s, whole)
			}
		}
		if script, err := ScriptFor(bch, s); err == nil {
			if _, ok := AddressFor(bch, script); !ok {
				t.Fatal("no address again")
			}
		}
	})
}

// TestCashSchnorrVectors: the vectors that the specification of May 2019 refers to.
func TestCashSchnorrVectors(t *testing.T) {
	file, err := os.Open(cashVectors + "schnorr.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil || len(rows) != 17 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	good := 0
	for _, row := range rows[1:] {
		k, err := chain.NewPublicKey(chain.Secp256k1, unhex(t, row[2]))
		if err != nil {
			t.Fatal(err)
		}
		ok := VerifySchnorr(k, unhex(t, row[3]), unhex(t, row[4]))
		if ok != (row[5] == "TRUE") {
			t.Errorf("vector %s (%s): %v", row[0], row[6], ok)
		}
		if ok {
			good++
		}
		if ok && (VerifySchnorr(k, unhex(t, row[3])[1:], unhex(t, row[4])) || VerifySchnorr(k, unhex(t, row[3]), unhex(t, row[4]+"00"))) {
			t.Errorf("vector %s: another length", row[0])
		}
	}
	if good != 6 || VerifySchnorr(chain.PublicKey{}, make([]byte, 32), make([]byte, 64)) {
		t.Errorf("%d good", good)
	}
}

// typed makes a PSBT of inputs of test keys, each with a hash type; 0 says none.
func typed(t *testing.T, types []byte, keys ...int) []byte {
	var in []Input
	for n, k := range keys {
		i := spend(uint32(n), Output{1_000_000, p2pkhScript(hash160(key(k).Bytes()))})
		i.HashType = types[n]
		in = append(in, i)
	}
	return build(t, 2, 0, in, []Output{{uint64(len(keys))*1_000_000 - 1_000, p2pkhScript(hash160(key(20).Bytes()))}})
}

// TestCashHashTypes: on Bitcoin Cash 0x41 in every input and nothing else, said or
// not; anywhere else 0x41 in none: no signature is ever valid on the other chain.
func TestCashHashTypes(t *testing.T) {
	for _, c := range Chains() {
		for hashType := range 256 {
			payload := typed(t, []byte{byte(hashType)}, 1)
			want := hashType == sighashForkID
			if c.Name != "BCH" {
				want = hashType == 0 || hashType == sighashAll
			}
			_, err := c.Codec.Decode(chain.Unsigned{Network: c.Networks[0].ID, Signers: signers(1), Payload: payload})
			if (err == nil) != want || err != nil && !fault.Is(err, "psbt.sighash") {
				t.Errorf("%s, type %#x: %v", c.Name, hashType, err)
			}
		}
		for _, types := range [][]byte{{0x41, 0x01}, {0, 0x41}} {
			if _, err := c.Codec.Decode(chain.Unsigned{Network: c.Networks[0].ID, Signers: signers(1, 2), Payload: typed(t, types, 1, 2)}); !fault.Is(err, "psbt.sighash") {
				t.Errorf("%s, types %x: %v", c.Name, types, err)
			}
		}
	}
	for name, in := range map[string]Input{"P2WPKH": kinds[1].input(1, 50_000), "P2TR": kinds[5].input(1, 50_000), "P2WSH": kinds[3].input(1, 50_000)} {
		in.HashType = sighashForkID
		payload := build(t, 2, 0, []Input{in}, []Output{pay(40_000)})
		if _, err := coinOf(t, "BCH").Codec.Decode(chain.Unsigned{Network: bch, Signers: signers(2, 4, 6, 9), Payload: payload}); !fault.Is(err, "psbt.sighash") {
			t.Errorf("%s: %v", name, err)
		}
		in.HashType = 0
		payload = build(t, 2, 0, []Input{in}, []Output{pay(40_000)})
		if _, err := coinOf(t, "BCH").Codec.Decode(chain.Unsigned{Network: bch, Signers: signers(2, 4, 6, 9), Payload: payload}); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// TestCashSignedAlready: a signature that the PSBT has is verified, and completes it.
func TestCashSignedAlready(t *testing.T) {
	codec := coinOf(t, "BCH").Codec
	payload := typed(t, []byte{0x41, 0x41}, 1, 2)
	x, err := codec.Decode(chain.Unsigned{Network: bch, Signers: signers(1, 2), Payload: payload})
	if err != nil {
		t.Fatal(err)
	}
	whole, err := x.Seal(signAll(x))
	if err != nil {
		t.Fatal(err)
	}
	sig := append(sign(x.ToSign()[0]).Bytes, sighashForkID)
	with := func(sig []byte) (chain.Tx, error) {
		b := withField(t, payload, 0, inPartialSig, sig, key(1).Bytes()...)
		return codec.Decode(chain.Unsigned{Network: bch, Signers: signers(2), Payload: b})
	}
	half, err := with(sig)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := half.Seal(signAll(half)); err != nil || !bytes.Equal(got.Raw, whole.Raw) || len(half.ToSign()) != 1 {
		t.Errorf("another transaction: %v", err)
	}
	for name, bad := range map[string][]byte{
		"a wrong bit": append(slices.Clone(sig[:63]), sig[63]^1, sighashForkID), "ALL": append(slices.Clone(sig[:64]), sighashAll), "short": sig[1:],
	} {
		if _, err := with(bad); !fault.Is(err, "psbt.partial-signature") && !fault.Is(err, "psbt.sighash") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A Schnorr signature is none of Bitcoin's.
	b := withField(t, typed(t, []byte{1, 1}, 1, 2), 0, inPartialSig, append(slices.Clone(sig[:64]), sighashAll), key(1).Bytes()...)
	if _, err := New().Decode(chain.Unsigned{Network: mainnet, Signers: signers(2), Payload: b}); !fault.Is(err, "psbt.partial-signature") {
		t.Errorf("Schnorr's on Bitcoin: %v", err)
	}
}

// TestCashConformance: the contract of codecs, with two inputs of one key.
func TestCashConformance(t *testing.T) {
	out := []Output{{1_500_000, p2shScript(make([]byte, 20))}, {1_498_000, p2pkhScript(hash160(key(20).Bytes()))}, {0, append([]byte{opReturn, 5}, "order"...)}}
	in := []Input{spend(1, Output{1_000_000, p2pkhScript(hash160(key(1).Bytes()))}), spend(2, Output{2_000_000, p2pkhScript(hash160(key(1).Bytes()))})}
	for n := range in {
		in[n].HashType = ForkID
	}
	chaintest.Run(t, coinOf(t, "BCH").Codec, []chaintest.Case{{Name: "two-of-one-key", Sign: sign, Text: cashVectors + "review.txt",
		Unsigned: chain.Unsigned{Network: bch, Signers: signers(1), Payload: build(t, 2, 0, in, out)}}})
}
