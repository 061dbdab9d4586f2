package store

import (
	"context"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"testing"

	"coldsign/online/internal/pending"
)

// BenchmarkPending lists 1,000 open rows among a million, for 25,000 signature
// ids. The database is built once, before the clock starts.
func BenchmarkPending(b *testing.B) {
	const rows, open, ids = 1_000_000, 1_000, 25_000
	path := filepath.Join(b.TempDir(), "kms.db")
	s, err := Open(context.Background(), path, fixed)
	ok(b, err)
	defer s.Close()
	for at := 0; at < rows; {
		ok(b, s.write(context.Background(), func(t *tx) error {
			for range 50_000 {
				p := number(at, func(p *pending.Transaction) { p.Request = fmt.Appendf(make([]byte, 300), "request %d", at) })
				p.State, p.Created = pending.Cancelled, epoch
				if at%(rows/open) == 0 {
					p.State = pending.Pending
				}
				p.Digest = sha256.Sum256(p.Request)
				if err := t.insert(p); err != nil {
					return err
				}
				at++
			}
			return nil
		}))
	}
	wanted := make([]string, ids)
	for i := range wanted {
		wanted[i] = number(i * (rows / ids)).Hashes[0]
	}
	b.Run("ids", func(b *testing.B) {
		for b.Loop() {
			list, err := s.Pending(context.Background(), "a", "BTC", wanted)
			if err != nil || len(list) != open {
				b.Fatalf("%d rows, %v", len(list), err)
			}
		}
	})
	b.Run("all", func(b *testing.B) {
		for b.Loop() {
			if list, err := s.Pending(context.Background(), "a", "BTC", nil); err != nil || len(list) != open {
				b.Fatalf("%d rows, %v", len(list), err)
			}
		}
	})
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			s, err := Open(context.Background(), path, fixed)
			ok(b, err)
			s.Close()
		}
	})
	b.Run("create", func(b *testing.B) {
		for n := rows; b.Loop(); n++ {
			_, err := s.Create(context.Background(), number(n), Idempotency{Key: fmt.Sprint(n)})
			ok(b, err)
		}
	})
}
