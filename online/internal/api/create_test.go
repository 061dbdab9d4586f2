package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"coldsign/online/internal/api"
	"coldsign/online/internal/create"
	"coldsign/online/internal/create/evm"
	"coldsign/online/internal/intake"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/chaintest"
	"coldsign/shared/chain/registry"
)

// creating is a rig that makes transactions, with a wallet for each chain of the EVM
// family and no node.
func creating(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	r.intake.Networks = nil
	for _, c := range registry.New().All() {
		r.intake.Networks = append(r.intake.Networks, c.Networks[min(1, len(c.Networks)-1)].ID)
	}
	now := r.intake.Now
	c := &create.Creator{Store: r.store, Intake: r.intake, Builders: map[string]create.Builder{"eip155": evm.New(now)}}
	r.handler = api.New(api.Config{Store: r.store, Intake: r.intake, Creator: c, Now: now, Log: slog.New(slog.NewJSONHandler(r.log, nil)), Version: "test"})
	for i, name := range []string{"BSC", "MATIC", "CELO", "KLAY", "XDC", "ONE", "KCS"} {
		id, err := bundle.ParseSignatureID(ownID(name))
		if err != nil {
			t.Fatal(err)
		}
		key := chaintest.Secp256k1Key(bytes.Repeat([]byte{byte(10 + i)}, 32))
		if err := r.store.PutWallets(t.Context(), []bundle.Wallet{{SignatureID: id, Chain: name, Testnet: true, Curve: chain.Secp256k1, Key: key.Bytes()}}); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// ownID is the wallet of a chain.
func ownID(name string) string {
	if name == "ETH" {
		return walletID
	}
	return fmt.Sprintf("%06x00-4444-4444-8444-444444444444", name[:3])
}

const everything = `"nonce":%d,"fee":{"gasLimit":"21000","gasPrice":"5"}`

// creation gives the path and body of a creation call of the chain.
func creation(name string, nonce int) (path, body string) {
	path = map[string]string{"ETH": "ethereum", "BSC": "bsc", "MATIC": "polygon", "CELO": "celo", "KLAY": "klaytn", "XDC": "xdc", "ONE": "one", "KCS": "kcs"}[name]
	return "/v3/" + path + "/transaction", fmt.Sprintf(`{"to":"0x000000000000000000000000000000000000dead","amount":"0.1","currency":%q,"signatureId":%q,`+everything+`}`, name, ownID(name), nonce)
}

func TestCreate(t *testing.T) {
	r := creating(t)
	id := func(a answer) string {
		t.Helper()
		var got struct{ SignatureID string }
		if err := json.Unmarshal([]byte(a.Body), &got); err != nil || a.Status != http.StatusOK || len(got.SignatureID) != 24 {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		return got.SignatureID
	}
	for _, name := range []string{"ETH", "BSC", "MATIC", "CELO", "KLAY", "XDC", "ONE", "KCS"} {
		path, body := creation(name, 0)
		made := id(r.send("a/submit", "POST", path, body))
		row := r.send("a/read", "GET", "/v3/kms/"+made, "")
		if !strings.Contains(row.Body, `"chain":"`+name+`"`) || !strings.Contains(row.Body, `"hashes":["`+ownID(name)+`"]`) {
			t.Errorf("%s: %s", name, row.Body)
		}
		body = fmt.Sprintf(`{"chain":%q,"contractAddress":"0x5FbDB2315678afecb367f032d93F642f64180aa3","digits":6,"to":"0x000000000000000000000000000000000000dead","amount":"0.1","signatureId":%q,`+everything+`}`, name, ownID(name), 1)
		id(r.send("a/submit", "POST", "/v3/blockchain/token/transaction", body))
	}
	withdrawal := `{"senderAccountId":"5e68c66581f2ee32bc354087","address":"0x000000000000000000000000000000000000dead","amount":"1","signatureId":"` + walletID + `","nonce":2,"gasLimit":"21000","gasPrice":"5"}`
	made := id(r.send("a/submit", "POST", "/v3/offchain/ethereum/transfer", withdrawal))
	if row := r.send("a/read", "GET", "/v3/kms/"+made, ""); !strings.Contains(row.Body, `"withdrawalId":"`) {
		t.Errorf("no withdrawal in %s", row.Body)
	}
	r.want(r.send("a/submit", "DELETE", "/v3/kms/"+made, ""), http.StatusNoContent, "")

	keyed := func(q *http.Request) { q.Header.Set("Idempotency-Key", "k") }
	path, body := creation("ETH", 7)
	first := id(r.send("a/submit", "POST", path, body, keyed))
	if again := id(r.send("a/submit", "POST", path, body, keyed)); again != first {
		t.Errorf("the same key made %s and %s", first, again)
	}
	refused := func(a answer, status int, code string) {
		t.Helper()
		if a.Status != status || !strings.Contains(a.Body, `"`+code+`"`) {
			t.Errorf("%d %s, want %d %s", a.Status, a.Body, status, code)
		}
	}
	refused(r.send("a/submit", "POST", path, strings.Replace(body, "0.1", "0.2", 1), keyed), 409, "idempotency.conflict")
	refused(r.send("a/submit", "POST", path+"?network=sepolia", body, keyed), 409, "idempotency.conflict")
	refused(r.send("a/submit", "POST", path, body), 409, "reservation.conflict")
	refused(r.send("a/submit", "POST", path, strings.Replace(body, `"nonce":7,`, "", 1)), 503, "create.node")
	refused(r.send("a/read", "POST", path, body), 403, "apikey.scope")
	refused(r.send("a/submit", "POST", path, strings.Replace(body, `"to"`, `"tO"`, 1)), 400, "validation.failed")
	refused(r.send("a/submit", "POST", path, body+strings.Repeat(" ", 1<<20)), 413, "request.size")
	refused(r.send("a/submit", "POST", path+"?netwrok=x", body), 400, "validation.failed")
	refused(r.send("a/submit", "POST", path, body, func(q *http.Request) { q.Header.Add("x-testnet-type", "a"); q.Header.Add("x-testnet-type", "b") }), 400, "validation.failed")
	secret := strings.Repeat("46", 32)
	a := r.send("a/submit", "POST", path, strings.Replace(body, `"nonce":7`, `"fromPrivateKey":"0x`+secret+`"`, 1))
	refused(a, 400, "isSecret")
	if strings.Contains(a.Body+r.log.String(), secret) {
		t.Error("a private key is told back")
	}
	if _, err := r.intake.Accounts(t.Context(), "a", intake.Submission{Chain: "ETH", Hashes: []string{otherID}}); err == nil {
		t.Error("an unknown wallet has accounts")
	}
}
