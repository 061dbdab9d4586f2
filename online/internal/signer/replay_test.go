package signer_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
)

// refused says which recorded transactions are not the pending ones, and why.
func refused(v vector) string {
	switch {
	case v.Pending.Chain == "CELO":
		return "kms.transaction.mismatch" // Celo's own legacy type
	case v.Pending.Chain == "ETH" && v.Name == "native-nonce-zero":
		return "kms.transaction.mismatch" // the daemon takes nonce 0 for none, and signs another
	}
	return ""
}

// TestReplay: what the real daemon asked and sent for each record of its thirteen
// chains here, against this server: poll, look-ups, broadcast, and the row is
// complete when it is deep enough.
func TestReplay(t *testing.T) {
	paid := map[string]int{}
	for _, name := range []string{"BTC", "LTC", "DOGE", "BCH", "ETH", "BSC", "MATIC", "KLAY", "CELO", "XDC", "ONE", "KCS", "SOL"} {
		for _, v := range vectors(t, name) {
			if v.Expected.TxID == "" || strings.Contains(v.Pending.SerializedTransaction, "mintPK") {
				continue // the daemon failed, or the record holds a private key
			}
			t.Run(fmt.Sprint(name, "/", v.Network, "/", v.Name), func(t *testing.T) {
				if replay(t, v) {
					paid[name]++
				}
			})
		}
	}
	for name, least := range map[string]int{"BTC": 8, "LTC": 7, "DOGE": 6, "BCH": 3, "ETH": 11, "BSC": 8, "MATIC": 4, "KLAY": 4, "XDC": 6, "ONE": 6, "KCS": 6, "SOL": 5} {
		if paid[name] != least {
			t.Errorf("%s: %d payments were made, want %d", name, paid[name], least)
		}
	}
}

func replay(t *testing.T, v vector) bool {
	w := newWorld(t, v.Pending.Chain, v.Network == "testnet")
	w.wallets(v)
	w.tell(v)
	id := w.submit(v)
	ids, _ := json.Marshal(map[string]any{"signatureIds": v.Pending.Hashes})
	if len(v.Pending.Hashes) == 0 {
		ids = []byte("{}")
	}
	poll := func() (list []map[string]any) {
		a := w.call("daemon", "POST", "/v3/kms/pending/"+v.Pending.Chain, string(ids))
		if err := json.Unmarshal([]byte(a.body), &list); err != nil || a.status != 200 || !strings.HasPrefix(a.header.Get("x-ttm-kms-latest-version"), "8.0.1;WARN;") {
			t.Fatalf("poll: %d %s %v", a.status, a.body, a.header)
		}
		return list
	}
	list := poll()
	if len(list) != 1 || list[0]["id"] != id || list[0]["serializedTransaction"] != freeze(t, v) {
		t.Fatalf("poll: %v", list)
	}
	w.lookUp(v)
	a := w.handIn(v, id, nil)
	if code := refused(v); code != "" {
		if a.status != 403 || a.code() != code || w.ledger.different() != 0 {
			t.Errorf("%d %s", a.status, a.body)
		}
		return false
	}
	want := fmt.Sprintf(`{"txId":%q}`, v.Expected.TxID)
	if v.Pending.WithdrawalID != "" {
		want = fmt.Sprintf(`{"txId":%q,"completed":true}`, v.Expected.TxID)
	}
	if a.status != 200 || a.body != want {
		t.Fatalf("broadcast: %d %s, want %s", a.status, a.body, want)
	}
	if state, txID := w.state(id); state != "broadcast" && state != "complete" || txID != v.Expected.TxID {
		t.Errorf("the row is %s %s", state, txID)
	}
	if list := poll(); len(list) != 0 {
		t.Errorf("it is listed still: %v", list)
	}
	times := 2
	if v.Name == "native-full" || v.Name == "p2pkh-2in-samekey" {
		times = 48 // as often as the daemon did it
	}
	for range times {
		if again := w.handIn(v, id, nil); again.status != 200 || again.body != want {
			t.Fatalf("again: %d %s", again.status, again.body)
		}
	}
	if n := w.ledger.different(); n != 1 {
		t.Errorf("%d different transactions were sent", n)
	}
	if _, err := w.loop.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	row, err := w.store.Get(t.Context(), store.Any, rowID(t, id))
	if err != nil || row.State != pending.Complete || !row.Hot || row.Asserted || row.Bundle != 0 {
		t.Errorf("the row ends as %s, hot %v: %v", row.State, row.Hot, err)
	}
	return true
}

// lookUp makes the recorded look-ups, with the key where the daemon puts it, and
// compares the answers.
func (w *world) lookUp(v vector) {
	w.Helper()
	for i, l := range v.NetworkLookups {
		path := strings.ReplaceAll(l.Path, "{apiKey}", w.keys["daemon"])
		if l.Method == "GET" {
			if a := w.call("daemon", "GET", path, ""); a.status != 200 || a.body != string(l.Response) {
				w.Errorf("%s: %d %s", l.Path, a.status, a.body)
			}
			continue
		}
		body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": i, "method": l.Body.Method, "params": l.Body.Params})
		if err != nil {
			w.Fatal(err)
		}
		a := w.call("", "POST", path, string(body))
		var got struct {
			ID     int
			Result any
		}
		var want struct{ Result any }
		if err := json.Unmarshal(l.Response, &want); err != nil {
			w.Fatal(err)
		}
		if strings.HasSuffix(l.Body.Method, "estimateGas") && strings.Contains(v.Pending.SerializedTransaction, `"gas":"21000"`) {
			want.Result = "0x5208" // what the record has, not what the node says
		}
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != 200 || got.ID != i || fmt.Sprint(got.Result) != fmt.Sprint(want.Result) {
			w.Errorf("%s %s: %d %s", l.Path, l.Body.Method, a.status, a.body)
		}
	}
}
