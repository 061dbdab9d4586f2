package metrics

import (
	"errors"
	"testing"
	"time"

	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
)

// What people read is what a scrape gives.
func TestRead(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	r := &rows{groups: []store.Group{{Network: "eip155:1", State: pending.Exported, Count: 3, Oldest: now.Add(-time.Hour)}}}
	m, err := New(r, func() time.Time { return now }, "v1")
	if err != nil {
		t.Fatal(err)
	}
	m.Request("GET /a", 200, time.Second)
	m.Request("GET /b", 200, time.Second)
	m.Request("GET /b", 200, 3*time.Second)
	m.Node("eip155:1", true)
	find := func(name string) Reading {
		t.Helper()
		list, err := m.Read()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list {
			if r.Name == name {
				return r
			}
		}
		t.Fatalf("there is no %s", name)
		return Reading{}
	}
	if r := find("coldsign_transactions"); len(r.Values) != 1 || r.Values[0].Number != 3 || r.Values[0].Labels[1] != (Label{"state", "exported"}) || r.Help == "" {
		t.Errorf("%+v", r)
	}
	if r := find("coldsign_oldest_transaction_seconds"); r.Values[0].Number != 3600 {
		t.Errorf("%+v", r)
	}
	if r := find("coldsign_request_seconds"); len(r.Values) != 2 || r.Values[0].Number != 2 || r.Values[0].Count != 2 || r.Values[0].Labels[0].Text != "GET /b" {
		t.Errorf("%+v", r)
	}
	r.err, now = errors.New("gone"), now.Add(fresh)
	if r := find("coldsign_database_up"); r.Values[0].Number != 0 {
		t.Errorf("%+v", r)
	}
}
