package desk

import (
	"context"
	"testing"
	"time"

	"coldsign/online/internal/account"
	"coldsign/online/internal/metrics"
	"coldsign/online/internal/tips"
)

// The health page has each node, and the page of numbers has the metrics in words.
func TestHealth(t *testing.T) {
	seen := tips.Seen{ID: "eip155:1", Chain: "ETH", Name: "mainnet", Views: 2, Up: 1, Nodes: []tips.State{
		{Name: "ours", Address: "https://node.example/...", Up: true, Height: 4711, Behind: 0, Block: time.UnixMilli(1_800_000_000_000).Add(-90 * time.Second), Took: 12 * time.Millisecond},
		{Name: "theirs", Address: "http://b.example", Code: "node.unusable", Text: "<script>pwned=1</script>"},
	}}
	w := newWorld(t, func(c *Config) {
		c.Nodes = func(context.Context) ([]tips.Seen, error) { return []tips.Seen{seen}, nil }
		c.Numbers = func() ([]metrics.Reading, error) {
			return []metrics.Reading{
				{Name: "coldsign_deadline_seconds", Help: "Until the deadline.", Values: []metrics.Value{{Labels: []metrics.Label{{Name: "network", Text: "eip155:1"}, {Name: "state", Text: "pending"}}, Number: -120}}},
				{Name: "coldsign_oldest_transaction_seconds", Help: "Age.", Values: []metrics.Value{{Number: 7200}}},
				{Name: "coldsign_request_seconds", Help: "Answers.", Values: []metrics.Value{{Number: 0.0125, Count: 40}}},
				{Name: "coldsign_database_up", Help: "Database.", Values: []metrics.Value{{Number: 0}}},
				{Name: "coldsign_broadcast_round_timestamp_seconds", Help: "Round.", Values: []metrics.Value{{Number: 1_800_000_000 - 5}}},
				{Name: "coldsign_node_up", Help: "Nodes."},
			}, nil
		}
		c.Scrape = "http://127.0.0.1:9190/metrics"
	})
	b := w.login(account.Viewer)
	want(t, b.ask("GET", "/desk/health", nil), 200, "too few answer", "1 of 2 answer,", "2 must agree", "https://node.example/...", ">4711<", "1 min ago", "12 ms", "node.unusable", "&lt;script&gt;")
	want(t, b.ask("GET", "/desk/health/numbers", nil), 200, "2 min ago", "2 h", "12.5 ms, mean of 40", "DOWN", "5 s ago", "Nothing yet.", `href="http://127.0.0.1:9190/metrics"`, ">mainnet<")
	none := newWorld(t)
	b = none.login(account.Viewer)
	want(t, b.ask("GET", "/desk/health", nil), 200, "No node is configured")
	want(t, b.ask("GET", "/desk/health/numbers", nil), 404)
}
