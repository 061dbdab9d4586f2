package store

import (
	"context"
	"strings"

	"coldsign/shared/chain"
)

// Reserved gives those of the names, as pending.Transaction's Reserve has them, that a
// row uses up on the network. It may be otherwise a moment later: Create decides.
func (s *Store) Reserved(ctx context.Context, network chain.ID, names []string) (map[string]bool, error) {
	const chunk = 500
	held := map[string]bool{}
	for len(names) > 0 {
		n := min(len(names), chunk)
		args := make([]any, 1, n+1)
		args[0] = string(network)
		for _, name := range names[:n] {
			args = append(args, name)
		}
		names = names[n:]
		rows, err := s.db.QueryContext(ctx, "SELECT key FROM reservations WHERE network = ? AND key IN (?"+strings.Repeat(", ?", n-1)+")", args...)
		list, err := all(rows, err, func(from scanner) (key string, err error) { return key, from.Scan(&key) })
		if err != nil {
			return nil, s.fail(err)
		}
		for _, key := range list {
			held[key] = true
		}
	}
	return held, nil
}
