package api_test

import (
	"encoding/json"
	"strings"
	"testing"
)

const givenID = "5E68C66581F2EE32BC354087"

func withWithdrawal(nonce int) string {
	return strings.TrimSuffix(submission(nonce), "}") + `,"withdrawalId":"` + givenID + `"}`
}

// TestWithdrawal: a withdrawal is made by one row, and DELETE of either takes it
// back, or keeps it with revert=false.
func TestWithdrawal(t *testing.T) {
	r := newRig(t)
	const path, missing = "/v3/offchain/withdrawal/" + givenID, `{"statusCode":403,"errorCode":"withdrawal.missing","message":"No such withdrawal."}`
	state := func(want string) {
		t.Helper()
		a := r.send("a/read", "GET", "/v1/withdrawals/"+strings.ToLower(givenID), "")
		var w struct{ State string }
		if err := json.Unmarshal([]byte(a.Body), &w); err != nil || w.State != want {
			t.Errorf("%d %s, want state %s", a.Status, a.Body, want)
		}
	}
	r.want(r.send("a/submit", "DELETE", path, ""), 403, missing)
	r.want(r.send("a/read", "GET", "/v1/withdrawals/"+givenID, ""), 403, missing)
	r.want(r.send("a/submit", "DELETE", "/v3/offchain/withdrawal/1", ""), 400, "")
	r.want(r.send("a/submit", "POST", "/v1/transactions", withWithdrawal(1)), 201, "")
	state("open")
	r.want(r.send("a/submit", "POST", "/v1/transactions", withWithdrawal(2)), 409, "")
	r.want(r.send("b/submit", "DELETE", path, ""), 403, missing)
	r.want(r.send("a/submit", "DELETE", path+"?revert=1", ""), 400, "")
	r.want(r.send("a/submit", "DELETE", path+"?revert=false", ""), 204, "")
	state("kept")
	r.want(r.send("a/submit", "POST", "/v1/transactions", withWithdrawal(3)), 201, "")
	state("open")
	r.want(r.send("a/submit", "DELETE", path, ""), 204, "")
	r.want(r.send("a/submit", "DELETE", path, ""), 204, "")
	state("cancelled")
}
