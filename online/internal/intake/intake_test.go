package intake_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"coldsign/online/internal/intake"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/strictjson"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/bitcoin"
	"coldsign/shared/chain/chaintest"
	"coldsign/shared/chain/evm"
	"coldsign/shared/chain/registry"
	"coldsign/shared/chain/solana"
	"coldsign/shared/hd"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/fxamacker/cbor/v2"
)

const (
	btcID  = "11111111-1111-4111-8111-111111111111" // mnemonic, test networks
	keyID  = "22222222-2222-4222-8222-222222222222" // BTC single key, test networks
	ethID  = "33333333-3333-4333-8333-333333333333" // mnemonic, test networks
	solID  = "44444444-4444-4444-8444-444444444444" // Keys 0 and 1
	mainID = "55555555-5555-4555-8555-555555555555" // BTC mnemonic, mainnet
	noID   = "99999999-9999-4999-8999-999999999999"
)

const regtest, sepolia = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328", "eip155:11155111"

type wallets map[bundle.SignatureID]pending.Wallet

func (w wallets) Wallet(_ context.Context, id bundle.SignatureID) (pending.Wallet, bool, error) {
	found, ok := w[id]
	return found, ok, nil
}

func master(t testing.TB) *hd.Private {
	t.Helper()
	seed, err := hd.SeedFromText([]byte("test test test test test test test test test test test junk"), nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := hd.NewMaster(seed)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func derive(t testing.TB, path []uint32) *hd.Private {
	t.Helper()
	k, err := master(t).Derive(path)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func account(t testing.TB, id, chainName string, testnet bool, w chain.Wallet) bundle.Wallet {
	path := w.Derivation().Account(testnet)
	pub := derive(t, path).Public()
	code, print := pub.ChainCode(), master(t).Fingerprint()
	return bundle.Wallet{SignatureID: sid(id), Chain: chainName, Testnet: testnet, Curve: chain.Secp256k1,
		Key: pub.Key().Bytes(), ChainCode: code[:], Fingerprint: print[:], Path: path}
}

func sid(s string) bundle.SignatureID {
	id, err := bundle.ParseSignatureID(s)
	if err != nil {
		panic(err)
	}
	return id
}

func solKey(i byte) chain.PublicKey { return chaintest.Ed25519Key(append(make([]byte, 31), i+1)) }

func fixture(t testing.TB) *intake.Intake {
	t.Helper()
	single := derive(t, bitcoin.Wallet{}.Derivation().Path(true, 5)).Public().Key()
	w := wallets{}
	for _, x := range []bundle.Wallet{
		account(t, btcID, "BTC", true, bitcoin.Wallet{}), account(t, mainID, "BTC", false, bitcoin.Wallet{}),
		account(t, ethID, "ETH", true, evm.Wallet{}),
		{SignatureID: sid(keyID), Chain: "BTC", Testnet: true, Curve: chain.Secp256k1, Key: single.Bytes()},
		{SignatureID: sid(solID), Chain: "SOL", Testnet: true, Curve: chain.Ed25519, Path: solana.Wallet{}.Derivation().Account(true),
			Keys: [][]byte{solKey(0).Bytes(), solKey(1).Bytes()}},
	} {
		w[x.SignatureID] = pending.Wallet{Wallet: x}
	}
	var devnet chain.ID
	for _, n := range solana.NetworkTable() {
		if n.Name == "devnet" {
			devnet = n.ID
		}
	}
	return &intake.Intake{Chains: registry.New().All(), Networks: []chain.ID{regtest, "bip122:000000000019d6689c085ae165831e93", sepolia, devnet},
		Wallets: w, Now: func() time.Time { return time.Unix(1_800_000_000, 0) }}
}

func script(key chain.PublicKey) []byte {
	return append([]byte{0, 20}, address.Hash160(key.Bytes())...)
}

// psbt pays 50,000 from the key to the first key of nobody, the rest to change.
func psbt(t *testing.T, from, change chain.PublicKey, origins ...chain.Origin) strictjson.Value {
	t.Helper()
	txid, err := bitcoin.ParseHash(strings.Repeat("ab", 32))
	if err != nil {
		t.Fatal(err)
	}
	b, err := bitcoin.BuildPSBT(2, 0, []bitcoin.Input{{Outpoint: bitcoin.Outpoint{TxID: txid, Index: 3}, Sequence: 0xfffffffd,
		Claimed: &bitcoin.Output{Amount: 100_000, Script: script(from)}, Origins: origins}},
		[]bitcoin.Output{{Amount: 50_000, Script: script(chaintest.Secp256k1Key([]byte(strings.Repeat("x", 32))))}, {Amount: 49_000, Script: script(change)}})
	if err != nil {
		t.Fatal(err)
	}
	return text(base64.StdEncoding.EncodeToString(b))
}

func text(s string) strictjson.Value { return strictjson.Value{Kind: strictjson.String, Text: s} }

func parse(t *testing.T, s string) strictjson.Value {
	t.Helper()
	v, err := strictjson.Parse([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// accept runs Accept and reads the request of the row.
func accept(t *testing.T, in *intake.Intake, s intake.Submission) (*pending.Transaction, bundle.Request, chain.Review) {
	t.Helper()
	row, review, err := in.Accept(t.Context(), "tenant", s)
	if err != nil {
		t.Fatal(err)
	}
	var r bundle.Request
	if err := cbor.Unmarshal(row.Request, &r); err != nil {
		t.Fatal(err)
	}
	again, err := in.Review(row)
	if err != nil || again.Text() != review.Text() {
		t.Errorf("the stored row reviews differently: %v", err)
	}
	if r.ID != row.ID || r.Network != row.Network || row.Tenant != "tenant" || row.State != pending.Pending {
		t.Errorf("row and request disagree: %+v", row)
	}
	return row, r, review
}

// reserves checks what a row reserves beside its payload.
func reserves(t *testing.T, row *pending.Transaction, want ...string) {
	t.Helper()
	last := len(row.Reserve) - 1
	if last < 0 || !slices.Equal(row.Reserve[:last], want) || !strings.HasPrefix(row.Reserve[last], "payload:") || len(row.Reserve[last]) != 8+64 {
		t.Errorf("reserve %q, want %q and the payload", row.Reserve, want)
	}
}

func u32(n uint32) *uint32 { return &n }

func TestBitcoinKeys(t *testing.T) {
	in := fixture(t)
	path := bitcoin.Wallet{}.Derivation().Path
	key := func(i uint32) chain.PublicKey { return derive(t, path(true, i)).Public().Key() }
	origin := func(i uint32) chain.Origin {
		return chain.Origin{Key: key(i), Fingerprint: master(t).Fingerprint(), Path: path(true, i)}
	}
	foreign := origin(7)
	foreign.Fingerprint = [4]byte{1, 2, 3, 4}
	lying := origin(8)
	lying.Path = path(true, 9)
	tests := []struct {
		name string
		s    intake.Submission
		sign []uint32 // indexes of btcID whose keys sign
		own  []uint32 // indexes that are named as ours
		code string   // or refused so
	}{
		{"default index 0", intake.Submission{Hashes: []string{btcID}, Transaction: psbt(t, key(0), key(1))}, []uint32{0}, nil, ""},
		{"index", intake.Submission{Hashes: []string{btcID}, Index: u32(7), Transaction: psbt(t, key(7), key(0))}, []uint32{7}, nil, ""},
		{"wrong index", intake.Submission{Hashes: []string{btcID}, Index: u32(6), Transaction: psbt(t, key(7), key(0))}, nil, nil, "psbt.signers"},
		{"change by signatures", intake.Submission{Signatures: []pending.KeyIndex{{ID: btcID, Index: 7}, {ID: btcID, Index: 1}},
			Transaction: psbt(t, key(7), key(1))}, []uint32{7}, []uint32{1}, ""},
		{"origins", intake.Submission{Hashes: []string{btcID}, Transaction: psbt(t, key(7), key(1), origin(7))}, []uint32{7}, nil, ""},
		{"origins of change", intake.Submission{Hashes: []string{btcID}, Transaction: psbt(t, key(7), key(9), origin(7), origin(9))}, []uint32{7}, []uint32{9}, ""},
		{"foreign fingerprint", intake.Submission{Hashes: []string{btcID}, Transaction: psbt(t, key(7), key(1), foreign)}, nil, nil, "psbt.signers"},
		{"origin that lies", intake.Submission{Hashes: []string{btcID}, Transaction: psbt(t, key(8), key(1), lying)}, nil, nil, "psbt.signers"},
		{"upper-case id", intake.Submission{Hashes: []string{strings.ToUpper(btcID)}, Transaction: psbt(t, key(0), key(1))}, []uint32{0}, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.s.Chain, tt.s.Network = "BTC", "regtest"
			if tt.code != "" {
				refused(t, in, tt.s, "transaction", tt.code)
				return
			}
			row, r, _ := accept(t, in, tt.s)
			want := []bundle.KeyRef{}
			for n, i := range append(slices.Clone(tt.sign), tt.own...) {
				want = append(want, bundle.KeyRef{SignatureID: sid(btcID), Path: path(true, i), Curve: chain.Secp256k1, Key: key(i).Bytes(), Sign: n < len(tt.sign)})
			}
			if got, want := fmt.Sprint(r.Keys), fmt.Sprint(want); got != want {
				t.Errorf("keys\n%s, want\n%s", got, want)
			}
			reserves(t, row, "utxo:"+strings.Repeat("ab", 32)+":3")
			if row.Serialized != tt.s.Transaction.Text {
				t.Error("a KMS client does not read the PSBT back")
			}
			if slices.ContainsFunc(slices.Concat(row.Hashes), func(h string) bool { return h != strings.ToLower(h) }) {
				t.Error("signature ids are not in lower case")
			}
		})
	}
}

// TestSignatures: what no receipt could hold the signatures of is not accepted,
// whatever the codec thinks of it.
func TestSignatures(t *testing.T) {
	key := derive(t, bitcoin.Wallet{}.Derivation().Path(true, 0)).Public().Key()
	s := intake.Submission{Chain: "BTC", Network: "regtest", Hashes: []string{btcID}, Transaction: psbt(t, key, key)}
	for n, fits := range map[int]bool{bundle.MaxSignatures: true, bundle.MaxSignatures + 1: false} {
		in := fixture(t)
		in.Chains = slices.Clone(in.Chains)
		for i, c := range in.Chains {
			in.Chains[i].Codec = many{c.Codec, n}
		}
		if fits {
			accept(t, in, s)
		} else {
			refused(t, in, s, "transaction", "transaction.size")
		}
	}
}

// many is a codec whose transactions need n signatures.
type many struct {
	chain.Codec
	n int
}

func (m many) Decode(u chain.Unsigned) (chain.Tx, error) {
	tx, err := m.Codec.Decode(u)
	return manyTx{tx, m.n}, err
}

type manyTx struct {
	chain.Tx
	n int
}

func (m manyTx) ToSign() []chain.SignRequest { return make([]chain.SignRequest, m.n) }

func TestSingleKeyHasNoPath(t *testing.T) {
	key := derive(t, bitcoin.Wallet{}.Derivation().Path(true, 5)).Public().Key()
	_, r, _ := accept(t, fixture(t), intake.Submission{Chain: "BTC", Network: regtest, Hashes: []string{keyID}, Transaction: psbt(t, key, key)})
	if len(r.Keys) != 1 || len(r.Keys[0].Path) != 0 || !r.Keys[0].Sign {
		t.Errorf("keys %v", r.Keys)
	}
}

func TestEthereum(t *testing.T) {
	in := fixture(t)
	web3 := `{"from":0,"to":"0x000000000000000000000000000000000000dead","value":"1","nonce":0,"gasPrice":"25000000000","gas":"21000"}`
	key := derive(t, evm.Wallet{}.Derivation().Path(true, 7)).Public().Key()
	kms, r, _ := accept(t, in, intake.Submission{Chain: "ETH", Hashes: []string{ethID}, Index: u32(7), SerializedTransaction: web3, Note: "rent"})
	reserves(t, kms, "nonce:"+evm.Address(key)+":0")
	another, same, _ := accept(t, in, intake.Submission{Chain: "ETH", Hashes: []string{ethID}, Index: u32(8), SerializedTransaction: web3})
	if string(same.Payload) != string(r.Payload) || another.Reserve[0] == kms.Reserve[0] || another.Reserve[1] == kms.Reserve[1] {
		t.Errorf("the same bytes of another account reserve %q", another.Reserve)
	}
	if kms.Serialized != web3 || r.Note != "rent" || string(r.Keys[0].Key) != string(key.Bytes()) {
		t.Errorf("row %+v request %+v", kms, r)
	}
	object, other, _ := accept(t, in, intake.Submission{Chain: "ETH", Hashes: []string{ethID}, Index: u32(7), Transaction: parse(t, web3)})
	if string(other.Payload) != string(r.Payload) || object.ID == kms.ID || object.Serialized != "0x"+hex.EncodeToString(r.Payload) {
		t.Error("the object makes another transaction than the record")
	}
	typed := `{"type":"0x2","to":"0x000000000000000000000000000000000000dead","nonce":"0x1f4","maxFeePerGas":"30000000000","maxPriorityFeePerGas":"1","gas":21000,"chainId":11155111}`
	row, _, _ := accept(t, in, intake.Submission{Chain: "ETH", Signatures: []pending.KeyIndex{{ID: ethID, Index: 7}}, Transaction: parse(t, typed)})
	reserves(t, row, "nonce:"+evm.Address(key)+":500")
	refused(t, in, intake.Submission{Chain: "ETH", Signatures: []pending.KeyIndex{{ID: ethID, Index: 7}, {ID: ethID, Index: 8}}, Transaction: parse(t, typed)}, "transaction", "evm.signers")
}

func TestSolana(t *testing.T) {
	in := fixture(t)
	at := func(i byte) [32]byte { return [32]byte(solKey(i).Bytes()) }
	hash, account := [32]byte{7, 7}, [32]byte{9, 9}
	plain, err := solana.Compile(at(1), hash, solana.SystemTransfer(at(1), at(0), 5))
	if err != nil {
		t.Fatal(err)
	}
	message := func(b []byte) strictjson.Value { return text(base64.StdEncoding.EncodeToString(b)) }
	s := intake.Submission{Chain: "SOL", Signatures: []pending.KeyIndex{{ID: solID, Index: 0}, {ID: solID, Index: 1}}, Transaction: message(plain)}
	row, r, _ := accept(t, in, s)
	reserves(t, row)
	if again, _, _ := accept(t, in, s); again.ID == row.ID || !slices.Equal(again.Reserve, row.Reserve) {
		t.Errorf("the same message reserves %q, then %q", row.Reserve, again.Reserve)
	}
	if len(r.Keys) != 2 || !r.Keys[0].Sign || r.Keys[1].Sign || string(r.Keys[1].Key) != string(solKey(0).Bytes()) {
		t.Errorf("reserve %q keys %v: want key 1 to sign and key 0 to be named as ours", row.Reserve, r.Keys)
	}
	if want := solana.Wallet.Derivation(solana.Wallet{}).Path(true, 1); !slices.Equal(r.Keys[0].Path, want) {
		t.Errorf("path %v, want %v", r.Keys[0].Path, want)
	}
	if row.Serialized != `{"txData":"`+hex.EncodeToString(plain)+`"}` {
		t.Errorf("reads back as %s", row.Serialized)
	}
	durable, err := solana.Compile(at(1), hash, solana.AdvanceNonce(account, at(1)), solana.SystemTransfer(at(1), at(0), 5))
	if err != nil {
		t.Fatal(err)
	}
	s.Transaction = message(durable)
	row, _, review := accept(t, in, s)
	if len(row.Reserve) != 2 || !strings.HasPrefix(row.Reserve[0], "nonce:") {
		t.Fatalf("reserve %q", row.Reserve)
	}
	for _, part := range strings.Split(row.Reserve[0], ":")[1:] { // the codec's own words hold both
		if !strings.Contains(review.Deadline.Text, part) {
			t.Errorf("%s is not in %q", part, review.Deadline.Text)
		}
	}
	s.Signatures[1].Index = 2
	refused(t, in, s, "index", "wallet.index")
	s.Signatures, s.Hashes, s.Index = nil, []string{solID}, u32(0)
	refused(t, in, s, "transaction", "solana.signers")
}

// TestSolanaRecord puts a fresh blockhash in place of the dummy, and keeps a
// real one.
func TestSolanaRecord(t *testing.T) {
	in := fixture(t)
	fresh := [32]byte{1, 2, 3}
	in.Blockhash = func(context.Context, chain.ID) ([32]byte, error) { return fresh, nil }
	from := [32]byte(solKey(0).Bytes())
	for _, hash := range [][32]byte{{5, 5, 5}, dummy(t)} {
		b, err := solana.Compile(from, hash, solana.SystemTransfer(from, [32]byte{8}, 5))
		if err != nil {
			t.Fatal(err)
		}
		want, err := solana.WithBlockhash(b, hash)
		if hash == dummy(t) {
			want, err = solana.WithBlockhash(b, fresh)
		}
		if err != nil {
			t.Fatal(err)
		}
		record := `{"txData":"` + hex.EncodeToString(b) + `"}`
		row, r, _ := accept(t, in, intake.Submission{Chain: "SOL", Hashes: []string{solID}, SerializedTransaction: record})
		if string(r.Payload) != string(want) || row.Serialized != record {
			t.Errorf("payload %x, want %x", r.Payload, want)
		}
	}
}

// dummy is the blockhash that the records of testdata/tatum have.
func dummy(t *testing.T) (h [32]byte) {
	t.Helper()
	b, err := os.ReadFile("../../../testdata/tatum/sol.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Cases []struct {
			Pending struct{ SerializedTransaction string }
		}
	}
	var record struct{ TxData string }
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(v.Cases[0].Pending.SerializedTransaction), &record); err != nil {
		t.Fatal(err)
	}
	raw, err := hex.DecodeString(record.TxData)
	if err != nil {
		t.Fatal(err)
	}
	return [32]byte(raw[4+32*int(raw[3]):])
}

func refused(t *testing.T, in *intake.Intake, s intake.Submission, property, code string) {
	t.Helper()
	row, _, err := in.Accept(t.Context(), "tenant", s)
	fields, ok := errors.AsType[intake.FieldErrors](err)
	if !ok || row != nil {
		t.Fatalf("want FieldErrors of %s, got %v", property, err)
	}
	if !slices.ContainsFunc(fields, func(f intake.FieldError) bool { return f.Property == property && f.Code == code }) {
		t.Errorf("want %s %s, got %+v", property, code, fields)
	}
}

// TestRequester: the name of the key goes with the request, as much of it as fits.
func TestRequester(t *testing.T) {
	in := fixture(t)
	key := derive(t, bitcoin.Wallet{}.Derivation().Path(true, 0)).Public().Key()
	s := intake.Submission{Chain: "BTC", Network: "regtest", Hashes: []string{btcID}, Transaction: psbt(t, key, key)}
	for name, want := range map[string]string{"": "", "payroll": "payroll", strings.Repeat("n", 100): strings.Repeat("n", bundle.MaxRequester)} {
		s.Requester = name
		if _, r, _ := accept(t, in, s); r.Requester != want {
			t.Errorf("%q became %q", name, r.Requester)
		}
	}
}

func TestRefusals(t *testing.T) {
	in := fixture(t)
	key := derive(t, bitcoin.Wallet{}.Derivation().Path(true, 0)).Public().Key()
	good := intake.Submission{Chain: "BTC", Network: "regtest", Hashes: []string{btcID}, Transaction: psbt(t, key, key)}
	if _, _, err := in.Accept(t.Context(), "tenant", good); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, property, code string
		change               func(*intake.Submission)
	}{
		{"unknown chain", "chain", "isIn", func(s *intake.Submission) { s.Chain = "XRP" }},
		{"chain in lower case", "chain", "isIn", func(s *intake.Submission) { s.Chain = "btc" }},
		{"unknown network", "network", "isIn", func(s *intake.Submission) { s.Network = "moon" }},
		{"known network that is not configured", "network", "isIn", func(s *intake.Submission) { s.Network = "signet" }},
		{"network of another chain", "network", "isIn", func(s *intake.Submission) { s.Network = sepolia }},
		{"no network where two are configured", "network", "isIn", func(s *intake.Submission) { s.Network = "" }},
		{"no wallet", "hashes", "arraySize", func(s *intake.Submission) { s.Hashes = nil }},
		{"too many wallets", "hashes", "arraySize", func(s *intake.Submission) { s.Hashes = slices.Repeat([]string{btcID}, 2_001) }},
		{"no UUID", "hashes", "isUuid", func(s *intake.Submission) { s.Hashes = []string{"11111111111141118111111111111111"} }},
		{"unknown wallet", "hashes", "wallet.missing", func(s *intake.Submission) { s.Hashes = []string{noID} }},
		{"unknown wallet in signatures", "signatures", "wallet.missing", func(s *intake.Submission) { s.Signatures = []pending.KeyIndex{{ID: noID}} }},
		{"wallet of another chain", "hashes", "wallet.network", func(s *intake.Submission) { s.Hashes = []string{ethID} }},
		{"mainnet wallet on a test network", "hashes", "wallet.network", func(s *intake.Submission) { s.Hashes = []string{mainID} }},
		{"test wallet on mainnet", "hashes", "wallet.network", func(s *intake.Submission) { s.Network = "mainnet" }},
		{"hardened index", "index", "max", func(s *intake.Submission) { s.Index = u32(1 << 31) }},
		{"hardened index in signatures", "signatures", "max", func(s *intake.Submission) { s.Signatures = []pending.KeyIndex{{ID: btcID, Index: 1 << 31}} }},
		{"both forms", "transaction", "isDefined", func(s *intake.Submission) { s.SerializedTransaction = "{}" }},
		{"neither form", "transaction", "isDefined", func(s *intake.Submission) { s.Transaction = strictjson.Value{} }},
		{"base64 without padding", "transaction", "transaction.encoding", func(s *intake.Submission) { s.Transaction = text("cHNidA") }},
		{"base64 with a line break", "transaction", "transaction.encoding", func(s *intake.Submission) { s.Transaction.Text += "\n" }},
		{"no PSBT", "transaction", "psbt.malformed", func(s *intake.Submission) { s.Transaction = text("cHNidHBz") }},
		{"an object for a PSBT", "transaction", "transaction.encoding", func(s *intake.Submission) { s.Transaction = parse(t, "{}") }},
		{"a record that is no JSON", "serializedTransaction", "kms.record", func(s *intake.Submission) {
			s.Transaction, s.SerializedTransaction = strictjson.Value{}, "{"
		}},
		{"an empty record", "serializedTransaction", "kms.incomplete", func(s *intake.Submission) {
			s.Transaction, s.SerializedTransaction = strictjson.Value{}, "{}"
		}},
		{"evidence that is no base64", "evidence", "isBase64", func(s *intake.Submission) { s.Evidence = "*" }},
		{"evidence that the codec takes none of", "evidence", "bitcoin.evidence", func(s *intake.Submission) { s.Evidence = "AAAA" }},
		{"long evidence", "evidence", "maxLength", func(s *intake.Submission) { s.Evidence = strings.Repeat("A", 2<<20) }},
		{"long note", "note", "maxLength", func(s *intake.Submission) { s.Note = strings.Repeat("x", 4097) }},
		{"deadline gone", "deadline", "min", func(s *intake.Submission) { s.Deadline = 1_800_000_000 }},
		{"deadline before the epoch", "deadline", "min", func(s *intake.Submission) { s.Deadline = -1 }},
		{"withdrawal id", "withdrawalId", "length", func(s *intake.Submission) { s.WithdrawalID = "b9b845f8" }},
		{"withdrawal responses", "withdrawalResponses", "isArray", func(s *intake.Submission) { s.WithdrawalResponses = parse(t, "{}") }},
		{"withdrawal response unknown field", "withdrawalResponses", "isObject", func(s *intake.Submission) { s.WithdrawalResponses = parse(t, `[{"privateKey":"x"}]`) }},
		{"withdrawal response bad index", "withdrawalResponses", "isObject", func(s *intake.Submission) {
			s.WithdrawalResponses = parse(t, `[{"vIn":"aa","address":{"derivationKey":2147483648}}]`)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := good
			tt.change(&s)
			refused(t, in, s, tt.property, tt.code)
		})
	}
}

func TestZeroIntakeRefuses(t *testing.T) {
	in := &intake.Intake{Now: time.Now}
	refused(t, in, intake.Submission{Chain: "BTC", Hashes: []string{btcID}, Transaction: text("AAAA")}, "chain", "isIn")
}

// FuzzSolanaMessage: no message, however malformed, makes intake panic.
func FuzzSolanaMessage(f *testing.F) {
	from := [32]byte(solKey(0).Bytes())
	b, err := solana.Compile(from, [32]byte{5}, solana.AdvanceNonce([32]byte{9}, from), solana.SystemTransfer(from, [32]byte{8}, 5))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(append([]byte{0x80}, append(slices.Clone(b), 0)...))
	in := fixture(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		s := intake.Submission{Chain: "SOL", Hashes: []string{solID}, Transaction: text(base64.StdEncoding.EncodeToString(b))}
		row, _, err := in.Accept(context.Background(), "tenant", s)
		if err == nil && (row == nil || len(row.Request) == 0) {
			t.Error("accepted without a request")
		}
	})
}
