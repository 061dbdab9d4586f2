package api_test

import (
	"math"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// welch compares how long two kinds of requests take: they are asked in random order,
// and the slowest tenth, which is the machine's, is left out. What it gives grows with
// the difference; beyond 10 there is one.
func welch(n int, ask func(second bool)) float64 {
	var took [2][]float64
	for range n {
		kind := rand.IntN(2)
		began := time.Now()
		ask(kind == 1)
		took[kind] = append(took[kind], float64(time.Since(began)))
	}
	var mean, spread [2]float64
	for i, list := range took {
		slices.Sort(list)
		list = list[:len(list)*9/10]
		for _, x := range list {
			mean[i] += x / float64(len(list))
		}
		for _, x := range list {
			spread[i] += (x - mean[i]) * (x - mean[i]) / float64(len(list)-1) / float64(len(list))
		}
	}
	return math.Abs(mean[0]-mean[1]) / math.Sqrt(spread[0]+spread[1])
}

// TestATT115KeyTiming: a key that begins as a valid one is refused as fast as one that
// does not; a comparison that stops early is found by the same measurement.
func TestATT115KeyTiming(t *testing.T) {
	n := 4000
	if os.Getenv("COLDSIGN_SOAK") != "" {
		n = 1_000_000
	}
	r := newRig(t)
	valid := r.keys["a/read"]
	at := strings.IndexByte(valid[4:], '_') + 5 // csk_ID_SECRET
	none := valid[:at] + strings.Repeat("-", len(valid)-at)
	most := valid[:len(valid)-1] + "-"
	ask := func(key string) int {
		q := httptest.NewRequest("GET", "/v1/transactions", nil)
		q.Header.Set("x-api-key", key)
		w := httptest.NewRecorder()
		r.handler.ServeHTTP(w, q)
		return w.Code
	}
	if ask(valid) != 200 || ask(none) != 401 || ask(most) != 401 {
		t.Fatal("the keys are not what they should be")
	}
	key := map[bool]string{false: none, true: most}
	found := math.Inf(1)
	for range 3 { // others use this machine
		found = min(found, welch(n, func(second bool) { ask(key[second]) }))
	}
	early := welch(n, func(second bool) {
		ask(none)
		for i := 0; i < len(valid) && key[second][i] == valid[i]; i++ {
			for end := time.Now().Add(time.Microsecond); time.Now().Before(end); {
			}
		}
	})
	t.Logf("%.1f, and %.1f where a comparison stops early", found, early)
	if found > 10 || early < 10 {
		t.Errorf("%.1f, want at most 10; %.1f, want more than 10", found, early)
	}
}
