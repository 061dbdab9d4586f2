package store

import (
	"context"
	"sync"
	"time"

	"coldsign/shared/fault"
)

// Quota is how many open rows each tenant may have unless SetQuota says otherwise:
// far above what people review, and a bound on what one caller can heap on them.
const Quota = 100_000

// tallyTime is how long a count of open rows is relied on. Servers count each for
// itself, so that several of them may pass the quota by what they make in this time.
const tallyTime = time.Second

// quota counts the open rows of tenants.
type quota struct {
	mu    sync.Mutex
	most  int // 0: Quota
	rows  map[string]int
	until map[string]time.Time
}

// SetQuota sets how many open rows each tenant may have.
func (s *Store) SetQuota(rows int) { s.quota.most = rows }

// within refuses a tenant that has as many open rows as it may.
func (s *Store) within(ctx context.Context, tenant string) error {
	q := &s.quota
	q.mu.Lock()
	defer q.mu.Unlock()
	most := q.most
	if most == 0 {
		most = Quota
	}
	now := s.now()
	if at, ok := q.until[tenant]; !ok || !now.Before(at) || at.Sub(now) > tallyTime {
		var n int
		err := s.db.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT 1 FROM transactions WHERE tenant = ? AND "+isOpen+" LIMIT ?) AS found", tenant, most).Scan(&n)
		if err != nil {
			return s.fail(err)
		}
		if q.rows == nil {
			q.rows, q.until = map[string]int{}, map[string]time.Time{}
		}
		q.rows[tenant], q.until[tenant] = n, now.Add(tallyTime)
	}
	if q.rows[tenant] >= most {
		return fault.New("quota.exceeded", "have them signed, or cancel what nobody wants", "there are %d open transactions, and that many are allowed", most)
	}
	q.rows[tenant]++
	return nil
}
