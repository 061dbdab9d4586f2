package store

import (
	"context"
	"sync"
	"time"
)

// skew is how far the time may be from the database's before it is set: what an answer
// takes is below it.
const skew = time.Second

// serverTime is the time of a database server, as it was told last, carried on by what
// has passed since on this machine, where nobody's setting a clock changes it.
type serverTime struct {
	mu   sync.Mutex
	told time.Time // zero: this machine's clock is used
	at   time.Time // when, on this machine
}

// hear takes the server's time, in Unix milliseconds.
func (c *serverTime) hear(millis int64) {
	told := time.UnixMilli(millis)
	c.mu.Lock()
	defer c.mu.Unlock()
	if off := told.Sub(c.told.Add(time.Since(c.at))); off.Abs() > skew {
		c.told, c.at = told, time.Now()
	}
}

func (c *serverTime) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.told.Add(time.Since(c.at))
}

// KeepTime has this process live by the clock of the database's server from now on, and
// Now give it. Several servers must agree whether a deadline has passed and how long ago
// something was noted, whatever their own clocks say. A file has one server, and keeps
// that one's clock. It is called before anything else uses the store.
func (s *Store) KeepTime(ctx context.Context) error {
	e, ok := s.engine.(postgresEngine)
	if !ok {
		return nil
	}
	var millis int64
	if err := s.db.QueryRowContext(ctx, "SELECT "+clock).Scan(&millis); err != nil {
		return s.fail(err)
	}
	e.time.hear(millis)
	s.now = e.time.now
	return nil
}
