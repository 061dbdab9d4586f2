package desk

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"os"
	"strconv"
	"strings"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/chaincfg/v2"

	"coldsign/scripts/fund"
	"coldsign/scripts/halves"
	"coldsign/scripts/interop"
	"coldsign/shared/chain"
	"coldsign/shared/frame"
	"coldsign/shared/frame/picture"
	"coldsign/shared/frame/reader"
	"coldsign/shared/frame/urtypes"
	"coldsign/shared/hd"
)

// account is a wallet that was taken from another wallet's codes.
type account struct{ SignatureID, Path, Address string }

// accounts brings another wallet's keys to the desk as a list of codes, and gives them.
// It is our offline half once more, as somebody who was never paired.
func (w *world) accounts(own halves.Wallet, least int) (list []account) {
	w.Helper()
	_, err := w.Offline(w.Context(), "keys", "export", "--id", own.SignatureID, "--qr-text", "account.txt")
	ok(w, err)
	w.Goto(w.base + "/take/keys")
	w.Click("#testnet")
	w.Files("#file", w.Path("account.txt"))
	w.Wait("#result")
	said := w.Text("#result")
	var got struct{ Wallets []account }
	ok(w, halves.Read(&got)(w.Online(w.Context(), "keys", "import", "--scan", "account.txt", "--testnet", "--json")))
	for _, a := range got.Wallets {
		if !strings.Contains(said, a.Path) || !strings.Contains(said, a.Address) {
			w.Errorf("%s %s is not in %q", a.Path, a.Address, said)
		}
	}
	if len(got.Wallets) < least || !strings.Contains(said, "Compare each address") {
		w.Fatalf("%d wallets, %q", len(got.Wallets), said)
	}
	return got.Wallets
}

// ask goes to the page that shows a row to another wallet, and gives its formats.
func (w *world) ask(row string) (formats []string) {
	w.Helper()
	w.Goto(w.base + "/send")
	w.Click("input[value='" + row + "']")
	w.Click("#chosen")
	w.Wait("#digest-words")
	w.Until(`document.querySelector("canvas").dataset.shown`)
	w.Eval(`[...document.querySelectorAll("#format option")].map((o) => o.value)`, &formats)
	return formats
}

// other has another wallet sign: a PSBT there and back by BBQr as the reference library
// reads and writes it, and a request that has no BBQr.
func (w *world) other() {
	w.Helper()
	ctx := w.Context()
	oracle, err := interop.Start()
	ok(w, err)
	defer oracle.Close()
	row := w.psbt()
	if formats := strings.Join(w.ask(row), " "); formats != "ur bbqr" {
		w.Errorf("a PSBT goes out as %q", formats)
	}
	name, file := w.Download("#file")
	if !strings.HasSuffix(name, ".psbt") || !bytes.HasPrefix(file, []byte("psbt\xff")) {
		w.Errorf("%s has %.40q", name, file)
	}
	w.Click("#pause")
	w.Choose("#format", "bbqr")
	w.set("density", 8)
	w.Until(`document.querySelector("canvas").dataset.shown === "0"`)
	var pass int
	w.Eval(`Number(document.querySelector("canvas").dataset.pass)`, &pass)
	texts := w.read(w.pictures(pass))
	var joined struct{ Type, Data string }
	if err := oracle.Ask(interop.Question{"do": "join", "parts": texts}, &joined); err != nil || pass < 2 || joined.Type != "P" || joined.Data != hex.EncodeToString(file) {
		w.Errorf("%d codes; the reference joins %s of type %s: %v", pass, joined.Data, joined.Type, err)
	}
	w.Shot("bbqr")
	w.Clean()
	w.put("bbqr.txt", []byte(strings.Join(texts, "\n")+"\n"))
	var review struct{ Digest string }
	ok(w, halves.Read(&review)(w.Offline(ctx, "review", "--scan", "bbqr.txt", "--network", "regtest", "--json")))
	_, err = w.Offline(ctx, "sign", "--scan", "bbqr.txt", "--network", "regtest", "--approve", review.Digest, "--format", "plain", "--out", "signed.psbt")
	ok(w, err)
	signed, err := os.ReadFile(w.Path("signed.psbt"))
	ok(w, err)
	var split struct{ Parts []string }
	ok(w, oracle.Ask(interop.Question{"do": "split", "data": hex.EncodeToString(signed), "type": "P", "options": map[string]any{"minVersion": 5, "maxVersion": 10, "minSplit": 2}}, &split))
	took := w.scan("/take", symbols(w, split.Parts...))
	if said := w.Text("#result"); !strings.Contains(said, "1 signed") {
		w.Fatalf("%q", said)
	}
	w.Until(`document.querySelector("#result .s-broadcast, #result .s-complete")`)
	w.Clean()
	w.Logf("a PSBT of %d bytes in %d BBQr codes there and %d back, %.2f s from \"scan\" to signed", len(file), pass, len(split.Parts), took.Seconds())
	w.Goto(w.base + "/take")
	w.Files("#file", w.Path("signed.psbt")) // and as a file
	w.says("#result", "This was taken in before.")
	w.noBBQr()
}

// read gives the contents of the codes in the pictures of a folder.
func (w *world) read(dir string) (texts []string) {
	w.Helper()
	src, closer, err := picture.Open(dir, nil)
	ok(w, err)
	defer closer.Close()
	for r := reader.New(); ; {
		p, err := src.Next()
		if errors.Is(err, io.EOF) {
			return texts
		}
		ok(w, err)
		for _, s := range r.Read(p) {
			texts = append(texts, string(s.Content()))
		}
	}
}

// psbt has a Bitcoin payment of another wallet wait, and gives its id.
func (w *world) psbt() string {
	w.Helper()
	own := w.others["BTC"]
	var from account
	for _, a := range w.accounts(own, 4) {
		if strings.HasPrefix(a.Path, "m/84'") {
			from = a
		}
	}
	w.Shot("other-keys")
	w.Clean()
	key := w.key(from.Path)
	coins, err := w.btc.Fund(5_000_000, key.Address)
	ok(w, err)
	to, err := fund.NewBitcoinAddress()
	ok(w, err)
	text, err := fund.Spend{Coins: coins, From: key, To: to, Amount: 1_000_000, Change: key}.PSBT()
	ok(w, err)
	return w.submit(halves.Submission{Chain: "BTC", Network: "regtest", Hashes: []string{from.SignatureID}, Transaction: json.RawMessage(strconv.Quote(text))})
}

// key is the first of an account, derived from the codes of account.txt by its path.
func (w *world) key(path string) (k fund.Key) {
	w.Helper()
	raw, err := os.ReadFile(w.Path("account.txt"))
	ok(w, err)
	m, err := frame.FromFile(raw)
	ok(w, err)
	item, err := urtypes.Decode(m.Type, m.Data)
	ok(w, err)
	told := item.(urtypes.Account)
	k.Master = told.Fingerprint
	for _, o := range told.Outputs {
		x := o.Keys[0].(urtypes.HDKey)
		indexes, _ := x.Origin.Indexes()
		if k.Path = append(indexes, 0, 0); chain.PathString(k.Path[:len(k.Path)-1]) != path {
			continue
		}
		pub, err := chain.NewPublicKey(chain.Secp256k1, x.Key)
		ok(w, err)
		node, err := hd.NewPublic(pub, x.ChainCode, 3, [4]byte{}, 0)
		ok(w, err)
		first, err := node.Derive([]uint32{0, 0})
		ok(w, err)
		k.PublicKey = first.Key().Bytes()
		a, err := address.NewAddressWitnessPubKeyHash(address.Hash160(k.PublicKey), &chaincfg.RegressionNetParams)
		ok(w, err)
		k.Address = a.EncodeAddress()
		return k
	}
	w.Fatalf("no key at %s was told", path)
	return k
}

func (w *world) submit(s halves.Submission) string {
	w.Helper()
	w.asked++
	row, err := w.Submit(w.Context(), "other-"+strconv.Itoa(w.asked), s)
	ok(w, err)
	return row.ID
}

// noBBQr shows what only a UR carries.
func (w *world) noBBQr() {
	w.Helper()
	own, err := w.NewWallet(w.Context(), "ETH")
	ok(w, err)
	from := w.accounts(own, 1)[0]
	call, err := w.eth.Pay(w.Context(), own.Address, own.Address, 0, big.NewInt(1))
	ok(w, err)
	text, err := call.Hex()
	ok(w, err)
	row := w.submit(halves.Submission{Chain: "ETH", Network: network, Hashes: []string{from.SignatureID}, Transaction: json.RawMessage(strconv.Quote(text))})
	if formats := strings.Join(w.ask(row), " "); formats != "ur" {
		w.Errorf("a request for Ethereum goes out as %q", formats)
	}
	var presets []string
	if w.Eval(`[...document.querySelectorAll("#preset option")].map((o) => o.value)`, &presets); strings.Contains(strings.Join(presets, " "), "coldcard") {
		w.Errorf("a device that reads BBQr alone is offered: %q", presets)
	}
	var refused struct{ Code, What, Cure string }
	w.Eval(`fetch("/desk/carry/out/"+document.getElementById("carry").dataset.name+"/codes?format=bbqr&version=10&from=0&count=1").then((r) => r.json()).then((p) => ({ Code: p.code, What: p.what, Cure: p.cure }))`, &refused)
	if refused.Code != "frame.format" || !strings.Contains(refused.What, `a UR of type eth-sign-request has no form "bbqr"`) || refused.Cure == "" {
		w.Errorf("%+v", refused)
	}
	w.Do("errors", nil, nil) // the browser tells of the refusal too
}
