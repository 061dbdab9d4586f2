package desk

import (
	"math/big"
	"strings"
	"testing"

	"coldsign/online/internal/account"
	"coldsign/online/internal/chain/clients"
	"coldsign/online/internal/chain/transport"
	"coldsign/online/internal/create"
	"coldsign/online/internal/create/evm"
	"coldsign/online/internal/node"
	"coldsign/online/internal/quorum"
	"coldsign/online/internal/store"
	"coldsign/scripts/fund"
	"coldsign/scripts/rig"
	"coldsign/shared/chain"
)

// The form makes payments of what a real node says: nonce and fee, an amount as it was
// typed; once, however often it is sent.
func TestCreateForm(t *testing.T) {
	const local chain.ID = "eip155:31337"
	url := rig.Anvil(t, "CHAIN_ID=31337").URL
	client, err := clients.New(transport.Config{Network: local, URL: url, Depth: 3})
	must(t, err)
	asked, err := quorum.New([]quorum.Member{{Name: "node 1", Node: client}}, 1, 3)
	must(t, err)
	w := newWorld(t, func(c *Config) {
		c.Intake.Networks = []chain.ID{local}
		c.Depth = map[chain.ID]uint64{local: 3}
		c.Creator = &create.Creator{Store: c.Store, Intake: c.Intake, Nodes: map[chain.ID]node.Node{local: asked}, Builders: map[string]create.Builder{"eip155": evm.New(c.Now)}}
	})
	w.wallet()
	eth, err := fund.NewEVM(t.Context(), url)
	must(t, err)
	must(t, eth.Fund(t.Context(), big.NewInt(1e18), "0x22310Bf73bC88ae2D2c9a29Bd87bC38FBAc9e6b0"))
	b := w.login(account.Submitter)
	page := b.ask("GET", "/desk/create", nil)
	want(t, page, 200, walletID)
	if strings.Contains(page.Body.String(), "No network is configured") {
		t.Error("the node is not seen")
	}
	send := func(idem string, change ...string) (status int, at, body string) {
		got := b.ask("POST", "/desk/create", b.form(append([]string{"wallet", walletID, "to", payee, "amount", "0.25", "idem", idem}, change...)...))
		return got.Code, got.Header().Get("Location"), got.Body.String()
	}
	first := newIdem()
	status, at, body := send(first)
	if status != 303 {
		t.Fatalf("%d %s", status, body)
	}
	row := b.ask("GET", at, nil)
	want(t, row, 200, `<span class="amount">0.25</span> devETH`, payee, "<dt>nonce</dt><dd class=\"break\">0</dd>", "desk submitter-user")
	if status, again, _ := send(first); status != 303 || again != at {
		t.Errorf("sent twice: %d %s, the first %s", status, again, at)
	}
	if status, _, body := send(first, "amount", "0.3"); status != 400 || !strings.Contains(body, "idempotency.conflict") {
		t.Errorf("another payment with the same token: %d %s", status, body)
	}
	status, next, body := send(newIdem(), "amount", "0.000000000000000001")
	if status != 303 || next == at {
		t.Fatalf("%d %s %s", status, next, body)
	}
	want(t, b.ask("GET", next, nil), 200, `<span class="amount">0.000000000000000001</span> devETH`, "<dt>nonce</dt><dd class=\"break\">1</dd>")
	for name, change := range map[string][]string{
		"no number": {"amount", "1,5"}, "below nothing": {"amount", "-1"}, "too fine": {"amount", "0.0000000000000000001"}, "no address": {"to", "0x12"},
		"a wrong checksum": {"to", strings.Replace(payee, "dEaD", "DEaD", 1)}, "another network": {"network", "eip155:1"}, "no index": {"index", "-1"},
	} {
		if status, _, body := send(newIdem(), change...); status != 400 || !strings.Contains(body, `class="problem"`) || !strings.Contains(body, `value="`+change[1]+`"`) {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	list, err := w.store.List(t.Context(), store.Filter{Tenant: store.Any})
	if err != nil || len(list) != 2 {
		t.Errorf("%d rows, %v", len(list), err)
	}
}
