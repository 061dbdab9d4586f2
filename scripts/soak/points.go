package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"coldsign/scripts/halves"
)

// point is a place at which a program is killed.
type point struct{ name, what string }

// crashes are the crash points. Those of one line are met by the same payments.
func crashes() [][]point {
	return [][]point{
		{{"K1", "row committed, reply not sent"}},
		{{"K2", "export: temporary file written, not renamed"}, {"K3", "export: renamed, nothing said"},
			{"K4", "sign: journal written, nothing signed left"}, {"K5", "sign: answer on the medium, not flushed"},
			{"K6", "import: verified, not committed"}, {"K7", "import: committed, nothing said"}},
		{{"K8", "intent committed, nothing sent"}},
		{{"K9", "bytes sent, reply not given"}},
		{{"K10", "reply given, not in the database"}},
		{{"K11", "accepted; the node forgets its pool"}},
		{{"K12", "completion committed, reply not sent"}},
		{{jumps, "nothing is killed: the online half's clock is set, days back and ahead"}},
		{{"K13", "schema migration"}},
		{{"K14", "change of passphrase, of policy"}},
	}
}

// jumps names what is no crash point: a clock that is set.
const jumps = "clock"

// sorted are the names of all points, in their order.
func sorted() (names []string) {
	for _, line := range crashes() {
		for _, p := range line {
			names = append(names, p.name)
		}
	}
	return names
}

// kill does what is to be done at the points of a line, as often as wanted.
func (d *driver) kill(ctx context.Context, line []point, times int) error {
	switch line[0].name {
	case "K1":
		return d.created(ctx, times)
	case "K2":
		return d.crossings(ctx, times)
	case "K12":
		return d.completed(ctx, times)
	case jumps:
		return d.jumping(ctx, times)
	case "K13":
		return d.migrated(ctx, times)
	case "K14":
		return d.changed(ctx, times)
	}
	for left := times; left > 0; left -= perBatch {
		if err := d.sending(ctx, line[0].name, min(left, perBatch)); err != nil {
			return err
		}
	}
	return nil
}

// perBatch is how many payments cross the gap together before they are sent.
const perBatch = 25

// points kills at each point that is named so often, and prints a line for each.
// apart has homes and a chain of its own for each line of crashes, so that none gets
// slow.
func points(ctx context.Context, p plan, times int, names []string, apart bool, out io.Writer) (clean bool, err error) {
	var groups [][][]point
	for _, line := range crashes() {
		if !slices.ContainsFunc(line, func(p point) bool { return slices.Contains(names, p.name) }) {
			continue
		}
		if apart || groups == nil {
			groups = append(groups, nil)
		}
		last := len(groups) - 1
		groups[last] = append(groups[last], line)
	}
	if p.Failing == "" {
		bin, err := temporary()
		if err != nil {
			return false, err
		}
		defer os.RemoveAll(bin)
		if p.Built, err = halves.Build(ctx, bin); err != nil {
			return false, err
		}
		if p.Failing, err = halves.BuildFailing(ctx, bin); err != nil {
			return false, err
		}
	}
	fmt.Fprintf(out, format, "point", "kills", "intended", "made", "doubled", "lost", "stuck", "seconds", "killed when")
	clean = true
	total := 0
	for _, lines := range groups {
		d, err := calmly(ctx, p)
		if err != nil {
			return false, err
		}
		kills, fine, err := d.group(ctx, lines, times, out)
		d.end()
		if err != nil {
			return false, fmt.Errorf("%w, in %s", err, d.Dir)
		}
		if fine {
			os.RemoveAll(d.Dir)
		}
		total, clean = total+kills, clean && fine
	}
	fmt.Fprintf(out, "%-5s %7d\n", "all", total)
	return clean, nil
}

const format = "%-5v %7v %9v %7v %8v %5v %6v %8v  %v\n"

// group kills at the points of some lines, waits until every payment has come to its
// end, and prints what became of them.
func (d *driver) group(ctx context.Context, lines [][]point, times int, out io.Writer) (total int, clean bool, err error) {
	took := map[string]time.Duration{}
	for _, line := range lines {
		began := time.Now()
		if err := d.kill(ctx, line, times); err != nil {
			return 0, false, fmt.Errorf("%s: %w", line[0].name, err)
		}
		took[line[0].name] = time.Since(began)
	}
	d.Kill()
	d.struck.Store(true)
	r, err := d.settle(ctx)
	if err != nil {
		return 0, false, err
	}
	for _, b := range r.Broken {
		fmt.Fprintln(d.Log, "BROKEN", b, "in", d.Dir)
	}
	clean = r.clean()
	for _, line := range lines {
		for _, at := range line {
			t, kills := r.Points[at.name], d.counts.group("point")[at.name]
			if t == nil {
				t = &tally{}
			}
			total, clean = total+kills, clean && kills >= times
			fmt.Fprintf(out, format, at.name, kills, t.Intended, t.Made, t.Doubled, t.Lost, t.Stuck, int(took[line[0].name].Seconds()), at.what)
		}
	}
	return total, clean, nil
}

// calmly is a driver without chance, in homes of its own.
func calmly(ctx context.Context, p plan) (*driver, error) {
	dir, err := temporary()
	if err != nil {
		return nil, err
	}
	d, err := begin(ctx, p, dir)
	if err != nil {
		return nil, err
	}
	d.calm, d.failing = true, p.Failing
	for _, n := range d.nodes {
		n.mu.Lock()
		n.strike = d.strike
		n.mu.Unlock()
	}
	return d, nil
}

// met counts a kill at a point.
func (d *driver) met(name string) { d.counts.add("point", name) }

// some asks for so many payments, which have to do with the points.
func (d *driver) some(ctx context.Context, n int, points ...string) ([]*payment, error) {
	from := len(d.payments)
	if err := d.alive(ctx); err != nil {
		return nil, err
	}
	for range n {
		if err := d.pay(ctx); err != nil {
			return nil, err
		}
		d.payments[len(d.payments)-1].points = points
	}
	return d.payments[from:], nil
}
