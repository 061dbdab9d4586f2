package litecoin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"coldsign/scripts/fund"
	"coldsign/scripts/halves"
	"coldsign/scripts/rig"
)

// core is litecoind's JSON-RPC.
type core struct {
	*testing.T
	node *rig.Node
}

// call asks a wallet, or the node where wallet is "".
func (c core) call(wallet string, out any, method string, params ...any) {
	c.Helper()
	if params == nil {
		params = []any{}
	}
	body, err := json.Marshal(map[string]any{"jsonrpc": "1.0", "id": 1, "method": method, "params": params})
	if err != nil {
		c.Fatal(err)
	}
	url := c.node.URL
	if wallet != "" {
		url += "/wallet/" + wallet
	}
	q, err := http.NewRequest("POST", url, bytes.NewReader(body))
	if err != nil {
		c.Fatal(err)
	}
	q.SetBasicAuth(c.node.User, c.node.Password)
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		c.Fatal(err)
	}
	defer r.Body.Close()
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		c.Fatal(err)
	}
	var answer struct {
		Result json.RawMessage
		Error  json.RawMessage
	}
	if err := json.Unmarshal(raw, &answer); err != nil || string(answer.Error) != "null" {
		c.Fatalf("%s: %s", method, raw)
	}
	if out != nil {
		if err := json.Unmarshal(answer.Result, out); err != nil {
			c.Fatal(err)
		}
	}
}

// coordinator makes a watch-only wallet of one descriptor, with a coin.
func (c core) coordinator(name, descriptor, address string) {
	c.Helper()
	var info struct{ Descriptor string }
	c.call("", &info, "getdescriptorinfo", descriptor)
	c.call("", nil, "createwallet", name, true, true) // no private keys, blank
	var imported []struct{ Success bool }
	c.call(name, &imported, "importmulti", []any{map[string]any{"desc": info.Descriptor, "timestamp": "now", "watchonly": true}})
	if len(imported) != 1 || !imported[0].Success {
		c.Fatalf("%s is not imported", info.Descriptor)
	}
	c.call("bank", nil, "sendtoaddress", address, 1.5)
	c.mine(1)
}

func (c core) mine(blocks int) {
	c.Helper()
	var address string
	c.call("bank", &address, "getnewaddress")
	c.call("", nil, "generatetoaddress", blocks, address)
}

// TestLitecoin: a watch-only wallet of Core makes the PSBT, our halves sign it, and
// the node confirms it, for each kind of input that the codec signs there.
func TestLitecoin(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	c := core{t, rig.Litecoin(t)}
	c.call("", nil, "createwallet", "bank")
	c.mine(101)
	dir := t.TempDir()
	programs, err := halves.BuildQuick(ctx, dir)
	ok(t, err)
	h := &halves.Halves{Programs: programs, Dir: dir}
	ok(t, h.Init(ctx))
	wallet, err := h.NewWallet(ctx, "LTC")
	ok(t, err)
	ok(t, h.ShareKeys(ctx))
	ok(t, h.Configure(ctx, halves.Network{Chain: "LTC", Name: "ltc-regtest", RPC: c.node.URL, User: c.node.User, Password: c.node.Password, Confirmations: 2}))
	ok(t, h.Serve(ctx))
	defer h.Kill()
	key, err := h.Address(ctx, wallet.SignatureID, "0", "ltc-regtest")
	ok(t, err)

	ids, paid := map[string]string{}, map[string]string{}
	for kind, descriptor := range map[string]string{"pkh": "pkh(%s)", "wpkh": "wpkh(%s)", "sh": "sh(wpkh(%s))"} {
		descriptor = fmt.Sprintf(descriptor, key.PublicKey)
		var info struct{ Descriptor string }
		c.call("", &info, "getdescriptorinfo", descriptor)
		var addresses []string
		c.call("", &addresses, "deriveaddresses", info.Descriptor)
		if kind == "pkh" && addresses[0] != key.Address {
			t.Fatalf("litecoind has %s, we have %s", addresses[0], key.Address)
		}
		c.coordinator(kind, descriptor, addresses[0])
		var to string
		c.call("bank", &to, "getnewaddress")
		var made struct{ PSBT string }
		c.call(kind, &made, "walletcreatefundedpsbt", []any{}, []any{map[string]any{to: 0.25}}, 0,
			map[string]any{"changeAddress": addresses[0], "feeRate": 0.0001, "includeWatching": true}, false)
		psbt, err := json.Marshal(made.PSBT)
		ok(t, err)
		row, err := h.Submit(ctx, "ltc-"+kind, halves.Submission{Chain: "LTC", Network: "ltc-regtest", Hashes: []string{wallet.SignatureID}, Transaction: psbt})
		ok(t, err)
		ids[row.ID], paid[row.ID] = kind, to
	}
	x, err := h.Export(ctx, "requests.cbor")
	ok(t, err)
	review, err := h.Review(ctx, "requests.cbor")
	ok(t, err)
	for _, item := range review.Items {
		change := 0
		for _, e := range item.Effects {
			if e.Change != "" {
				change++
			} else if e.To != paid[item.ID] || e.Amount != "25000000" {
				t.Errorf("%s: %+v", ids[item.ID], e)
			}
		}
		if !item.Verdict.Allow || len(item.Effects) != 2 || change != 1 {
			t.Errorf("%s: %+v", ids[item.ID], item)
		}
	}
	_, err = h.Sign(ctx, "requests.cbor", "answers.cbor", x.Digest)
	ok(t, err)
	r, err := h.Import(ctx, "answers.cbor")
	ok(t, err)
	if r.Signed != len(ids) {
		t.Fatalf("%+v", r)
	}
	for id, kind := range ids {
		ok(t, fund.Wait(ctx, "the end of "+kind, func() (bool, error) {
			row, err := h.Get(ctx, id)
			if err == nil && row.State == "broadcast" {
				c.mine(1)
			}
			if err == nil && row.Code != "" {
				return false, fmt.Errorf("%s: %s %s", kind, row.Code, row.Reason)
			}
			return err == nil && row.State == "complete", err
		}))
		var received float64
		c.call("bank", &received, "getreceivedbyaddress", paid[id], 2)
		if received != 0.25 {
			t.Errorf("%s: %v arrived", kind, received)
		}
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
