// Package metrics tells Prometheus how the online half does: rows by state and
// age, deadlines, requests, nodes. No label holds what a caller sent, and no
// number an amount.
//
//	m, err := metrics.New(store, time.Now, version)
//	http.Handle("/metrics", m.Handler())
//	m.Request("GET /v3/kms/{id}", 200, took)
package metrics

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/chain"
)

const (
	queryTime = 5 * time.Second // for the database, of one scrape
	fresh     = 5 * time.Second // within which a scrape gets the numbers of the one before
)

// Rows counts what is in the database.
type Rows interface {
	Stats(context.Context) ([]store.Group, error)
}

// Metrics is one process's set.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	nodes    *prometheus.GaugeVec
	problems *prometheus.CounterVec
	rounds   prometheus.Gauge
	now      func() time.Time
}

// New makes the set. Its rows are counted when they are asked for.
func New(rows Rows, now func() time.Time, version string) (*Metrics, error) {
	m := &Metrics{
		registry: prometheus.NewRegistry(), now: now,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "coldsign_requests_total", Help: "HTTP requests answered, by route and status."}, []string{"route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "coldsign_request_seconds", Help: "How long answers took.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10}}, []string{"route"}),
		nodes:    prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "coldsign_node_up", Help: "1 when the network's node answered for its network in the last round."}, []string{"network"}),
		problems: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "coldsign_broadcast_problems_total", Help: "What kept rows from landing and may need a person."}, []string{"network"}),
		rounds:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "coldsign_broadcast_round_timestamp_seconds", Help: "When the last round of broadcasting ended."}),
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{Name: "coldsign_info", Help: "The running version.", ConstLabels: prometheus.Labels{"version": version}})
	info.Set(1)
	for _, c := range []prometheus.Collector{m.requests, m.seconds, m.nodes, m.problems, m.rounds, info, &collector{rows: rows, now: now},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})} {
		if err := m.registry.Register(c); err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
	}
	return m, nil
}

// Handler answers a scrape.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 2, Timeout: 2 * queryTime})
}

// Request counts one answer. The route is a pattern of ours, "" when none fits.
func (m *Metrics) Request(route string, status int, took time.Duration) {
	if route == "" {
		route = "none"
	}
	m.requests.WithLabelValues(route, fmt.Sprint(status)).Inc()
	m.seconds.WithLabelValues(route).Observe(took.Seconds())
}

// Node notes whether a network's node answers.
func (m *Metrics) Node(network chain.ID, up bool) {
	v := 0.0
	if up {
		v = 1
	}
	m.nodes.WithLabelValues(string(network)).Set(v)
}

// Round notes the end of a round and how many problems each network had in it.
func (m *Metrics) Round(network chain.ID, problems int) {
	m.problems.WithLabelValues(string(network)).Add(float64(problems))
	m.rounds.Set(float64(m.now().Unix()))
}

// collector counts the rows at a scrape, and not more often than every few
// seconds: whoever asks in a loop must not slow the payments down.
type collector struct {
	rows Rows
	now  func() time.Time

	mu    sync.Mutex
	asked time.Time
	last  []store.Group
	err   error
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

type descriptions struct{ rows, oldest, deadline, noted, up *prometheus.Desc }

func described() descriptions {
	return descriptions{
		rows:     describe("coldsign_transactions", "Rows by state. Those that have come to their end have no network.", "network", "state"),
		oldest:   describe("coldsign_oldest_transaction_seconds", "Age of the oldest row that is not at its end.", "network", "state"),
		deadline: describe("coldsign_deadline_seconds", "Time until the nearest deadline of such a row; negative when it has passed.", "network", "state"),
		noted:    describe("coldsign_transactions_noted", "Rows with a code that says what keeps them from landing.", "network", "state"),
		up:       describe("coldsign_database_up", "1 when the database answered."),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	d := described()
	for _, x := range []*prometheus.Desc{d.rows, d.oldest, d.deadline, d.noted, d.up} {
		out <- x
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	d := described()
	groups, err := c.stats()
	gauge := func(desc *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, v, labels...)
	}
	if err != nil {
		gauge(d.up, 0)
		return
	}
	gauge(d.up, 1)
	now := c.now()
	for _, g := range groups {
		network, state := string(g.Network), string(g.State)
		gauge(d.rows, float64(g.Count), network, state)
		if g.Network == "" || ended(g.State) {
			continue
		}
		gauge(d.oldest, now.Sub(g.Oldest).Seconds(), network, state)
		gauge(d.noted, float64(g.Noted), network, state)
		if g.Deadline != 0 {
			gauge(d.deadline, float64(g.Deadline-now.Unix()), network, state)
		}
	}
}

func ended(s pending.State) bool {
	switch s {
	case pending.Pending, pending.Exported, pending.Signed, pending.Broadcasting, pending.Broadcast:
		return false
	}
	return true
}

func (c *collector) stats() ([]store.Group, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); c.asked.IsZero() || now.Sub(c.asked) >= fresh || now.Before(c.asked) {
		ctx, cancel := context.WithTimeout(context.Background(), queryTime)
		defer cancel()
		c.last, c.err = c.rows.Stats(ctx)
		c.asked = now
	}
	return c.last, c.err
}
