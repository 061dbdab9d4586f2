package api_test

import (
	"strings"
	"testing"

	"coldsign/online/internal/intake"
)

// ATT-82: what a tenant hears of another's wallet is what it hears of one that is
// unknown, by each call that has a wallet sign.
func TestATT82WalletOfAnotherTenant(t *testing.T) {
	r := creating(t)
	r.intake.Owners = intake.Owners{ownID("ETH"): {"a"}, ownID("BSC"): {"c", "b"}}
	const token = `{"chain":"ETH","contractAddress":"0x5FbDB2315678afecb367f032d93F642f64180aa3","digits":6,"to":"0x000000000000000000000000000000000000dead","amount":"0.1","signatureId":"` + walletID + `","nonce":1,"fee":{"gasLimit":"21000","gasPrice":"5"}}`
	ethereum, body := creation("ETH", 3)
	transfer := `{"senderAccountId":"5e68c66581f2ee32bc354087","address":"0x000000000000000000000000000000000000dead","amount":"1","signatureId":"` + walletID + `","nonce":2,"gasLimit":"21000","gasPrice":"5"}`
	for path, body := range map[string]string{
		"/v1/transactions": submission(0), ethereum: body, "/v3/blockchain/token/transaction": token, "/v3/offchain/ethereum/transfer": transfer,
	} {
		theirs := r.send("b/submit", "POST", path, body)
		unknown := r.send("b/submit", "POST", path, strings.ReplaceAll(body, walletID, otherID))
		if theirs.Status != 400 || !strings.Contains(theirs.Body, "wallet.missing") || strings.ReplaceAll(theirs.Body, walletID, otherID) != unknown.Body {
			t.Errorf("%s: %d %s\nof an unknown one: %s", path, theirs.Status, theirs.Body, unknown.Body)
		}
		if own := r.send("a/submit", "POST", path, body); own.Status != 200 && own.Status != 201 {
			t.Errorf("%s: its owner got %d %s", path, own.Status, own.Body)
		}
	}
	bsc, body := creation("BSC", 0)
	if theirs, own := r.send("a/submit", "POST", bsc, body), r.send("b/submit", "POST", bsc, body); theirs.Status != 400 || own.Status != 200 {
		t.Errorf("BSC: %d %s; its owner got %d %s", theirs.Status, theirs.Body, own.Status, own.Body)
	}
	// No table names this one.
	polygon, body := creation("MATIC", 0)
	for _, tenant := range []string{"a", "b"} {
		if got := r.send(tenant+"/submit", "POST", polygon, body); got.Status != 400 || !strings.Contains(got.Body, "wallet.missing") {
			t.Errorf("%s may have nobody's wallet sign: %d %s", tenant, got.Status, got.Body)
		}
	}
}
