package dialects

import (
	"bytes"
	"crypto/ed25519"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/btcutil/v2/hdkeychain"
	"github.com/btcsuite/btcd/psbt/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/programs/system"
	_ "modernc.org/sqlite"

	"coldsign/scripts/halves"
	"coldsign/scripts/interop"
)

// device is another wallet, by btcd, go-ethereum and crypto/ed25519.
type device struct {
	master      *hdkeychain.ExtendedKey
	fingerprint string
}

func newDevice(t *testing.T, salt byte) device {
	t.Helper()
	m := must(hdkeychain.NewMaster(bytes.Repeat([]byte{salt}, 32), params))(t)
	key := must(m.ECPubKey())(t)
	return device{m, hex.EncodeToString(address.Hash160(key.SerializeCompressed())[:4])}
}

// at gives an account with its private key.
func (d device) at(t *testing.T, path ...uint32) branch {
	t.Helper()
	k := d.master
	for _, i := range path {
		k = must(k.Derive(i))(t)
	}
	return branch{k, path, [4]byte(unhex(t, d.fingerprint))}
}

// shows is what the wallet tells of an account.
func (d device) shows(t *testing.T, path ...uint32) hdKey {
	t.Helper()
	b := d.at(t, path...)
	origin := pathOf(d.fingerprint, path...)
	return hdKey{Key: hex.EncodeToString(must(b.ECPubKey())(t).SerializeCompressed()), ChainCode: hex.EncodeToString(b.ChainCode()), Origin: &origin, Name: "other"}
}

// theirs is a wallet as "keys import" says it.
type theirs struct {
	SignatureID, Chain, Fingerprint, Path, Address string
	Testnet                                        bool
}

func (w *world) keys(t *testing.T, file string, more ...string) (list []theirs) {
	t.Helper()
	var r struct{ Wallets []theirs }
	decode(t, must(w.paired.Online(deadline(t), append([]string{"keys", "import", "--scan", file, "--json"}, more...)...))(t), &r)
	return r.Wallets
}

func (w *world) submit(t *testing.T, chain, network string, tx any, ids ...string) (id string) {
	t.Helper()
	w.posts++
	text := must(json.Marshal(tx))(t)
	row := must(w.paired.Submit(deadline(t), fmt.Sprintf("dialects-%d", w.posts), halves.Submission{Chain: chain, Network: network, Hashes: ids, Transaction: text}))(t)
	if row.State != "pending" {
		t.Fatalf("%+v", row)
	}
	return row.ID
}

// export asks another wallet; the reference reads what it is shown.
func (w *world) export(t *testing.T, kind string, into any, ids ...string) {
	t.Helper()
	file := w.file()
	args := []string{"export", "--format", "ur", "--qr-text", file, "--json"}
	for _, id := range ids {
		args = append(args, "--id", id)
	}
	var r struct {
		Items int
		Type  string
	}
	decode(t, must(w.paired.Online(deadline(t), args...))(t), &r)
	if r.Items != len(ids) || r.Type != kind {
		t.Fatalf("%+v", r)
	}
	w.read(t, w.paired, file, kind, into)
	w.ok(kind, "our online half asks", "@keystonehq")
}

// again exports what went out before, where an id is named twice.
func (w *world) again(t *testing.T, ids ...string) {
	t.Helper()
	file := w.file()
	args := []string{"export", "--qr-text", file}
	for _, id := range ids {
		args = append(args, "--id", id)
	}
	must(w.paired.Online(deadline(t), args...))(t)
	var list []ethRequest
	w.read(t, w.paired, file, "eth-batch-sign-request", &list)
	if len(list) != 2 || !strings.HasPrefix(list[0].ID, ids[0]) || !strings.HasPrefix(list[1].ID, ids[1]) {
		t.Errorf("%+v", list)
	}
}

// imported is what "import" says.
type imported struct {
	Repeat                       bool
	Signed, Refused, Quarantined int
	Items                        []struct{ ID, Status, Code, TxID string }
}

func (w *world) take(t *testing.T, file string) (r imported) {
	t.Helper()
	decode(t, must(w.paired.Online(deadline(t), "import", "--scan", file, "--json"))(t), &r)
	return r
}

func (w *world) state(t *testing.T, id string) halves.Row {
	t.Helper()
	return must(w.paired.Get(deadline(t), id))(t)
}

// becomes checks that an answer signed the row, and that the same again is a
// repeat.
func (w *world) becomes(t *testing.T, what, file, id, txID string) {
	t.Helper()
	for _, repeat := range []bool{false, true} {
		r := w.take(t, file)
		if r.Signed != 1 || r.Repeat != repeat || len(r.Items) != 1 || r.Items[0].ID != id || r.Items[0].TxID != txID {
			t.Errorf("%s: %+v, want transaction %s", what, r, txID)
		}
	}
	if row := w.state(t, id); row.State != "signed" || row.TxID != txID {
		t.Errorf("%s: %+v", what, row)
	}
}

// held checks that an answer was put aside and changed nothing.
func (w *world) held(t *testing.T, what, file, id, code string) {
	t.Helper()
	before, sealed := w.state(t, id), w.sealed(t, id)
	for _, repeat := range []bool{false, true} {
		r := w.take(t, file)
		if r.Signed != 0 || r.Quarantined != 1 || r.Repeat != repeat || r.Items[0].Code != code || r.Items[0].TxID != "" {
			t.Errorf("%s: %+v, want %s", what, r, code)
		}
	}
	if after := w.state(t, id); after != before || !bytes.Equal(sealed, w.sealed(t, id)) {
		t.Errorf("%s: the row was %+v and is %+v", what, before, after)
	}
}

// notTaken checks that an answer was refused whole.
func (w *world) notTaken(t *testing.T, what, file, id, code string) {
	t.Helper()
	before := w.state(t, id)
	_, err := w.paired.Online(deadline(t), "import", "--scan", file)
	refused(t, what, err, code)
	if after := w.state(t, id); after != before {
		t.Errorf("%s: the row was %+v and is %+v", what, before, after)
	}
}

// sealed is what would be sent to the network.
func (w *world) sealed(t *testing.T, id string) (raw []byte) {
	t.Helper()
	db := must(sql.Open("sqlite", "file:"+w.paired.Path("online/coldsign.db")+"?mode=ro"))(t)
	defer db.Close()
	err := db.QueryRow("SELECT raw FROM transactions WHERE id = ?", unhex(t, id)).Scan(&raw)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		t.Fatal(err)
	}
	return raw
}

// signedBy has btcd put the device's signatures in.
func (d device) signedBy(t *testing.T, raw []byte, s spend) *psbt.Packet {
	t.Helper()
	p := parsed(t, raw)
	tx, spent := p.UnsignedTx, outputs(s.coins)
	hashes := txscript.NewTxSigHashes(tx, spent)
	for i, c := range s.coins {
		_, path := c.key(t, c.tail...)
		key := must(d.at(t, path...).ECPrivKey())(t)
		public, out := key.PubKey().SerializeCompressed(), c.prev.TxOut[0]
		program := append([]byte{0, 20}, address.Hash160(public)...)
		var sig []byte
		switch path[0] &^ hard {
		case 86:
			p.Inputs[i].TaprootKeySpendSig = must(txscript.RawTxInTaprootSignature(tx, hashes, i, out.Value, out.PkScript, nil, txscript.SigHashDefault, key))(t)
			continue
		case 44:
			sig = must(txscript.RawTxInSignature(tx, i, out.PkScript, txscript.SigHashAll, key))(t)
		default:
			sig = must(txscript.RawTxInWitnessSignature(tx, hashes, i, out.Value, program, txscript.SigHashAll, key))(t)
		}
		p.Inputs[i].PartialSigs = []*psbt.PartialSig{{PubKey: public, Signature: sig}}
	}
	return p
}

// bitcoin is another wallet's account of all four kinds of script, imported.
type bitcoinWallet struct {
	device
	accounts [4]branch // 84, 86, 49, 44
	ids      [4]string
}

func (w *world) importBitcoin(t *testing.T, salt byte) (b bitcoinWallet) {
	t.Helper()
	b.device = newDevice(t, salt)
	var a account
	a.Fingerprint = b.fingerprint
	for i, x := range []struct {
		purpose uint32
		scripts []string
	}{{84, []string{"wpkh"}}, {86, nil}, {49, []string{"sh", "wpkh"}}, {44, []string{"pkh"}}} {
		path := []uint32{hard + x.purpose, hard + 1, hard}
		b.accounts[i] = b.at(t, path...)
		if x.scripts != nil { // the reference knows no taproot
			a.Outputs = append(a.Outputs, outputOf{x.scripts, []hdKey{b.shows(t, path...)}})
		}
	}
	list := w.keys(t, w.write(t, w.paired, "crypto-account", a))
	list = append(list, w.keys(t, w.write(t, w.paired, "crypto-hdkey", b.shows(t, b.accounts[1].path...)))...)
	if len(list) != 4 {
		t.Fatalf("%+v", list)
	}
	for i, at := range []int{0, 2, 3, 1} {
		if k := list[i]; k.Chain != "BTC" || !k.Testnet || k.Fingerprint != b.fingerprint || k.Address != b.accounts[at].address(t, 0, 0).EncodeAddress() {
			t.Errorf("%+v, by btcd %s", k, b.accounts[at].address(t, 0, 0))
		}
		b.ids[at] = list[i].SignatureID
	}
	if again := w.keys(t, w.write(t, w.paired, "crypto-account", a)); !slices.Equal(again, list[:3]) {
		t.Errorf("scanned again they are %+v", again)
	}
	w.ok("crypto-account", "our online half reads", "@keystonehq, btcd")
	w.ok("crypto-hdkey", "our online half reads", "@keystonehq, btcd")
	return b
}

// payment is one of the wallet's, of all its accounts; salt makes it another.
func (b bitcoinWallet) payment(t *testing.T, salt uint32) spend {
	t.Helper()
	s := spend{to: nobody(byte(salt)), amount: 3_500_000, fee: 2_000, back: &b.accounts[0]}
	for i := range b.accounts {
		s.coins = append(s.coins, b.accounts[i].coin(t, 1_000_000, 0, 10*salt+uint32(i)))
	}
	return s
}

func (w *world) psbtAsked(t *testing.T, b bitcoinWallet, s spend) (id string, raw []byte) {
	t.Helper()
	raw = s.psbt(t)
	id = w.submit(t, "BTC", "testnet3", base64.StdEncoding.EncodeToString(raw), b.ids[:]...)
	var text string
	w.export(t, "crypto-psbt", &text, id)
	if text != hex.EncodeToString(raw) {
		t.Error("the PSBT was changed on its way out")
	}
	return id, raw
}

func final(t *testing.T, p *psbt.Packet) *wire.MsgTx {
	t.Helper()
	p = parsed(t, serialized(t, p))
	ok(t, psbt.MaybeFinalizeAll(p))
	return must(psbt.Extract(p))(t)
}

func rawTx(t *testing.T, tx *wire.MsgTx) []byte {
	t.Helper()
	var b bytes.Buffer
	ok(t, tx.Serialize(&b))
	return b.Bytes()
}

func (w *world) bbqr(t *testing.T, kind string, data []byte) (file string) {
	t.Helper()
	var split struct{ Parts []string }
	w.ask(t, interop.Question{"do": "split", "data": hex.EncodeToString(data), "type": kind, "options": value{"minSplit": 2, "maxVersion": 20}}, &split)
	return w.lines(t, w.paired, split.Parts...)
}

// A wallet of btcd's signs, and answers in each form that wallets have.
func TestUseBitcoin(t *testing.T) {
	b := w.importBitcoin(t, 1)
	for i, form := range []string{"crypto-psbt", "crypto-psbt, finalized", "BBQr", "BBQr transaction", "base64", "crypto-psbt and more"} {
		s := b.payment(t, uint32(i)+1)
		id, raw := w.psbtAsked(t, b, s)
		p := b.signedBy(t, raw, s)
		want := final(t, p)
		ur := func(p *psbt.Packet) string {
			return w.write(t, w.paired, "crypto-psbt", hex.EncodeToString(serialized(t, p)))
		}
		var file string
		switch form {
		case "crypto-psbt":
			file = ur(p)
			w.ok("crypto-psbt", "answer to our online half", "@keystonehq, btcd")
		case "crypto-psbt, finalized":
			ok(t, psbt.MaybeFinalizeAll(p))
			file = ur(p)
		case "BBQr":
			file = w.bbqr(t, "P", serialized(t, p))
			w.ok("BBQr", "answer to our online half", "bbqr (npm), btcd")
		case "BBQr transaction":
			file = w.bbqr(t, "T", rawTx(t, want))
			w.ok("BBQr", "transaction for our online half", "bbqr (npm), btcd")
		case "base64":
			file = w.lines(t, w.paired, base64.StdEncoding.EncodeToString(serialized(t, p)))
			w.ok("base64", "answer to our online half", "btcd")
		case "crypto-psbt and more": // ATT-59: nothing but the signatures is taken
			p.Inputs[0].WitnessUtxo = wire.NewTxOut(1, nobody(0xee))
			p.Inputs[1].Unknowns = []*psbt.Unknown{{Key: []byte{0xfc, 1, 'x'}, Value: []byte("more")}}
			p.Outputs[0].Bip32Derivation, p.Outputs[1].Bip32Derivation = p.Outputs[1].Bip32Derivation, nil
			p.Outputs[0].RedeemScript = nobody(0xee)
			p.Unknowns = []*psbt.Unknown{{Key: []byte{0xf0}, Value: bytes.Repeat([]byte{1}, 500)}}
			file = ur(p)
		}
		w.becomes(t, form, file, id, want.TxHash().String())
		sealed := w.sealed(t, id)
		if !bytes.Equal(sealed, rawTx(t, want)) {
			t.Errorf("%s: sealed\n%x, and btcd makes\n%x", form, sealed, rawTx(t, want))
		}
		// Signed twice, in another form: the first stands.
		if r := w.take(t, w.bbqr(t, "T", rawTx(t, want))); !r.Repeat || r.Signed != 1 {
			t.Errorf("%s: %+v", form, r)
		}
	}
}

// Whatever else an answer is, it changes nothing.
func TestUseBitcoinRefuses(t *testing.T) {
	b := w.importBitcoin(t, 2)
	s := b.payment(t, 50)
	id, raw := w.psbtAsked(t, b, s)
	answer := func(p *psbt.Packet) string {
		return w.write(t, w.paired, "crypto-psbt", hex.EncodeToString(serialized(t, p)))
	}
	// ATT-59: signed by the right wallet, but for other outputs.
	for name, change := range map[string]func(*wire.MsgTx){
		"another amount":    func(tx *wire.MsgTx) { tx.TxOut[0].Value-- },
		"another recipient": func(tx *wire.MsgTx) { tx.TxOut[0].PkScript = nobody(0xee) },
		"another fee":       func(tx *wire.MsgTx) { tx.TxOut[1].Value -= 100_000 },
		"outputs swapped":   func(tx *wire.MsgTx) { tx.TxOut[0], tx.TxOut[1] = tx.TxOut[1], tx.TxOut[0] },
		"another locktime":  func(tx *wire.MsgTx) { tx.LockTime = 5 },
		"another sequence":  func(tx *wire.MsgTx) { tx.TxIn[0].Sequence = 0xffffffff },
	} {
		p := parsed(t, raw)
		change(p.UnsignedTx)
		signed := b.signedBy(t, serialized(t, p), s)
		w.notTaken(t, name, answer(signed), id, "import.foreign")
		w.notTaken(t, name+", final", w.bbqr(t, "T", rawTx(t, final(t, signed))), id, "import.foreign")
	}
	more := parsed(t, raw)
	more.UnsignedTx.AddTxOut(wire.NewTxOut(1_000, nobody(0xee)))
	more.Outputs = append(more.Outputs, psbt.POutput{})
	w.notTaken(t, "one more output", answer(b.signedBy(t, serialized(t, more), s)), id, "import.foreign")
	w.notTaken(t, "not exported to anybody", answer(b.signedBy(t, b.payment(t, 51).psbt(t), b.payment(t, 51))), id, "import.foreign")

	// The right transaction, without valid signatures of the right keys.
	w.held(t, "unsigned", answer(parsed(t, raw)), id, "psbt.answer-signature")
	w.held(t, "another device", answer(newDevice(t, 3).signedBy(t, raw, s)), id, "psbt.answer-signature")
	partly := b.signedBy(t, raw, s)
	partly.Inputs[3].PartialSigs = nil
	w.held(t, "one signature missing", answer(partly), id, "psbt.answer-signature")
	loose := b.signedBy(t, raw, s)
	_, path := s.coins[0].key(t, s.coins[0].tail...)
	key := must(b.at(t, path...).ECPrivKey())(t)
	out := s.coins[0].prev.TxOut[0]
	loose.Inputs[0].PartialSigs[0].Signature = must(txscript.RawTxInWitnessSignature(loose.UnsignedTx,
		txscript.NewTxSigHashes(loose.UnsignedTx, outputs(s.coins)), 0, out.Value, out.PkScript, txscript.SigHashNone, key))(t)
	w.held(t, "a signature for any outputs", answer(loose), id, "psbt.answer-signature")
	for name, text := range map[string]string{"cut": base64.StdEncoding.EncodeToString(raw[:len(raw)/2/3*3]), "no inputs": "cHNidP8AAA=="} {
		file := w.lines(t, w.paired, text)
		if _, err := w.paired.Online(deadline(t), "import", "--scan", file); halves.CodeOf(err) == "" || halves.CodeOf(err) == "internal" {
			t.Errorf("%s: %v", name, err)
		}
	}
	// After all that the right answer is taken.
	signed := b.signedBy(t, raw, s)
	w.becomes(t, "in the end", answer(signed), id, final(t, signed).TxHash().String())

	// Late: its cancelling was asked for.
	s = b.payment(t, 60)
	id, raw = w.psbtAsked(t, b, s)
	ok(t, w.paired.Delete(deadline(t), id))
	if row := w.state(t, id); !row.CancelRequested || row.State != "exported" {
		t.Errorf("%+v", row)
	}
	w.held(t, "late", answer(b.signedBy(t, raw, s)), id, "receipt.cancelled")
	_, err := w.paired.Online(deadline(t), "export", "--id", id, "--format", "ur", "--qr-text", "never")
	refused(t, "asked again", err, "export.state")
	never(t, w.paired, "never")
}

type ethRequest struct {
	ID, Data, Address, Origin string
	Kind                      int
	ChainID                   int64
	Path                      keyPath
}

// A wallet of go-ethereum's signs, with each way of writing v.
func TestUseEthereum(t *testing.T) {
	d := newDevice(t, 4)
	b := d.at(t, hard+44, hard+60, hard)
	list := w.keys(t, w.write(t, w.paired, "crypto-hdkey", d.shows(t, b.path...)), "--testnet")
	if len(list) != 1 || list[0].Chain != "ETH" || !list[0].Testnet || list[0].Address != b.ethereum(t, 0).Hex() {
		t.Fatalf("%+v", list)
	}
	key := must(must(must(b.Derive(0))(t).Derive(0))(t).ECPrivKey())(t).ToECDSA()
	signer := types.LatestSignerForChainID(big.NewInt(sepolia))
	row := func(tx *types.Transaction) string {
		return w.submit(t, "ETH", "sepolia", "0x"+hex.EncodeToString(payload(t, tx, big.NewInt(sepolia))), list[0].SignatureID)
	}
	check := func(q ethRequest, tx *types.Transaction) {
		t.Helper()
		kind := 4
		if tx.Type() == types.LegacyTxType {
			kind = 1
		}
		if q.Data != hex.EncodeToString(payload(t, tx, big.NewInt(sepolia))) || q.Kind != kind || q.ChainID != sepolia || q.Path.Fingerprint != d.fingerprint ||
			!slices.Equal(q.Path.indexes(t), []uint32{hard + 44, hard + 60, hard, 0, 0}) || q.Origin != "coldsign" {
			t.Errorf("%+v", q)
		}
	}
	// answer gives a signature with v as a wallet may write it.
	answer := func(id string, tx *types.Transaction, base int64) value {
		sig := must(crypto.Sign(signer.Hash(tx).Bytes(), key))(t)
		v := big.NewInt(base + int64(sig[64]))
		if b := v.Bytes(); len(b) > 0 {
			sig = append(sig[:64], b...)
		}
		return value{"id": id, "signature": hex.EncodeToString(sig), "origin": "keystone"}
	}
	sealed := func(id string, tx *types.Transaction) {
		t.Helper()
		want := must(must(types.SignTx(tx, signer, key))(t).MarshalBinary())(t)
		if got := w.sealed(t, id); !bytes.Equal(got, want) {
			t.Errorf("sealed\n%x, and go-ethereum makes\n%x", got, want)
		}
	}
	for i, x := range []struct {
		legacy bool
		base   int64 // of v
	}{{false, 0}, {false, 27}, {true, 35 + 2*sepolia}, {true, 27}, {true, 0}} {
		tx := pay(uint64(i), x.legacy, sepolia, 9)
		id := row(tx)
		var q ethRequest
		w.export(t, "eth-sign-request", &q, id)
		check(q, tx)
		txID := must(types.SignTx(tx, signer, key))(t).Hash().Hex()
		w.becomes(t, fmt.Sprintf("legacy %v, v from %d", x.legacy, x.base), w.write(t, w.paired, "eth-signature", answer(q.ID, tx, x.base)), id, txID)
		sealed(id, tx)
	}
	w.ok("eth-signature", "answer to our online half", "@keystonehq, go-ethereum")

	// Two at once, answered in another order.
	first, second := pay(20, false, sepolia, 9), pay(21, true, sepolia, 9)
	ids := []string{row(first), row(second)}
	var qs []ethRequest
	w.export(t, "eth-batch-sign-request", &qs, ids...)
	w.again(t, ids[0], ids[1], ids[0])
	if len(qs) != 2 {
		t.Fatalf("%+v", qs)
	}
	check(qs[0], first)
	check(qs[1], second)
	file := w.write(t, w.paired, "eth-batch-signature", []value{answer(qs[1].ID, second, 35+2*sepolia), answer(qs[0].ID, first, 0)})
	if r := w.take(t, file); r.Signed != 2 || r.Items[0].ID != ids[1] || r.Items[1].ID != ids[0] {
		t.Errorf("%+v", r)
	}
	sealed(ids[0], first)
	sealed(ids[1], second)
	w.ok("eth-batch-signature", "answer to our online half", "@keystonehq, go-ethereum")

	w.ethereumRefuses(t, row, answer)
}

func (w *world) ethereumRefuses(t *testing.T, row func(*types.Transaction) string, answer func(string, *types.Transaction, int64) value) {
	tx, waiting := pay(30, false, sepolia, 9), pay(31, false, sepolia, 9)
	id, notYet := row(tx), row(waiting)
	var q ethRequest
	w.export(t, "eth-sign-request", &q, id)
	write := func(v value) string { return w.write(t, w.paired, "eth-signature", v) }
	changed := func(id string) string { return write(answer(id, tx, 0)) }

	w.notTaken(t, "a UUID of others", changed(strings.Repeat("5a", 16)), id, "import.foreign")
	w.notTaken(t, "a UUID of zeros", changed(strings.Repeat("00", 16)), id, "import.foreign")
	w.notTaken(t, "an id that is not known", changed(strings.Repeat("5a", 12)+q.ID[24:]), id, "import.foreign")
	w.notTaken(t, "a row that was not exported", write(answer(notYet+q.ID[24:], waiting, 0)), notYet, "import.foreign")
	one := answer(q.ID, tx, 0)
	w.notTaken(t, "two answers for one", w.write(t, w.paired, "eth-batch-signature", []value{one, one}), id, "import.duplicate")
	w.notTaken(t, "one of others in a batch", w.write(t, w.paired, "eth-batch-signature", []value{one, answer(strings.Repeat("5a", 16), tx, 0)}), id, "import.foreign")
	w.notTaken(t, "v of nothing", write(answer(q.ID, tx, 5)), id, "foreign.signature")
	w.notTaken(t, "a request", w.write(t, w.paired, "eth-sign-request", value{"id": q.ID, "data": q.Data, "kind": q.Kind, "path": q.Path}), id, "scan.nothing")

	stranger := must(crypto.Sign(types.LatestSignerForChainID(big.NewInt(sepolia)).Hash(tx).Bytes(), must(crypto.GenerateKey())(t)))(t)
	w.held(t, "another key", write(value{"id": q.ID, "signature": hex.EncodeToString(stranger)}), id, "seal.signature")
	w.held(t, "another transaction", write(answer(q.ID, waiting, 0)), id, "seal.signature")
	v, _ := new(big.Int).SetString(one["signature"].(string)[64:128], 16)
	order, _ := new(big.Int).SetString("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 16)
	high := fmt.Sprintf("%s%064x%02x", one["signature"].(string)[:64], order.Sub(order, v), 1-unhex(t, one["signature"].(string)[128:])[0])
	w.held(t, "malleated", write(value{"id": q.ID, "signature": high}), id, "seal.signature")

	ok(t, w.paired.Delete(deadline(t), id))
	w.held(t, "late", write(one), id, "receipt.cancelled")
}

// A Solana wallet of crypto/ed25519: each key is a wallet.
func TestUseSolana(t *testing.T) {
	d := newDevice(t, 5)
	var keys []hdKey
	var private []ed25519.PrivateKey
	for i := range uint32(3) {
		private = append(private, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(i) + 1}, 32)))
		origin := pathOf(d.fingerprint, hard+44, hard+501, hard+i, hard)
		keys = append(keys, hdKey{Key: hex.EncodeToString(private[i].Public().(ed25519.PublicKey)), Origin: &origin})
	}
	keys = append(keys, d.shows(t, hard+84, hard+1, hard+5))
	list := w.keys(t, w.write(t, w.paired, "crypto-multi-accounts", multiAccounts{d.fingerprint, keys, "Keystone 3 Pro"}), "--testnet")
	if len(list) != 4 || list[3].Chain != "BTC" {
		t.Fatalf("%+v", list)
	}
	if only := w.keys(t, w.write(t, w.paired, "crypto-multi-accounts", multiAccounts{d.fingerprint, keys, ""}), "--testnet", "--chain", "sol"); !slices.Equal(only, list[:3]) {
		t.Errorf("--chain sol: %+v", only)
	}
	w.ok("crypto-multi-accounts", "our online half reads", "@keystonehq, solana-go")
	from := solana.PublicKeyFromBytes(private[1].Public().(ed25519.PublicKey))
	if list[1].Address != from.String() {
		t.Errorf("%+v", list[1])
	}
	message := func(lamports uint64) []byte {
		tx := must(solana.NewTransaction([]solana.Instruction{system.NewTransferInstruction(lamports, from, solana.NewWallet().PublicKey()).Build()},
			solana.Hash{7}, solana.TransactionPayer(from)))(t)
		return must(tx.Message.MarshalBinary())(t)
	}
	m := message(1_000_000_000)
	id := w.submit(t, "SOL", "devnet", base64.StdEncoding.EncodeToString(m), list[1].SignatureID)
	var q struct {
		ID, Data, Address string
		Path              keyPath
		Kind              int
	}
	w.export(t, "sol-sign-request", &q, id)
	if q.Data != hex.EncodeToString(m) || q.Address != keys[1].Key || q.Kind != 1 || q.Path.Fingerprint != d.fingerprint || !slices.Equal(q.Path.indexes(t), []uint32{hard + 44, hard + 501, hard + 1, hard}) {
		t.Errorf("%+v", q)
	}
	sign := func(key int, m []byte) string {
		return w.write(t, w.paired, "sol-signature", value{"id": q.ID, "signature": hex.EncodeToString(ed25519.Sign(private[key], m))})
	}
	w.held(t, "another key", sign(0, m), id, "seal.signature")
	w.held(t, "another message", sign(1, message(1)), id, "seal.signature")
	signature := ed25519.Sign(private[1], m)
	w.becomes(t, "sol-signature", sign(1, m), id, solana.SignatureFromBytes(signature).String())
	if want := append(append([]byte{1}, signature...), m...); !bytes.Equal(w.sealed(t, id), want) {
		t.Errorf("sealed %x", w.sealed(t, id))
	}
	w.ok("sol-signature", "answer to our online half", "@keystonehq, crypto/ed25519")
}

// What another wallet signs never goes to the offline half, nor the other way
// round; what cannot be asked together changes nothing.
func TestUseApart(t *testing.T) {
	ctx := deadline(t)
	ok(t, w.paired.ShareKeys(ctx))
	b := w.importBitcoin(t, 6)
	one, two := b.payment(t, 70), b.payment(t, 71)
	ids := []string{
		w.submit(t, "BTC", "testnet3", base64.StdEncoding.EncodeToString(one.psbt(t)), b.ids[:]...),
		w.submit(t, "BTC", "testnet3", base64.StdEncoding.EncodeToString(two.psbt(t)), b.ids[:]...),
	}
	_, err := w.paired.Online(ctx, "export", "--out", "never")
	refused(t, "nothing for the offline half", err, "export.empty")
	tx := pay(0, false, sepolia, 9)
	ours := w.submit(t, "ETH", "sepolia", "0x"+hex.EncodeToString(payload(t, tx, big.NewInt(sepolia))), w.wallet[w.paired]["ETH"].SignatureID)
	export := func(ids ...string) error {
		args := []string{"export", "--format", "ur", "--qr-text", "never"}
		for _, id := range ids {
			args = append(args, "--id", id)
		}
		_, err := w.paired.Online(ctx, args...)
		never(t, w.paired, "never")
		return err
	}
	refused(t, "both signers", export(ours, ids[0]), "export.state")
	refused(t, "two of Bitcoin", export(ids...), "foreign.batch")
	refused(t, "one that is not known", export(strings.Repeat("5a", 12)), "kms.missing")
	for _, format := range []string{"native", "nonsense"} {
		_, err = w.paired.Online(ctx, "export", "--id", ids[0], "--format", format, "--qr-text", "never")
		if f, is := errors.AsType[*halves.Failure](err); !is || f.Status != 2 {
			t.Errorf("--format %s: %v", format, err)
		}
	}
	_, err = w.paired.Online(ctx, "export", "--id", ids[0], "--format", "ur", "--out", "no/such/folder")
	if err == nil {
		t.Error("written into no folder")
	}
	for _, id := range ids {
		if row := w.state(t, id); row.State != "pending" {
			t.Errorf("nothing went out, and the row is %s", row.State)
		}
	}
	x := must(w.paired.Export(ctx, "bundle.cbor"))(t)
	if x.Items != 1 || w.state(t, ours).State != "exported" || w.state(t, ids[0]).State != "pending" {
		t.Errorf("%+v", x)
	}
	if r := must(w.paired.Review(ctx, "bundle.cbor"))(t); len(r.Items) != 1 || r.Items[0].ID != ours {
		t.Errorf("%+v", r)
	}
	refused(t, "ours after it was exported", export(ours, ids[0]), "export.state")
}

// Our own offline half, never paired, is the other wallet.
func TestUseOurOwn(t *testing.T) {
	var a account
	w.told(t, w.lonely, "BTC", "crypto-account", &a)
	a.Outputs = a.Outputs[:4] // the last is for multisig wallets
	file := w.file()
	must(w.lonely.Offline(deadline(t), "keys", "export", "--id", w.wallet[w.lonely]["BTC"].SignatureID, "--qr-text", file))(t)
	carry := func(from, to *halves.Halves, name string) string {
		ok(t, os.WriteFile(to.Path(name), []byte(contents(t, from, name)), 0o600))
		return name
	}
	list := w.keys(t, carry(w.lonely, w.paired, file))
	var shown struct{ Addresses []string }
	decode(t, must(w.lonely.Offline(deadline(t), "address", w.wallet[w.lonely]["BTC"].SignatureID, "--json"))(t), &shown)
	if len(list) != 4 || list[3].Path != "m/44'/1'/0'/0" || list[3].Address != shown.Addresses[1] {
		t.Fatalf("%+v, the offline half shows %v", list, shown)
	}
	var s spend
	for i, o := range a.Outputs {
		b := watch(t, o.Keys[0])
		if list[i].Address != b.address(t, 0, 0).EncodeAddress() {
			t.Errorf("%+v, by btcd %s", list[i], b.address(t, 0, 0))
		}
		s.coins = append(s.coins, b.coin(t, 1_000_000, 0, 90+uint32(i)))
		if i == 0 {
			s.back = &b
		}
	}
	s.to, s.amount, s.fee = nobody(0x77), 3_000_000, 2_000
	id := w.submit(t, "BTC", "testnet3", base64.StdEncoding.EncodeToString(s.psbt(t)), list[0].SignatureID, list[1].SignatureID, list[2].SignatureID, list[3].SignatureID)
	asked := w.file()
	must(w.paired.Online(deadline(t), "export", "--id", id, "--format", "bbqr", "--qr-text", asked))(t)
	var joined struct{ Type, Data string }
	w.ask(t, interop.Question{"do": "join", "parts": strings.Fields(contents(t, w.paired, asked))}, &joined)
	if joined.Type != "P" || joined.Data != hex.EncodeToString(s.psbt(t)) {
		t.Errorf("%+v", joined)
	}
	w.ok("BBQr", "our online half asks", "bbqr (npm)")
	r := w.review(t, w.lonely, carry(w.paired, w.lonely, asked))
	if r.From != "bbqr PSBT" || r.Signable != 1 || r.Items[0].Effects[1].Change == "" {
		t.Fatalf("%+v", r)
	}
	answer, _ := w.sign(t, w.lonely, asked, r.Digest)
	carry(w.lonely, w.paired, answer)
	w.ask(t, interop.Question{"do": "join", "parts": strings.Fields(contents(t, w.paired, answer))}, &joined)
	w.becomes(t, "our own", answer, id, valid(t, unhex(t, joined.Data), s).TxHash().String())
}
