package electrum

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"coldsign/scripts/fund"
	"coldsign/scripts/halves"
	"coldsign/scripts/rig"
)

// wallet is one of Electrum's, on a machine that is not connected.
type wallet struct {
	t    *testing.T
	home string
}

func (w wallet) run(command string, args ...string) string {
	w.t.Helper()
	all := append([]string{command, "--regtest", "--offline", "-D", w.home, "-w", w.home + "/wallet"}, args...)
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(w.t.Context(), "electrum", all...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		w.t.Fatalf("electrum %s: %v\n%s%s", command, err, &stdout, &stderr)
	}
	return strings.TrimSpace(stdout.String())
}

func TestElectrum(t *testing.T) {
	if _, err := exec.LookPath("electrum"); err != nil {
		t.Fatal("electrum is not installed; run scripts/interop/install.sh")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	node := rig.Btcd(t)
	b, err := fund.NewBitcoin(node.URL, node.User, node.Password)
	ok(t, err)
	defer b.Close()
	dir := t.TempDir()
	programs, err := halves.BuildQuick(ctx, dir)
	ok(t, err)

	w := wallet{t, dir + "/electrum"}
	ok(t, os.Mkdir(w.home, 0o700))
	w.run("create", "--seed_type", "segwit")
	var addresses []string
	ok(t, json.Unmarshal([]byte(w.run("listaddresses", "--receiving")), &addresses))
	home, to := addresses[0], addresses[7]
	wif := strings.TrimPrefix(w.run("getprivatekeys", home), "p2wpkh:")

	// The same key in our offline half.
	h := &halves.Halves{Programs: programs, Dir: dir}
	ok(t, h.Init(ctx))
	ours, err := h.ImportWallet(ctx, "BTC", wif)
	ok(t, err)
	ok(t, h.ShareKeys(ctx))
	ok(t, h.Configure(ctx, halves.Network{Chain: "BTC", Name: "regtest", RPC: node.URL, User: node.User, Password: node.Password, Confirmations: 2}))
	ok(t, h.Serve(ctx))
	defer h.Kill()

	coins, err := b.Fund(100_000_000, home)
	ok(t, err)
	var funding bytes.Buffer
	ok(t, coins[0].Tx.Serialize(&funding))
	w.run("addtransaction", hex.EncodeToString(funding.Bytes()))
	unsigned := w.run("payto", "--unsigned", "--fee", "0.00002", "--change_addr", home, to, "0.25")
	text, err := json.Marshal(unsigned)
	ok(t, err)
	row, err := h.Submit(ctx, "electrum", halves.Submission{Chain: "BTC", Network: "regtest", Hashes: []string{ours.SignatureID}, Transaction: text})
	ok(t, err)

	x, err := h.Export(ctx, "requests.cbor")
	ok(t, err)
	review, err := h.Review(ctx, "requests.cbor")
	ok(t, err)
	change := ""
	for _, e := range review.Items[0].Effects {
		if e.Change != "" {
			change = e.Amount
		} else if e.To != to || e.Amount != "25000000" {
			t.Errorf("%+v", e)
		}
	}
	if !review.Items[0].Verdict.Allow || change != "74998000" {
		t.Errorf("%+v", review.Items[0])
	}
	_, err = h.Sign(ctx, "requests.cbor", "answers.cbor", x.Digest)
	ok(t, err)
	if r, err := h.Import(ctx, "answers.cbor"); err != nil || r.Signed != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	ok(t, fund.Wait(ctx, "the end", func() (bool, error) {
		if row, err = h.Get(ctx, row.ID); err == nil && row.State == "broadcast" {
			err = b.Mine(1)
		}
		return row.State == "complete", err
	}))
	if _, err := b.Paid(row.TxID, to, 25_000_000); err != nil {
		t.Error(err)
	}

	// Electrum signs what it made: the same transaction, as its id shows, with a
	// signature that consensus takes.
	raw, err := hex.DecodeString(w.run("signtransaction", unsigned))
	ok(t, err)
	var theirs wire.MsgTx
	ok(t, theirs.Deserialize(bytes.NewReader(raw)))
	if theirs.TxHash().String() != row.TxID || len(theirs.TxIn[0].Witness) != 2 {
		t.Errorf("Electrum signed %s, we %s", theirs.TxHash(), row.TxID)
	}
	out := coins[0].Tx.TxOut[coins[0].Index]
	spent := txscript.NewCannedPrevOutputFetcher(out.PkScript, out.Value)
	engine, err := txscript.NewEngine(out.PkScript, &theirs, 0, txscript.StandardVerifyFlags, nil, txscript.NewTxSigHashes(&theirs, spent), out.Value, spent)
	ok(t, err)
	ok(t, engine.Execute())
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
