package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"coldsign/scripts/halves"
)

// patience is for what should happen at once.
const patience = time.Minute

// failAt starts the server of the test build, which ends at the place.
func (d *driver) failAt(ctx context.Context, place string) error {
	d.Kill()
	shipped := d.Programs.Online
	d.Programs.Online, d.Env = d.failing, []string{"COLDSIGN_FAILPOINT=" + place, "COLDSIGN_CLOCK=" + d.Path("clock")}
	defer func() { d.Programs.Online, d.Env = shipped, nil }()
	d.struck.Store(true) // whoever needs a server starts another
	return d.Serve(ctx)
}

// dead waits until the server has ended by itself, and counts that.
func (d *driver) dead(ctx context.Context, place string) error {
	select {
	case <-d.Ended():
		d.Kill()
		d.met(place)
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(patience):
		return errors.New("it was not killed")
	}
}

// created kills the server when a row is committed (K1). The next one answers the
// same request with that row, and dies of the one after it.
func (d *driver) created(ctx context.Context, times int) error {
	var last *payment
	for range times {
		if err := d.failAt(ctx, "K1"); err != nil {
			return err
		}
		if last != nil {
			if err := d.submit(ctx, last); err != nil {
				return err
			}
		}
		p, err := d.intend()
		if err != nil {
			return err
		}
		p.points, last = []string{"K1"}, p
		if err := d.submit(ctx, p); err == nil {
			return fmt.Errorf("%s was answered", p.key)
		}
		if err := d.dead(ctx, "K1"); err != nil {
			return err
		}
	}
	if err := d.alive(ctx); err != nil {
		return err
	}
	if err := d.submit(ctx, last); err != nil {
		return err
	}
	return d.crossed(ctx, "")
}

// submit sends a payment to the server that runs, once.
func (d *driver) submit(ctx context.Context, p *payment) error {
	row, err := d.Submit(ctx, p.key, p.submission)
	if err == nil && p.id != "" && p.id != row.ID {
		d.breakf("%s is row %s and row %s", p.key, p.id, row.ID)
	}
	if err == nil {
		p.id = row.ID
	}
	return err
}

// sending has so many payments signed, and then the server killed at the point for
// each of them, once.
func (d *driver) sending(ctx context.Context, place string, n int) error {
	if _, err := d.some(ctx, n, place); err != nil {
		return err
	}
	d.Kill() // nothing of it is sent yet
	d.struck.Store(true)
	d.still.Store(place == "K11")
	defer d.still.Store(false)
	if err := d.crossed(ctx, ""); err != nil {
		return err
	}
	if place == "K9" {
		return d.unanswered(ctx, n)
	}
	for range n {
		if err := d.failAt(ctx, place); err != nil {
			return err
		}
		if err := d.dead(ctx, place); err != nil {
			return err
		}
		if place == "K11" {
			d.ledger.forget()
			d.counts.add("pool", "forgotten")
		}
	}
	return nil
}

// unanswered kills the server when a node has its bytes and says nothing (K9).
func (d *driver) unanswered(ctx context.Context, n int) error {
	for _, node := range d.nodes {
		node.strikeAlways("before the reply")
		defer node.strikeAlways("")
	}
	for range n {
		d.Kill()
		if err := d.start(ctx); err != nil {
			return err
		}
		if err := d.dead(ctx, "K9"); err != nil {
			return err
		}
	}
	return nil
}

func (n *node) strikeAlways(point string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.always = point
}

// jumping sends payments while the clock of the online half is set so often. What has
// been written down of times is then of the future, or of long ago.
func (d *driver) jumping(ctx context.Context, times int) error {
	list, err := d.some(ctx, min(times, perBatch), jumps)
	if err != nil {
		return err
	}
	if err := d.crossed(ctx, ""); err != nil {
		return err
	}
	if err := d.failAt(ctx, ""); err != nil { // the build whose clock can be set
		return err
	}
	// What is on its way by then may be found complete by a clock that is wrong too.
	for _, p := range d.payments {
		row, err := d.Get(ctx, p.id)
		if err != nil {
			return err
		}
		p.jumped = row.State != "complete"
	}
	d.struck.Store(false)
	for i := range times {
		offset := fmt.Sprint(rand.IntN(20*86400) - 10*86400)
		if err := os.WriteFile(d.Path("clock"), []byte(offset), 0o600); err != nil {
			return err
		}
		d.met(jumps)
		if _, err := d.Get(ctx, list[i%len(list)].id); err != nil {
			return err
		}
		if _, err := d.some(ctx, 1, jumps); err != nil {
			return err
		}
	}
	for _, p := range list { // they need no clock that is right
		if _, err := d.until(ctx, p.id, "broadcast", "complete"); err != nil {
			return err
		}
	}
	d.Kill() // what was created meanwhile crosses the gap by a clock that is right
	d.struck.Store(true)
	return d.crossed(ctx, "")
}

// completed kills the server when a client's completion is committed (K12), and
// asks again.
func (d *driver) completed(ctx context.Context, times int) error {
	list, err := d.some(ctx, min(times, perBatch), "K12")
	if err != nil {
		return err
	}
	if err := d.crossed(ctx, ""); err != nil {
		return err
	}
	for i := range times {
		p := list[i%len(list)]
		row, err := d.until(ctx, p.id, "broadcast", "complete")
		if err != nil {
			return err
		}
		if err := d.failAt(ctx, "K12"); err != nil {
			return err
		}
		if err := d.Complete(ctx, p.id, row.TxID); err == nil {
			return errors.New("it was answered")
		}
		if err := d.dead(ctx, "K12"); err != nil {
			return err
		}
		if err := d.alive(ctx); err != nil {
			return err
		}
		if err := d.Complete(ctx, p.id, row.TxID); err != nil {
			return fmt.Errorf("the same again: %w", err)
		}
		if r, err := d.Get(ctx, p.id); err != nil || r.TxID != row.TxID || r.State != "broadcast" && r.State != "complete" {
			d.breakf("%s is %s %s after a repeated PUT: %v", p.key, r.State, r.TxID, err)
		}
	}
	return nil
}

// until waits for one of the states.
func (d *driver) until(ctx context.Context, id string, states ...string) (row halves.Row, err error) {
	for end := time.Now().Add(patience); ; {
		if err := d.alive(ctx); err != nil {
			return row, err
		}
		if row, err = d.Get(ctx, id); err != nil {
			return row, err
		}
		if slices.Contains(states, row.State) {
			return row, nil
		}
		if time.Now().After(end) {
			return row, fmt.Errorf("%s is still %s", id, row.State)
		}
		select {
		case <-ctx.Done():
			return row, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}
