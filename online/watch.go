package main

import (
	"net"
	"net/http"
	"time"

	"coldsign/online/internal/broadcast"
	"coldsign/online/internal/metrics"
	"coldsign/shared/fault"
)

// watch is what Prometheus reads, at an address of its own: the numbers need no
// API key, so they are not where the API is.
type watch struct {
	metrics *metrics.Metrics
	server  *http.Server
	address string // "" where nobody asked for it
}

// watch listens where --metrics or the configuration says.
func (h *home) watch(loop *broadcast.Loop) (*watch, error) {
	m, err := metrics.New(h.store, h.now, version())
	if err != nil {
		return nil, err
	}
	w := &watch{metrics: m}
	loop.Watch = m
	listen := h.opt.metrics
	if listen == "" {
		listen = h.config.Metrics
	}
	if listen == "" {
		return w, nil
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, fault.New("serve.listen", "give another --metrics", "cannot listen on %q", listen)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", m.Handler())
	w.address = l.Addr().String()
	w.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 8 << 10}
	go w.server.Serve(l) // ends with close
	return w, nil
}

func (w *watch) request(route string, status int, took time.Duration) {
	w.metrics.Request(route, status, took)
}

// said adds where the numbers are to what serve says.
func (w *watch) said(doc map[string]any) map[string]any {
	if w.address != "" {
		doc["metrics"] = w.url()
	}
	return doc
}

// url is where the numbers are scraped, or "".
func (w *watch) url() string {
	if w.address == "" {
		return ""
	}
	return "http://" + w.address + "/metrics"
}

func (w *watch) close() {
	if w.server != nil {
		w.server.Close()
	}
}
