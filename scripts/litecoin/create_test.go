package litecoin

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"coldsign/scripts/fund"
	"coldsign/scripts/halves"
	"coldsign/scripts/rig"
)

// TestCreate: the online half makes the payment, of outputs that litecoind's watch-only
// wallet lists; the other half signs it, and the node confirms it. Change comes back
// and pays the next one. An address that is not watched is never taken for empty.
func TestCreate(t *testing.T) {
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
	key, err := h.Address(ctx, wallet.SignatureID, "3", "ltc-regtest")
	ok(t, err)
	c.coordinator("watch", "pkh("+key.PublicKey+")", key.Address)
	ok(t, h.Configure(ctx, halves.Network{Chain: "LTC", Name: "ltc-regtest", RPC: c.node.URL + "/wallet/watch", User: c.node.User, Password: c.node.Password,
		Confirmations: 2, Extra: "coins = \"wallet\"\n"}))
	ok(t, h.Serve(ctx))
	defer h.Kill()

	body := func(to, address string, index int) map[string]any {
		return map[string]any{
			"fromAddress": []any{map[string]any{"address": address, "signatureId": wallet.SignatureID, "signatureIdIndex": index}},
			"to":          []any{map[string]any{"address": to, "value": 0.25}},
		}
	}
	for round := range 2 {
		var to string
		c.call("bank", &to, "getnewaddress")
		id, err := h.Create(ctx, "/v3/litecoin/transaction", fmt.Sprint("create-", round), body(to, key.Address, 3))
		ok(t, err)
		file := fmt.Sprintf("requests-%d.cbor", round)
		x, err := h.Export(ctx, file)
		ok(t, err)
		review, err := h.Review(ctx, file)
		ok(t, err)
		change := 0
		for _, e := range review.Items[0].Effects {
			if e.Change != "" {
				change++
			} else if e.To != to || e.Amount != "25000000" {
				t.Errorf("%+v", e)
			}
		}
		if item := review.Items[0]; !item.Verdict.Allow || len(item.Effects) != 2 || change != 1 {
			t.Errorf("%+v", item)
		}
		_, err = h.Sign(ctx, file, "answers-"+file, x.Digest)
		ok(t, err)
		_, err = h.Import(ctx, "answers-"+file)
		ok(t, err)
		ok(t, fund.Wait(ctx, "the end of it", func() (bool, error) {
			row, err := h.Get(ctx, id)
			if err == nil && row.State == "broadcast" {
				c.mine(1)
			}
			if err == nil && row.Code != "" {
				return false, fmt.Errorf("%s %s", row.Code, row.Reason)
			}
			return err == nil && row.State == "complete", err
		}))
		var received float64
		if c.call("bank", &received, "getreceivedbyaddress", to, 2); received != 0.25 {
			t.Errorf("%v arrived", received)
		}
	}
	other, err := h.Address(ctx, wallet.SignatureID, "4", "ltc-regtest")
	ok(t, err)
	if _, err := h.Create(ctx, "/v3/litecoin/transaction", "unwatched", body(key.Address, other.Address, 4)); err == nil || !strings.Contains(err.Error(), "create.node") {
		t.Errorf("an address that is not watched: %v", err)
	}
}
