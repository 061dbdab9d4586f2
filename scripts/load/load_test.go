package load

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"coldsign/scripts/halves"
)

// TestTransport: a small part of the attack; the bench does all of it, and tells times,
// which no test depends on. What is here is that everybody healthy is answered, all
// else refused, and memory bounded.
func TestTransport(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	dir := t.TempDir()
	programs, err := halves.BuildQuick(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	s := Size{Idle: 1000, Slow: 50, Endless: 4, Huge: 4, Bombs: 4, Strange: 4, Time: 6 * time.Second}
	f, err := Run(ctx, programs.Online, filepath.Join(dir, "home"), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", f)
	if f.Failed > 0 {
		t.Errorf("%d of %d healthy requests failed", f.Failed, f.Asked)
	}
	if f.RSS > 512<<20 {
		t.Errorf("the server held %d MiB", f.RSS>>20)
	}
	for got := range f.Statuses {
		kind, status, _ := strings.Cut(got, " ")
		if got == "length and chunks 200" { // RFC 9112 section 6.3: the chunks count, as they do here
			continue
		}
		for _, ok := range []string{" 413", " 400", " 408", " 415", " closed"} {
			if strings.HasSuffix(got, ok) {
				status = ""
			}
		}
		if status != "" {
			t.Errorf("%s was answered: %s", kind, got)
		}
	}
	for _, kind := range []string{"endless", "1 GiB", "gzip", "two lengths", "length and chunks"} {
		seen := false
		for got := range f.Statuses {
			seen = seen || strings.HasPrefix(got, kind+" ")
		}
		if !seen {
			t.Errorf("no answer to %s in %v", kind, f.Statuses)
		}
	}
}
