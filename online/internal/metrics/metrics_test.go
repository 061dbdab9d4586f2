package metrics

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
)

type rows struct {
	groups []store.Group
	err    error
	asked  int
}

func (r *rows) Stats(context.Context) ([]store.Group, error) {
	r.asked++
	return r.groups, r.err
}

func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func TestScrape(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	r := &rows{groups: []store.Group{
		{Network: "eip155:1", State: pending.Exported, Count: 3, Oldest: now.Add(-time.Hour), Deadline: now.Unix() + 60, Noted: 1},
		{Network: "eip155:1", State: pending.Pending, Count: 2, Oldest: now.Add(-time.Minute)},
		{State: pending.Complete, Count: 70},
	}}
	m, err := New(r, func() time.Time { return now }, "v1")
	if err != nil {
		t.Fatal(err)
	}
	m.Request("GET /v3/kms/{id}", 200, 3*time.Millisecond)
	m.Request("", 404, time.Millisecond)
	m.Node("eip155:1", true)
	m.Node("solana:x", false)
	m.Round("eip155:1", 2)
	text := scrape(t, m)
	for _, want := range []string{
		`coldsign_transactions{network="eip155:1",state="exported"} 3`,
		`coldsign_transactions{network="",state="complete"} 70`,
		`coldsign_oldest_transaction_seconds{network="eip155:1",state="exported"} 3600`,
		`coldsign_deadline_seconds{network="eip155:1",state="exported"} 60`,
		`coldsign_transactions_noted{network="eip155:1",state="exported"} 1`,
		`coldsign_requests_total{route="GET /v3/kms/{id}",status="200"} 1`,
		`coldsign_requests_total{route="none",status="404"} 1`,
		`coldsign_request_seconds_count{route="GET /v3/kms/{id}"} 1`,
		`coldsign_node_up{network="eip155:1"} 1`,
		`coldsign_node_up{network="solana:x"} 0`,
		`coldsign_broadcast_problems_total{network="eip155:1"} 2`,
		`coldsign_broadcast_round_timestamp_seconds 1.8e+09`,
		`coldsign_database_up 1`,
		`coldsign_info{version="v1"} 1`,
		`go_goroutines`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no line %s", want)
		}
	}
	if strings.Contains(text, `coldsign_deadline_seconds{network="eip155:1",state="pending"}`) {
		t.Error("a deadline where there is none")
	}
}

// TestAskedSeldom: scrapes in a loop do not become queries in a loop, and a
// database that fails is said to.
func TestAskedSeldom(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	r := &rows{err: errors.New("gone")}
	m, err := New(r, func() time.Time { return now }, "v1")
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if !strings.Contains(scrape(t, m), "coldsign_database_up 0") {
			t.Fatal("a failed database counts as up")
		}
	}
	if r.asked != 1 {
		t.Errorf("asked %d times", r.asked)
	}
	now, r.err = now.Add(fresh), nil
	if !strings.Contains(scrape(t, m), "coldsign_database_up 1") || r.asked != 2 {
		t.Errorf("asked %d times", r.asked)
	}
}
