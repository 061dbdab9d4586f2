package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// faulty is what goes wrong between the online half and any node.
type faulty struct {
	mu     sync.Mutex
	rate   float64      // of requests that go wrong
	always string       // the point of sending at which it strikes each time
	strike func(string) // kills the online half at a point of sending; may be nil
	counts map[string]int
}

func (f *faulty) trouble(rate float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rate = rate
}

func (f *faulty) striking(strike func(string)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.strike = strike
}

// pick decides what goes wrong with a call: what may with any, or one of more; "" for
// nothing.
func (f *faulty) pick(more []string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if rand.Float64() >= f.rate {
		return ""
	}
	kinds := append([]string{"dropped before", "dropped after", "delayed", "null", "HTML", "busy", "cut short"}, more...)
	if rand.IntN(6) == 0 {
		kinds = append(more, "endless body")
	}
	kind := kinds[rand.IntN(len(kinds))]
	f.counts[kind]++
	return kind
}

func (f *faulty) struck(point string) {
	f.mu.Lock()
	strike, sure := f.strike, f.always == point || rand.Float64() < f.rate/3
	f.mu.Unlock()
	if strike != nil && sure {
		strike(point)
	}
}

// before is what goes wrong before the call has any effect; true if that is all.
func (f *faulty) before(w http.ResponseWriter, r *http.Request, kind string) bool {
	switch kind {
	case "dropped before":
		panic(http.ErrAbortHandler)
	case "delayed":
		select {
		case <-r.Context().Done():
		case <-time.After(time.Duration(rand.IntN(2000)) * time.Millisecond):
		}
	case "HTML":
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<html><body>\x1b[2Jlog in</body></html>")
		return true
	case "busy":
		http.Error(w, "busy", http.StatusServiceUnavailable)
		return true
	case "endless body":
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"jsonrpc":"2.0","id":1,"result":"`)
		page := strings.Repeat("a", 1<<16)
		for range 10 << 14 { // ten gigabytes, or as much as is taken
			if _, err := fmt.Fprint(w, page); err != nil {
				break
			}
		}
		return true
	}
	return false
}
