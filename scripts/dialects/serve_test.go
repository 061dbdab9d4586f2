package dialects

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/programs/system"

	"coldsign/scripts/halves"
	"coldsign/scripts/interop"
)

// review is what "review" says of another wallet's request.
type review struct {
	Digest   string
	From     string
	Signable int
	Refused  int
	Items    []struct {
		ID      string
		Network string
		Repeat  bool
		Verdict struct {
			Allow bool
			Code  string
		}
		Fee     struct{ Amount string }
		Effects []struct{ Kind, Amount, To, Change string }
	}
}

// signed is what "sign" says.
type signed struct {
	Signed, Refused int
	Repeat          bool
	Items           []struct{ ID, Status, Code string }
}

func (w *world) review(t *testing.T, h *halves.Halves, file string, more ...string) (r review) {
	t.Helper()
	decode(t, must(h.Offline(deadline(t), append([]string{"review", "--scan", file, "--json"}, more...)...))(t), &r)
	return r
}

// sign takes the request of a file; digest is "" for one that was decided.
func (w *world) sign(t *testing.T, h *halves.Halves, file, digest string) (answer string, s signed) {
	t.Helper()
	answer = w.file()
	args := []string{"sign", "--scan", file, "--qr-text", answer, "--json"}
	if digest != "" {
		args = append(args, "--approve", digest)
	}
	decode(t, must(h.Offline(deadline(t), args...))(t), &s)
	return answer, s
}

// told has the reference read what the wallet of a chain tells other wallets.
func (w *world) told(t *testing.T, h *halves.Halves, chain, kind string, into any) halves.Wallet {
	t.Helper()
	own, file := w.wallet[h][chain], w.file()
	must(h.Offline(deadline(t), "keys", "export", "--id", own.SignatureID, "--format", "ur", "--out", file))(t)
	w.read(t, h, file, kind, into)
	w.ok(kind, "our offline half tells", "@keystonehq")
	return own
}

func same(t *testing.T, h *halves.Halves, a, b string) {
	t.Helper()
	if contents(t, h, a) != contents(t, h, b) {
		t.Errorf("the same request gives other bytes the second time:\n%s\n%s", contents(t, h, a), contents(t, h, b))
	}
}

// A watcher that read our crypto-account asks for a payment of all four kinds of
// script, in every form of codes.
func TestServeBitcoin(t *testing.T) {
	h := w.paired
	var a account
	w.told(t, h, "BTC", "crypto-account", &a)
	if len(a.Outputs) != 5 {
		t.Fatalf("%+v", a)
	}
	a.Outputs = a.Outputs[:4] // the last is for multisig wallets
	var s spend
	for i, o := range a.Outputs {
		b := watch(t, o.Keys[0])
		if hex.EncodeToString(b.fingerprint[:]) != a.Fingerprint {
			t.Errorf("output %d is of %x, not %s", i, b.fingerprint, a.Fingerprint)
		}
		s.coins = append(s.coins, b.coin(t, 1_000_000, 0, uint32(i)), b.coin(t, 500_000, 1, uint32(i)))
		if i == 0 {
			s.back = &b
		}
	}
	s.to, s.amount, s.fee = nobody(9), 5_000_000, 3_000
	unsigned := s.psbt(t)
	file := w.write(t, h, "crypto-psbt", hex.EncodeToString(unsigned))

	r := w.review(t, h, file)
	if r.From != "UR crypto-psbt" || r.Signable != 1 || len(r.Items) != 1 || r.Items[0].Fee.Amount != "3000" || len(r.Items[0].Effects) != 2 {
		t.Fatalf("%+v", r)
	}
	if e := r.Items[0].Effects; e[0].Amount != "5000000" || e[0].Change != "" || e[1].Amount != "997000" || e[1].Change == "" || e[1].To != s.back.address(t, 1, 0).EncodeAddress() {
		t.Errorf("effects %+v", e)
	}
	text := string(must(h.Offline(deadline(t), "review", "--scan", file))(t))
	if !strings.Contains(text, "!! FROM ANOTHER WALLET (UR crypto-psbt), 1 request") {
		t.Errorf("nobody is warned:\n%s", text)
	}
	elsewhere := w.review(t, h, file, "--network", "regtest")
	if elsewhere.Digest == r.Digest || elsewhere.Items[0].ID == r.Items[0].ID || !strings.HasPrefix(elsewhere.Items[0].Effects[0].To, "bcrt1") {
		t.Errorf("on another network: %+v", elsewhere)
	}
	answer, got := w.sign(t, h, file, r.Digest)
	if got.Signed != 1 || got.Repeat || got.Items[0].ID != r.Items[0].ID {
		t.Errorf("%+v", got)
	}
	w.read(t, h, answer, "crypto-psbt", &text)
	full := unhex(t, text)
	tx := valid(t, full, s)
	if want := parsed(t, unsigned).UnsignedTx; tx.TxOut[0].Value != 5_000_000 || len(tx.TxIn) != 8 || tx.TxIn[0].PreviousOutPoint != want.TxIn[0].PreviousOutPoint {
		t.Errorf("another transaction was signed: %+v", tx)
	}
	w.ok("crypto-psbt", "asks our offline half", "@keystonehq")
	w.ok("crypto-psbt", "answer of our offline half", "@keystonehq, btcd")

	// Asked again, in whatever form of codes: the same signatures, no second
	// approval, in the form in which it was asked.
	again, got := w.sign(t, h, file, "")
	if same(t, h, answer, again); !got.Repeat || got.Signed != 1 {
		t.Errorf("%+v", got)
	}
	_, err := h.Offline(deadline(t), "sign", "--scan", file, "--out", "never.psbt", "--approve", elsewhere.Digest)
	refused(t, "another digest, though decided", err, "approve.digest")
	_, err = h.Offline(deadline(t), "sign", "--scan", file, "--out", "never.psbt", "--refuse", r.Items[0].ID)
	refused(t, "refused, though decided", err, "request.decided")
	var split struct{ Parts []string }
	w.ask(t, interop.Question{"do": "split", "data": hex.EncodeToString(unsigned), "type": "P", "options": value{"maxVersion": 15, "minVersion": 5, "minSplit": 2}}, &split)
	if len(split.Parts) < 2 {
		t.Fatalf("%d parts", len(split.Parts))
	}
	again, got = w.sign(t, h, w.lines(t, h, split.Parts...), "")
	var joined struct{ Type, Data string }
	w.ask(t, interop.Question{"do": "join", "parts": strings.Fields(contents(t, h, again))}, &joined)
	if !got.Repeat || joined.Type != "P" || joined.Data != text {
		t.Errorf("BBQr: %+v, type %s", got, joined.Type)
	}
	w.ok("BBQr", "asks our offline half", "bbqr (npm)")
	w.ok("BBQr", "answer of our offline half", "bbqr (npm), btcd")

	again, got = w.sign(t, h, w.lines(t, h, base64.StdEncoding.EncodeToString(unsigned)), "")
	if raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(contents(t, h, again))); err != nil || !got.Repeat || !bytes.Equal(raw, full) {
		t.Errorf("base64: %+v %v", got, err)
	}
	w.ok("base64", "asks our offline half", "btcd")
	w.ok("base64", "answer of our offline half", "btcd")

	// As a file, which the same wallet may carry on a stick.
	ok(t, os.WriteFile(h.Path("payment.psbt"), unsigned, 0o600))
	must(h.Offline(deadline(t), "sign", "payment.psbt", "--out", "signed.psbt"))(t)
	if contents(t, h, "signed.psbt") != string(full) {
		t.Error("a file of a PSBT is answered otherwise")
	}

	// Another payment is another request, with an approval of its own.
	s.amount++
	file = w.write(t, h, "crypto-psbt", hex.EncodeToString(s.psbt(t)))
	other := w.review(t, h, file)
	if other.Digest == r.Digest || other.Items[0].ID == r.Items[0].ID || other.Items[0].Repeat {
		t.Errorf("%+v", other)
	}
	_, err = h.Offline(deadline(t), "sign", "--scan", file, "--out", "never.psbt", "--approve", r.Digest)
	refused(t, "the digest of another request", err, "approve.digest")
	_, err = h.Offline(deadline(t), "sign", "--scan", file, "--out", "never.psbt")
	refused(t, "no approval", err, "approve.terminal")
	never(t, h, "never.psbt")
}

func never(t *testing.T, h *halves.Halves, name string) {
	t.Helper()
	if _, err := os.Stat(h.Path(name)); err == nil {
		t.Errorf("%s was given out", name)
	}
}

// Policy is the same for everybody, and a refusal has no form: nothing goes out.
func TestServeRefuses(t *testing.T) {
	h := w.lonely
	var a account
	own := w.told(t, h, "BTC", "crypto-account", &a)
	b := watch(t, a.Outputs[0].Keys[0])
	c := b.coin(t, 1_000_000, 0, 0)
	good := spend{coins: []coin{c}, to: nobody(1), amount: 900_000, fee: 1_000, back: &b}
	fee, unproven := good, good
	fee.fee = 95_000
	unproven.unproven = true
	for name, x := range map[string]struct {
		s    spend
		code string
	}{
		"fee": {fee, "policy.fee-percent"}, "claimed amount": {unproven, "policy.unproven"},
	} {
		file := w.write(t, h, "crypto-psbt", hex.EncodeToString(x.s.psbt(t)))
		r := w.review(t, h, file)
		if r.Signable != 0 || r.Refused != 1 || r.Items[0].Verdict.Code != x.code {
			t.Errorf("%s: %+v", name, r)
		}
		for range 2 { // and stays refused
			_, err := h.Offline(deadline(t), "sign", "--scan", file, "--qr-text", "never", "--approve", r.Digest, "--json")
			if refused(t, name, err, "sign.refused"); err != nil && !strings.Contains(err.Error(), x.code) {
				t.Errorf("%s: %v", name, err)
			}
			never(t, h, "never")
		}
		if r = w.review(t, h, file); !r.Items[0].Repeat || r.Items[0].Verdict.Allow {
			t.Errorf("%s: %+v", name, r)
		}
	}
	// A key of nobody here; another wallet's fingerprint; a changed key.
	stranger := b
	stranger.fingerprint[0]++
	far := b
	far.path = slices.Clone(b.path)
	far.path[2]++
	for name, x := range map[string]branch{"fingerprint": stranger, "path": far} {
		s := good
		s.coins, s.back = []coin{x.coin(t, 1_000_000, 0, 0)}, nil
		file := w.write(t, h, "crypto-psbt", hex.EncodeToString(s.psbt(t)))
		_, err := h.Offline(deadline(t), "review", "--scan", file)
		refused(t, name, err, "wallet.none")
	}
	_, err := h.Offline(deadline(t), "review", "--scan", w.write(t, h, "crypto-psbt", hex.EncodeToString(good.psbt(t))), "--network", "mainnet")
	refused(t, "mainnet", err, "network.unknown")
	// What asks for no signature, and what could be an order in disguise.
	key := pathOf(a.Fingerprint, hard+44, hard+1, hard, 0, 0)
	for kind, v := range map[string]any{
		"eth-sign-request": value{"data": hex.EncodeToString([]byte(`{"types":{}}`)), "kind": 2, "chainId": 11155111, "path": key},
		"sol-sign-request": value{"data": "ff736f6c616e61", "kind": 2, "path": key},
	} {
		_, err := h.Offline(deadline(t), "review", "--scan", w.write(t, h, kind, v))
		refused(t, kind, err, "request.kind")
	}
	_, err = h.Offline(deadline(t), "review", "--scan", w.write(t, h, "crypto-account", a))
	refused(t, "keys", err, "scan.nothing")
	// Types that the wallet has not.
	_, err = h.Offline(deadline(t), "keys", "export", "--id", own.SignatureID, "--type", "eth-signature", "--out", "never")
	refused(t, "a type of keys", err, "keys.type")
	never(t, h, "never")
}

// ethKey is a key of a wallet that was told as an extended key, by go-ethereum.
func (b branch) ethereum(t *testing.T, index uint32) common.Address {
	t.Helper()
	key, _ := b.key(t, 0, index)
	return crypto.PubkeyToAddress(*key.ToECDSA())
}

// payload is what is signed, and fills what every payment here shares.
func payload(t *testing.T, tx *types.Transaction, chainID *big.Int) []byte {
	t.Helper()
	var fields []any
	if tx.Type() == types.LegacyTxType {
		fields = []any{tx.Nonce(), tx.GasPrice(), tx.Gas(), tx.To(), tx.Value(), tx.Data(), chainID, uint(0), uint(0)}
	} else {
		fields = []any{chainID, tx.Nonce(), tx.GasTipCap(), tx.GasFeeCap(), tx.Gas(), tx.To(), tx.Value(), tx.Data(), types.AccessList{}}
	}
	b := must(rlp.EncodeToBytes(fields))(t)
	if tx.Type() != types.LegacyTxType {
		b = append([]byte{tx.Type()}, b...)
	}
	if hash := types.LatestSignerForChainID(chainID).Hash(tx); hash != crypto.Keccak256Hash(b) {
		t.Fatal("the payload is not what go-ethereum signs")
	}
	return b
}

const sepolia, local = 11155111, 31337

func pay(nonce uint64, legacy bool, chainID int64, to byte) *types.Transaction {
	a := common.BytesToAddress(bytes.Repeat([]byte{to}, 20))
	wei := big.NewInt(1e18)
	if legacy {
		return types.NewTx(&types.LegacyTx{Nonce: nonce, GasPrice: big.NewInt(20e9), Gas: 21000, To: &a, Value: wei})
	}
	return types.NewTx(&types.DynamicFeeTx{ChainID: big.NewInt(chainID), Nonce: nonce, GasTipCap: big.NewInt(1e9), GasFeeCap: big.NewInt(30e9), Gas: 21000, To: &a, Value: wei})
}

// ethSignature is what the reference reads.
type ethSignature struct{ ID, Signature, Origin string }

// sender has go-ethereum take v as wallets do: EIP-155 for a legacy transaction.
func sender(t *testing.T, tx *types.Transaction, chainID int64, signature string) common.Address {
	t.Helper()
	sig := unhex(t, signature)
	v := new(big.Int).SetBytes(sig[64:])
	signer := types.LatestSignerForChainID(big.NewInt(chainID))
	if tx.Type() == types.LegacyTxType {
		v.Sub(v, big.NewInt(35+2*chainID))
	}
	if !v.IsUint64() || v.Uint64() > 1 {
		t.Fatalf("v of chain %d is %x", chainID, sig[64:])
	}
	full := must(tx.WithSignature(signer, append(sig[:64:64], byte(v.Uint64()))))(t)
	return must(types.Sender(signer, full))(t)
}

// A watcher that read our crypto-hdkey asks for typed and legacy transactions, one
// at a time and in a batch.
func TestServeEthereum(t *testing.T) {
	h := w.paired
	var k hdKey
	own := w.told(t, h, "ETH", "crypto-hdkey", &k)
	b := watch(t, k)
	if a := b.ethereum(t, 0); a.Hex() != own.Address {
		t.Fatalf("go-ethereum derives %s, the wallet has %s", a, own.Address)
	}
	request := func(id byte, tx *types.Transaction, chainID int64, index uint32) value {
		kind := 4
		if tx.Type() == types.LegacyTxType {
			kind = 1
		}
		a := b.ethereum(t, index)
		return value{
			"id": strings.Repeat(fmt.Sprintf("%02x", id), 16), "data": hex.EncodeToString(payload(t, tx, big.NewInt(chainID))), "kind": kind, "chainId": chainID,
			"path": pathOf(k.Origin.Fingerprint, append(slices.Clone(b.path), 0, index)...), "address": hex.EncodeToString(a[:]), "origin": "metamask",
		}
	}
	for i, x := range []struct {
		legacy  bool
		chainID int64
		index   uint32
	}{{false, sepolia, 0}, {true, sepolia, 3}, {true, local, 0}} {
		tx := pay(uint64(i), x.legacy, x.chainID, 9)
		ask := request(byte(i+1), tx, x.chainID, x.index)
		if i == 2 { // a wallet that knows the address alone
			ask["path"] = pathOf("", append(slices.Clone(b.path), 0, x.index)...)
		}
		file := w.write(t, h, "eth-sign-request", ask)
		r := w.review(t, h, file)
		if r.From != `UR eth-sign-request of "metamask"` || r.Signable != 1 || r.Items[0].Network != fmt.Sprintf("eip155:%d", x.chainID) {
			t.Errorf("%+v", r)
		}
		if e := r.Items[0].Effects; len(e) != 1 || e[0].Amount != "1000000000000000000" || !strings.EqualFold(e[0].To, tx.To().Hex()) {
			t.Errorf("%+v", e)
		}
		answer, _ := w.sign(t, h, file, r.Digest)
		var got ethSignature
		w.read(t, h, answer, "eth-signature", &got)
		if got.ID != ask["id"] || sender(t, tx, x.chainID, got.Signature) != b.ethereum(t, x.index) {
			t.Errorf("%+v", got)
		}
		if i > 0 {
			continue
		}
		again, s := w.sign(t, h, file, "")
		if same(t, h, answer, again); !s.Repeat {
			t.Errorf("%+v", s)
		}
		// Asked anew, as wallets do that were closed: another UUID, the same payment.
		ask["id"] = strings.Repeat("ee", 16)
		again, s = w.sign(t, h, w.write(t, h, "eth-sign-request", ask), "")
		var late ethSignature
		if w.read(t, h, again, "eth-signature", &late); !s.Repeat || late.ID != ask["id"] || late.Signature != got.Signature {
			t.Errorf("%+v %+v", s, late)
		}
	}
	w.ok("eth-sign-request", "asks our offline half", "@keystonehq")
	w.ok("eth-signature", "answer of our offline half", "@keystonehq, go-ethereum")

	// A batch: one pays the zero address, which policy refuses; one a person refuses;
	// the others are signed.
	list := []*types.Transaction{pay(10, false, sepolia, 9), pay(11, false, sepolia, 0), pay(12, true, sepolia, 9), pay(13, false, sepolia, 9)}
	var asks []value
	for i, tx := range list {
		asks = append(asks, request(byte(0x30+i), tx, sepolia, 0))
	}
	file := w.write(t, h, "eth-batch-sign-request", asks)
	r := w.review(t, h, file)
	if r.Signable != 3 || r.Refused != 1 || r.Items[1].Verdict.Code != "policy.warning" {
		t.Fatalf("%+v", r)
	}
	answer := w.file()
	must(h.Offline(deadline(t), "sign", "--scan", file, "--qr-text", answer, "--approve", r.Digest, "--refuse", r.Items[3].ID))(t)
	again, s := w.sign(t, h, file, "") // what was refused once stays refused
	same(t, h, answer, again)
	var all []ethSignature
	w.read(t, h, answer, "eth-batch-signature", &all)
	if s.Signed != 2 || s.Refused != 2 || len(all) != 2 {
		t.Fatalf("%+v %+v", s, all)
	}
	for i, at := range []int{0, 2} {
		if all[i].ID != asks[at]["id"] || sender(t, list[at], sepolia, all[i].Signature).Hex() != own.Address {
			t.Errorf("%+v", all[i])
		}
	}
	w.ok("eth-batch-sign-request", "asks our offline half", "@keystonehq")
	w.ok("eth-batch-signature", "answer of our offline half", "@keystonehq, go-ethereum")

	v := request(0x42, pay(22, false, sepolia, 9), sepolia, 0)
	v["origin"] = "metamask\x1b[2J\nFROM YOUR ONLINE HALF"
	text := string(must(h.Offline(deadline(t), "review", "--scan", w.write(t, h, "eth-sign-request", v)))(t))
	if strings.Contains(text, "\x1b") || strings.Contains(text, "\nFROM YOUR") || !strings.Contains(text, "FROM ANOTHER WALLET (UR eth-sign-request of") {
		t.Errorf("who asks writes on the screen:\n%q", text)
	}
	v = request(0x43, pay(23, false, sepolia, 9), sepolia, 0)
	v["path"] = pathOf("", append(slices.Clone(b.path), 0, 0)...)
	delete(v, "address")
	_, err := h.Offline(deadline(t), "review", "--scan", w.write(t, h, "eth-sign-request", v))
	refused(t, "neither fingerprint nor address", err, "wallet.none")

	// The address must fit the path, and the chain must be one that is known.
	for name, change := range map[string]func(value){
		"wallet.none":     func(v value) { v["address"] = strings.Repeat("11", 20) },
		"network.unknown": func(v value) { v["chainId"] = 424242 },
	} {
		v := request(0x40, pay(20, false, sepolia, 9), sepolia, 0)
		change(v)
		_, err := h.Offline(deadline(t), "review", "--scan", w.write(t, h, "eth-sign-request", v))
		refused(t, name, err, name)
	}
	// Which chain is asked for and which is in the payload are two things.
	v = request(0x41, pay(21, false, sepolia, 9), sepolia, 0)
	v["chainId"] = local
	if r := w.review(t, h, w.write(t, h, "eth-sign-request", v)); r.Signable != 0 || r.Items[0].Verdict.Allow {
		t.Errorf("another chain: %+v", r)
	}
}

// A watcher that read our crypto-multi-accounts, by solana-go and crypto/ed25519.
func TestServeSolana(t *testing.T) {
	h := w.lonely
	var m multiAccounts
	own := w.told(t, h, "SOL", "crypto-multi-accounts", &m)
	if len(m.Keys) != 10 || solana.PublicKeyFromBytes(unhex(t, m.Keys[0].Key)).String() != own.Address {
		t.Fatalf("%+v", m)
	}
	from := solana.PublicKeyFromBytes(unhex(t, m.Keys[3].Key))
	tx := must(solana.NewTransaction([]solana.Instruction{
		system.NewTransferInstruction(1_000_000_000, from, solana.NewWallet().PublicKey()).Build(),
	}, solana.Hash{7}, solana.TransactionPayer(from)))(t)
	message := must(tx.Message.MarshalBinary())(t)
	ask := value{"id": strings.Repeat("5a", 16), "data": hex.EncodeToString(message), "path": m.Keys[3].Origin, "address": m.Keys[3].Key, "origin": "solflare", "kind": 1}
	file := w.write(t, h, "sol-sign-request", ask)
	r := w.review(t, h, file, "--network", "devnet")
	if r.From != `UR sol-sign-request of "solflare"` || r.Signable != 1 || r.Items[0].Effects[0].Amount != "1000000000" {
		t.Fatalf("%+v", r)
	}
	file2 := w.file()
	must(h.Offline(deadline(t), "sign", "--scan", file, "--qr-text", file2, "--network", "devnet", "--approve", r.Digest))(t)
	var got struct{ ID, Signature string }
	w.read(t, h, file2, "sol-signature", &got)
	if got.ID != ask["id"] || !ed25519.Verify(from[:], message, unhex(t, got.Signature)) {
		t.Errorf("%+v", got)
	}
	w.ok("sol-sign-request", "asks our offline half", "@keystonehq")
	w.ok("sol-signature", "answer of our offline half", "@keystonehq, crypto/ed25519")
}

// The journal has an approval once, and what was told, and stays whole.
func TestServeJournal(t *testing.T) {
	h := w.paired
	var k hdKey
	w.told(t, h, "ETH", "crypto-hdkey", &k)
	b := watch(t, k)
	file := w.write(t, h, "eth-sign-request", value{
		"data": hex.EncodeToString(payload(t, pay(99, false, sepolia, 9), big.NewInt(sepolia))), "kind": 4, "chainId": sepolia,
		"path": pathOf(k.Origin.Fingerprint, append(slices.Clone(b.path), 0, 0)...),
	})
	r := w.review(t, h, file)
	w.sign(t, h, file, r.Digest)
	w.sign(t, h, file, "")
	var entries []struct {
		Kind, Text, Bundle string
		Items              []struct{ ID, Status string }
	}
	decode(t, must(h.Offline(deadline(t), "journal", "show", "--json"))(t), &entries)
	found, told := 0, 0
	for _, e := range entries {
		if e.Kind == "foreign" && e.Bundle == r.Digest {
			if found++; e.Text != "UR eth-sign-request" || len(e.Items) != 1 || e.Items[0].ID != r.Items[0].ID || e.Items[0].Status != "signed" {
				t.Errorf("%+v", e)
			}
		}
		if e.Kind == "wallet" && strings.HasPrefix(e.Text, "keys ") && strings.HasSuffix(e.Text, " crypto-hdkey") {
			told++
		}
	}
	if found != 1 || told == 0 {
		t.Errorf("%d entries for one request, %d of keys told", found, told)
	}
	var whole struct{ Entries int }
	if decode(t, must(h.Offline(deadline(t), "journal", "verify", "--json"))(t), &whole); whole.Entries != len(entries) {
		t.Errorf("%d entries, and %d are shown", whole.Entries, len(entries))
	}
}
